// Which models and channels answered, slot by slot.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { compact, duration, number, percent, timeOf } from "../parts/format.js";
import { objectLink, objectName } from "../parts/object.js";
import { worded } from "../parts/operation.js";
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
  const [answer, channels, status] = await Promise.all([ask("availability", { window, by }, signal), ask("channels", { window: "1h" }, signal), ask("status", {}, signal)]);
  return { ...answer, by, status, off: new Map(channels.rows.filter((one) => one.status > 1).map((one) => [one.id, one.status])) };
}

// How it is now: the requests of the newest slots, of the last quarter of an hour at least.
function nowOf(row, slot) {
  const newest = -Math.max(2, Math.ceil(kNow / slot));
  const requests = sum(row.slot_requests.slice(newest));
  return levelOf(requests === 0 ? null : 1 - sum(row.slot_errors.slice(newest)) / requests).name;
}

// What is not well though requests may succeed: [what, the way there, how bad].
function troublesOf({ status, off }) {
  const firing = (status.alerts ?? []).filter(({ state }) => state === "firing");
  const found = ["critical", "warning"].map((severity) => [firing.filter((alert) => alert.severity === severity).length, severity]).filter(([n]) => n > 0)
    .map(([n, severity]) => [plural("availFiring", n, { severity: worded("word", severity) }), hashOf("alerts", { severity }), severity === "critical" ? "bad" : "warn"]);
  const add = (key, n, href, kind = "warn") => { if (n > 0) found.push([plural(key, n), href, kind]); };
  add("availMoreFiring", sum((status.more_alerts ?? []).map(({ series }) => series)), hashOf("alerts"));
  add("availOpen", status.breaker?.open?.length ?? 0, hashOf("breaker"));
  add("availOffGateway", [...off.values()].filter((state) => state === kGatewayOff).length, hashOf("availability", { by: "channel" }));
  if (status.readiness?.ready === false) found.push([text("availNotReady"), hashOf("health"), "bad"]);
  add("availSending", (status.outbox?.notifiers ?? []).filter(({ last_error: error }) => error != null).length, hashOf("delivery"));
  add("availDead", status.outbox?.failed ?? 0, hashOf("delivery", { state: "dead" }));
  return found;
}

function headline(data) {
  const { rows, slot, by, from, to } = data;
  const troubles = troublesOf(data);
  const levels = rows.map((row) => nowOf(row, slot));
  const bad = levels.filter((name) => name === "poor" || name === "down").length;
  const idle = levels.every((name) => name === "none");
  const requests = sum(rows.map((row) => row.requests));
  const good = sum(rows.map((row) => (row.rate ?? 0) * row.requests));
  const worst = troubles.some(([, , kind]) => kind === "bad") ? "bad" : troubles.length > 0 ? "warn" : "";
  const kind = bad > 0 ? "bad" : worst || (idle ? "" : "ok");
  const said = idle ? text("availSilent") : bad === 0 && troubles.length > 0 ? text("availTroubles") : bad > 0 ? plural(by === "model" ? "availSomeBad" : "availSomeBadChannels", bad, { all: number(rows.length) }) : text("availAllGood");
  return el("section", { class: `card state-card ${kind}` }, el("span", { class: `lamp ${kind}`, "aria-hidden": "true" }),
    el("div", {}, el("h2", { class: "state-title" }, said),
      el("p", { class: "quiet" }, text("availWhole", { rate: percent(requests > 0 ? good / requests : null), n: compact(requests) }), " · ", duration(to - from)),
      troubles.length === 0 ? null : el("ul", { class: "troubles chips" }, troubles.map(([words, href, how]) => el("li", {}, el("a", { class: `chip ${how}`, href }, words))))));
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
  if (data.rows.length === 0) return [el("div", { class: "bar-line" }, picker), el("section", { class: "card" }, empty(text("availNone"), text("availNoneHint"))), troublesOf(data).length > 0 ? headline(data) : null];
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
