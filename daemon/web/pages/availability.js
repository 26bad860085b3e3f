// Which models and channels answered, slot by slot.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { compact, duration, number, percent, timeOf } from "../parts/format.js";
import { objectLink, objectName } from "../parts/object.js";
import { exportButtons, hashOf } from "../parts/page.js";
import { chip, empty } from "../parts/states.js";
import { kLevels, levelOf, slotName, strip, stripLabel } from "../parts/strip.js";
import { table } from "../parts/table.js";
import { plural, text } from "../parts/texts.js";
import { panel, pick, sum } from "../parts/traffic.js";
import "../texts/availability.js";

const kBy = ["model", "channel"];
const kWindows = ["1h", "6h", "12h", "24h", "7d"];
const kNow = 900; // s: what counts as now
const kAsTable = 200;
const kLevelKinds = { good: "ok", fair: "warn", poor: "warn", down: "bad", none: "" };
const kGatewayOff = 3; // as the gateway numbers them: 2 is by hand

const byOf = (query) => (kBy.includes(query.by) ? query.by : kBy[0]);
const windowOf = (query) => (kWindows.includes(query.window) ? query.window : query.window === "30d" ? "7d" : "24h");

async function load(query, signal) {
  const by = byOf(query);
  const window = windowOf(query);
  const [answer, channels] = await Promise.all([ask("availability", { window, by }, signal), by === "channel" ? ask("channels", { window: "1h" }, signal) : null]);
  return { ...answer, by, off: new Map((channels?.rows ?? []).filter(({ status }) => status > 1).map(({ id, status }) => [id, status])) };
}

// How it is now: the mean of the newest slots, of the last quarter of an hour at least.
function nowOf(row, slot) {
  const last = row.slots.slice(-Math.max(2, Math.ceil(kNow / slot))).filter((rate) => rate != null);
  return levelOf(last.length === 0 ? null : sum(last) / last.length).name;
}

function headline({ rows, slot, by, from, to }) {
  const levels = rows.map((row) => nowOf(row, slot));
  const bad = levels.filter((name) => name === "poor" || name === "down").length;
  const idle = levels.every((name) => name === "none");
  const requests = sum(rows.map((row) => row.requests));
  const good = sum(rows.map((row) => (row.rate ?? 0) * row.requests));
  const kind = idle ? "" : bad > 0 ? "bad" : "ok";
  const said = idle ? text("availSilent") : bad > 0 ? plural(by === "model" ? "availSomeBad" : "availSomeBadChannels", bad, { all: number(rows.length) }) : text("availAllGood");
  return el("section", { class: `card state-card ${kind}` }, el("span", { class: `lamp ${kind}`, "aria-hidden": "true" }),
    el("div", {}, el("h2", { class: "state-title" }, said),
      el("p", { class: "quiet" }, text("availWhole", { rate: percent(requests > 0 ? good / requests : null), n: compact(requests) }), " · ", duration(to - from))));
}

function axis({ from, to }) {
  const long = to - from > 86400;
  const shown = (t) => timeOf(t, long ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return el("div", { class: "strip-axis quiet", "aria-hidden": "true" }, [0, 0.25, 0.5, 0.75].map((part) => el("span", {}, shown(from + part * (to - from)))), el("span", {}, text("now")));
}

const errorsHash = (row, from, slot) => hashOf("logs", { [row.kind]: row.id ?? row.name, kind: "error", from, to: from + slot });

function oneRow(row, data, context) {
  const { from, slot } = data;
  const level = nowOf(row, slot);
  const off = data.off.get(row.id);
  const { query } = context;
  return el("li", { class: "strip-row", "data-key": `${row.id} ${row.name}` }, el("div", { class: "strip-head" }, el("h3", {}, objectLink(row, { window: windowOf(query) })),
    row.kind === "channel" && off ? el("span", { title: text(off === kGatewayOff ? "availOffBy" : "availOffHand") }, chip(text("availOff"), "warn")) : null,
    el("span", { title: text("availNowNote") }, chip(text(`availNow.${level}`), kLevelKinds[level])), el("span", { class: "quiet requests", title: number(row.requests) }, plural("availRequests", row.requests, { n: compact(row.requests) })),
    el("b", { class: `rate ${kLevelKinds[levelOf(row.rate).name]}` }, percent(row.rate))),
  strip({ row, from, slot, label: stripLabel(objectName(row), row, from, slot), choose: (at) => { location.hash = errorsHash(row, at, slot); } }));
}

const legend = (slot) => el("ul", { class: "levels quiet" }, el("li", {}, text("availLegend", { slot: duration(slot) })), [...kLevels, { name: "none" }].map(({ name }) =>
  el("li", {}, el("span", { class: `level ${name}`, "aria-hidden": "true" }), text(`availLevel.${name}`))));

function failures(data, context) {
  const rows = data.rows.flatMap((row) => row.slots.map((rate, at) => ({ row, rate, at, from: data.from + at * data.slot }))).filter(({ rate }) => rate != null && rate < 1)
    .sort((a, b) => b.from - a.from || a.rate - b.rate).slice(0, kAsTable);
  if (rows.length === 0) return el("p", { class: "quiet" }, text("availNoFailures"));
  return table({ caption: text("availTable"), rows, key: ({ row, from }) => `${row.id} ${row.name} ${from}`, columns: [
    { name: text("availSlot"), value: ({ from }) => slotName(from, data.slot) },
    { name: text(`availBy.${data.by}`), value: ({ row }) => objectLink(row, { window: windowOf(context.query) }) },
    { name: text("availRate"), kind: "number", value: ({ rate }) => percent(rate) },
    { name: text("availCount"), kind: "number", value: ({ row, at }) => number(row.slot_requests[at]) },
    { name: text("availErrors"), kind: "number", value: ({ row, at, from }) => el("a", { href: errorsHash(row, from, data.slot) }, number(row.slot_errors[at])) }] });
}

function content(data, context) {
  const { query } = context;
  const picker = pick({ label: text("availBy"), key: "by", values: kBy, current: data.by, context, word: (name) => text(`availBy.${name}`) });
  if (data.rows.length === 0) return [el("div", { class: "bar-line" }, picker), el("section", { class: "card" }, empty(text("availNone"), text("availNoneHint")))];
  const open = query.slots === "1";
  return [headline(data), panel(text(`availBy.${data.by}`), picker, legend(data.slot),
    el("ul", { class: "strips" }, data.rows.map((row) => oneRow(row, data, context))), axis(data),
    el("div", { class: "card-foot" }, el("span", { class: "quiet" }, text("availHint")), el("button", { type: "button", class: "plain", "aria-expanded": String(open),
      onclick: () => context.go({ slots: open ? null : "1" }) }, text(open ? "availHideTable" : "availShowTable"))), open ? el("div", { class: "numbers" }, failures(data, context)) : null)];
}

export const page = {
  name: "availability", title: "navAvailability", every: 15000, span: kWindows, inPlace: ["slots"], load,
  actions: (data, { query }) => exportButtons("availability", { window: windowOf(query), by: byOf(query) }),
  render: (root, data, context) => paint(root, content(data, context)),
};
