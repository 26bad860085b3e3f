// A strip of slots of time, each as high and as coloured as its part of requests that did not fail. The pointer tells a
// slot; a click asks for the logs of it. So do the arrows and Enter: the strip is one stop of the Tab key.
import { svg } from "./dom.js";
import { number, percent, timeOf } from "./format.js";
import { text } from "./texts.js";
import { hideTip, showTip } from "./tip.js";

const kHeight = 28;
// From what rate on, how high: colour alone must not tell it.
export const kLevels = [{ name: "good", from: 0.99, high: 28 }, { name: "fair", from: 0.95, high: 23 }, { name: "poor", from: 0.8, high: 17 }, { name: "down", from: -1, high: 11 }];
const kNone = { name: "none", high: 28 };

export const levelOf = (rate) => (rate == null ? kNone : kLevels.find(({ from }) => rate >= from));

const day = { weekday: "short", month: "short", day: "numeric" };
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
export const slotName = (from, slot) => `${timeOf(from, { ...day, ...clock })} – ${timeOf(from + slot, clock)}`;

function slotAt(event, slots) {
  const box = event.currentTarget.getBoundingClientRect();
  return Math.max(0, Math.min(slots.length - 1, Math.floor((event.clientX - box.left) / box.width * slots.length)));
}

// Where the keyboard stands in each strip, so that a painting does not move it.
const places = new Map();

const kMoves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };

// What is told of a slot: to the eye beside the strip, to the ear as its value.
function facts({ slots, slot_requests: requests, slot_errors: errors }, at) {
  if (slots[at] == null) return [{ name: text("availRate"), value: text("availNoTraffic") }];
  return [{ name: text("availRate"), value: percent(slots[at]) }, { name: text("availCount"), value: number(requests[at]) }, { name: text("availErrors"), value: number(errors[at]) }];
}
const spoken = (row, from, slot, at) => `${slotName(from + at * slot, slot)}: ${facts(row, at).map(({ name, value }) => `${name} ${value}`).join(", ")}`;

// Slots of one level that stand side by side keep their own bars: the gaps show the time going by.
export function strip({ row, from, slot, label, choose }) {
  const { slots } = row;
  const gap = slots.length > 120 ? 0.22 : 0.28;
  const bars = slots.map((rate, at) => {
    const { name, high } = levelOf(rate);
    return svg("rect", { class: name, x: at + gap / 2, y: kHeight - high, width: 1 - gap, height: high });
  });
  const id = `${row.kind} ${row.id} ${row.name}`;
  const last = slots.length - 1;
  const place = () => Math.min(last, places.get(id) ?? last);
  const cursor = svg("rect", { class: "cursor", x: place(), y: 0, width: 1, height: kHeight });
  const node = svg("svg", { class: "strip", viewBox: `0 0 ${slots.length} ${kHeight}`, preserveAspectRatio: "none", tabindex: "0", role: "slider", "aria-label": label,
    "aria-valuemin": "0", "aria-valuemax": String(last), "aria-valuenow": String(place()), "aria-valuetext": spoken(row, from, slot, place()) }, bars, cursor);
  node.onpointermove = (event) => {
    const at = slotAt(event, slots);
    showTip(event.clientX, event.currentTarget.getBoundingClientRect().bottom + 6, slotName(from + at * slot, slot), facts(row, at));
  };
  const showPlace = (target) => {
    const at = place();
    target.setAttribute("aria-valuenow", String(at));
    target.setAttribute("aria-valuetext", spoken(row, from, slot, at));
    target.querySelector(".cursor").setAttribute("x", String(at));
    if (!target.matches(":focus-visible")) return;
    const box = target.getBoundingClientRect();
    showTip(box.left + (at + 1) / slots.length * box.width, box.bottom + 6, slotName(from + at * slot, slot), facts(row, at));
  };
  node.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") choose(from + place() * slot);
    else if (event.key === "Escape") hideTip();
    else if (event.key in kMoves) {
      places.set(id, Math.max(0, Math.min(last, place() + kMoves[event.key])));
      showPlace(event.currentTarget);
    } else return;
    event.preventDefault();
  };
  node.onfocus = (event) => showPlace(event.currentTarget);
  node.onblur = hideTip;
  node.onpointerleave = hideTip;
  node.onclick = (event) => choose(from + slotAt(event, slots) * slot);
  return node;
}

// The worst slots in words, for those who do not see the strip.
export function stripLabel(name, row, from, slot) {
  const known = row.slots.map((rate, at) => ({ rate, at })).filter(({ rate }) => rate != null);
  const worst = known.reduce((least, one) => (least === null || one.rate < least.rate ? one : least), null);
  return text("availStrip", { name, rate: percent(row.rate), n: number(known.length), all: number(row.slots.length),
    worst: percent(worst?.rate), when: worst === null ? "–" : slotName(from + worst.at * slot, slot),
    errors: number(row.slot_errors[worst?.at] ?? 0), requests: number(row.slot_requests[worst?.at] ?? 0) });
}
