// What the pages of use and quality show alike: the measures of traffic, the columns of its tables, and the parts of a
// page that are asked for each on their own.
import { el } from "./dom.js";
import { ago, compact, cost, counted, money, ms, number, percent, share } from "./format.js";
import { nameIs } from "./filters.js";
import { kindName, objectLink, objectName } from "./object.js";
import { chip } from "./states.js";
import { language, text } from "./texts.js";
import "../texts/traffic.js";

const kMeasures = ["cost", "requests", "tokens", "errors"];
export const kTimed = new Set(["channel", "model", "provider", "tag"]); // the kinds whose times are kept

export const measureOf = (query) => (kMeasures.includes(query.measure) ? query.measure : kMeasures[0]);
export const measureFormat = (measure, currency) => (measure === "cost" ? (x) => money(x, currency) : compact);
export const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

// Buttons of which one holds; which one stands in the address, the first is not told.
export const pick = ({ label, key, values, current, context, word, also = {} }) =>
  el("div", { class: "group", role: "group", "aria-label": label }, values.map((value) =>
    el("button", { type: "button", "aria-pressed": String(value === current), onclick: () => context.go({ [key]: value === values[0] ? null : value, ...also }) },
      word(value))));

export const pickMeasure = (context) => pick({ label: text("measure"), key: "measure", values: kMeasures, current: measureOf(context.query), context,
  word: (measure) => text(`measure.${measure}`) });

// A card with tools beside its title.
export const panel = (title, tools, ...nodes) => el("section", { class: "card" },
  el("div", { class: "card-head" }, el("h2", {}, title), tools ? el("div", { class: "tools" }, tools) : null), nodes);

// One part of a page may fail, or be slow, without the others: {value} or {trouble}. What is given up stays given up.
export const settle = (promise, signal) => promise.then((value) => ({ value }), (error) => {
  if (signal?.aborted || error.status === undefined) throw error;
  return { trouble: error.message };
});

export const orTrouble = (part, show) => (part.trouble === undefined ? show(part.value) : el("p", { class: "problem" }, part.trouble));

// What to compare with: as long a time before; of whole hours, of which the last may not be over, as many whole ones.
// A range wholly before what is kept is empty: a second stands for it.
export function spanBefore({ from, to, whole_hours: hours }) {
  const length = hours ? Math.max(3600, to - from - (to - from) % 3600) : Math.max(1, to - from);
  return { window: null, from: from - length, to: from };
}

// --- a series of an answer as the charts take it ---

// One colour for one object in all charts of a page.
export function palette() {
  const known = new Map();
  return (object) => {
    const name = objectName(object);
    if (!known.has(name)) known.set(name, known.size);
    return known.get(name);
  };
}

export const seriesOf = (answer, measure, colourOf) => answer.series.map((one) => ({ name: objectName(one), values: one[measure],
  total: sum(one[measure]), rest: one.kind === "rest", colour: colourOf?.(one) }));

export const noTraffic = (answer) => answer.series.every((one) => sum(one.requests) === 0);

// How much of each step lies within what was asked: the first and the last are often cut.
export const stepSeconds = ({ from, to, step, times }) => times.map((t) => Math.max(0, Math.min(t + step, to) - Math.max(t, from)));

// Within a sentence; "IP" stays.
export const inside = (word) => (language() === "en" && !/^[A-Z]+$/.test(word) ? word.toLowerCase() : word);

// --- tables ---

export function bar(part) {
  const fill = el("span", { class: "fill" });
  fill.style.width = `${Math.max(0, Math.min(1, part ?? 0)) * 100}%`;
  return el("span", { class: "track", "aria-hidden": "true" }, fill);
}

const kBad = 0.05;
const kPoor = 0.01;
export const rateKind = (rate) => (rate == null ? "" : rate >= kBad ? "bad" : rate >= kPoor ? "warn" : "");

const rateNode = (row) => el("span", { class: `rate ${rateKind(row.error_rate)}`, title: text("rateNote", { errors: number(row.errors), clients: number(row.client_errors) }) },
  percent(row.error_rate));

export const tokensNode = (row) => el("span", { title: text("tokensNote", { prompt: number(row.prompt_tokens), completion: number(row.completion_tokens),
  cache: number(row.cache_tokens) }) }, compact(row.tokens));

// The hour of the last request is what is known; of this hour there is no more to say.
export function lastUsed(at) {
  if (at == null) return "–";
  return at * 1000 > Date.now() - 3600e3 ? el("span", { title: text("lastHourNote") }, text("lastHour")) : ago(at);
}

const owner = (row) => (row.user_name ? el("small", { class: "quiet" }, row.user_name) : null);

const nameCell = (row, context) => {
  nameIs(row.kind, row.id, row.name);
  return el("span", { class: "named" }, el("span", {}, objectLink(row, context.query), " ", owner(row)), bar(row.share));
};

// The columns of sums of objects of one kind; the keys of order are the API's.
export function trafficColumns(kind, context, { rows }) {
  const timed = rows.some((row) => row.latency_ms);
  return [
    { name: kindName(kind), value: (row) => nameCell(row, context) },
    { name: text("col.cost"), kind: "number", sort: "cost", value: (row) => cost(row.cost, context.currency) },
    { name: text("col.share"), kind: "number", hide: "phone", value: (row) => share(row.share) },
    { name: text("col.requests"), kind: "number", sort: "requests", value: (row) => counted(row.requests) },
    { name: text("col.tokens"), kind: "number", sort: "tokens", value: tokensNode },
    { name: text("col.errors"), kind: "number", sort: "errors", hide: "phone", value: (row) => counted(row.errors) },
    { name: text("col.error_rate"), kind: "number", sort: "error_rate", value: rateNode },
    ...(timed ? [
      { name: "p50", title: text("col.p50"), kind: "number", value: (row) => ms(row.latency_ms?.p50) },
      { name: "p95", title: text("col.p95"), kind: "number", hide: "phone", value: (row) => ms(row.latency_ms?.p95) },
      { name: text("col.first"), title: text("col.firstNote"), kind: "number", hide: "phone", value: (row) => ms(row.first_token_ms?.p50) }] : []),
    { name: text("col.last"), kind: "number", hide: "phone", value: (row) => lastUsed(row.last_used) }];
}

// --- errors ---

const kindOfStatus = (status) => (status >= 500 ? "bad" : status >= 400 ? "warn" : "");
export const statusChip = (status) => chip(status == null ? text("noStatus") : String(status), kindOfStatus(status));
