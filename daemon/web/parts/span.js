// The time that a page tells of, in the address: window, or from and to. It is kept while one goes from page to page.
import { el } from "./dom.js";
import { dateTimeText, localInput, timeOf, zone } from "./format.js";
import { popup } from "./popup.js";
import { text } from "./texts.js";

const kWindows = ["1h", "6h", "12h", "24h", "7d", "30d"];
const kUsual = "24h";

export const spanOf = ({ window, from, to }) => (from && to ? { from, to } : { window: kWindows.includes(window) ? window : kUsual });

// What moves along to other pages.
export const spanPart = ({ window, from, to }) => ({ window, from, to });

// "2026-11-22T13:05" is told as it stands, seconds since 1970 in the operator's zone.
function told(t) {
  if (/^\d+$/.test(t)) return dateTimeText(Number(t));
  const date = new Date(`${t}Z`);
  if (Number.isNaN(date.getTime())) return t;
  return timeOf(date.toISOString(), { timeZone: "UTC", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

const asInput = (t, usual) => (t ? (/^\d+$/.test(t) ? localInput(Number(t)) : t.slice(0, 16)) : localInput(usual));

function rangeForm(context, close) {
  const { from, to } = context.query;
  const now = Date.now() / 1000;
  const field = (name, label, value) => el("label", {}, label, el("input", { type: "datetime-local", name, required: true, value }));
  const trouble = el("p", { class: "trouble", role: "alert" });
  const send = (event) => {
    event.preventDefault();
    const asked = Object.fromEntries(new FormData(event.target));
    if (asked.from >= asked.to) {
      trouble.textContent = text("rangeOrder");
      return;
    }
    close();
    context.go({ window: null, from: asked.from, to: asked.to, cursor: null });
  };
  return el("form", { class: "fields", onsubmit: send }, field("from", text("rangeFrom"), asInput(from, now - 86400)),
    field("to", text("rangeTo"), asInput(to, now)), el("p", { class: "quiet" }, text("rangeZone", { zone: zone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone })),
    trouble, el("button", { type: "submit", class: "primary" }, text("rangeShow")));
}

export function spanPicker(context, windows = kWindows) {
  const { from, to, window = kUsual } = context.query;
  // Who names his windows answers no others.
  const free = windows === kWindows;
  const custom = free && Boolean(from && to);
  const current = free || windows.includes(window) ? window : windows.at(-1);
  const pick = (name) => el("button", { type: "button", "aria-pressed": String(!custom && name === current),
    onclick: () => context.go({ window: name === kUsual ? null : name, from: null, to: null, cursor: null }) }, text(`window.${name}`));
  return el("div", { class: "group span", role: "group", "aria-label": text("span") }, windows.map(pick),
    !free ? null : el("button", { type: "button", "aria-pressed": String(custom), "aria-haspopup": "dialog", "aria-expanded": "false",
      onclick: (event) => popup(event.currentTarget, text("range"), (close) => rangeForm(context, close)) },
    custom ? `${told(from)} – ${told(to)}` : text("range")));
}
