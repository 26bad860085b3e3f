// One channel, model, key, user, group, route, address, provider or tag: all that is known of it.
import { ask } from "../parts/api.js";
import { areaChart, lineChart } from "../parts/chart.js";
import { el, paint } from "../parts/dom.js";
import { compact, counted, money, ms, number, percent, share } from "../parts/format.js";
import { filterOf, kindName, objectName } from "../parts/object.js";
import { objectFacts, objectAlerts, objectBalance } from "./object_cards.js";
import { exportButtons, hashOf } from "../parts/page.js";
import { spanOf, spanPart } from "../parts/span.js";
import { changesOf, empty, partNote, stat } from "../parts/states.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import { bar, inside, kTimed, measureFormat, measureOf, orTrouble, panel, pick, pickMeasure, rateKind, seriesOf, settle, spanBefore, statusChip, trafficColumns } from "../parts/traffic.js";
import "../texts/object.js";

const kKinds = ["channel", "model", "token", "user", "group", "route", "ip", "provider", "tag"];
const kNumbered = new Set(["channel", "token", "user"]);
const kSplits = ["model", "channel", "token", "user", "group", "route", "ip"];
const kRows = 20;
const kErrors = 8;

// What the address names; null where it names nothing.
function objectOf({ kind, id, name }) {
  if (!kKinds.includes(kind)) return null;
  const numbered = kNumbered.has(kind) && /^\d+$/.test(id ?? "");
  if (!numbered && (name == null || kNumbered.has(kind))) return null;
  return { kind, id: numbered ? Number(id) : null, name: name ?? "" };
}

const splitsOf = (kind) => kSplits.filter((one) => one !== kind);
const splitOf = (query) => (splitsOf(query.kind).includes(query.split) ? query.split : splitsOf(query.kind)[0]);

const ownerOf = ([row]) => (row?.user == null ? null : { kind: "user", id: row.user, name: row.user_name ?? "" });

async function load(query, signal) {
  const object = objectOf(query);
  if (object === null) return { object };
  const filter = filterOf(object);
  const asked = { ...spanOf(query), ...filter };
  const one = (path, parameters) => settle(ask(path, parameters, signal), signal);
  const none = Promise.resolve(null);
  const channel = object.kind === "channel";
  const [self, trend, split, errors, times, alerts, channels, balance] = await Promise.all([
    ask("breakdown", { ...asked, by: object.kind, most: 1 }, signal), one("trend", { ...asked, by: "all" }),
    one("breakdown", { ...asked, by: splitOf(query), most: kRows }), one("errors", asked),
    kTimed.has(object.kind) ? one("performance", { ...asked, by: "all" }) : none, one("alerts", {}),
    channel ? one("channels", { window: "1h" }) : none, channel ? one(`channels/${object.id}/balance`, { window: "30d" }) : none]);
  const before = await ask("breakdown", { ...spanBefore(self), by: object.kind, ...filter, most: 1 }, signal);
  return { currency: self.currency, object, filter, self, trend, split, errors, times, alerts, channels, balance, before, owner: ownerOf(self.rows) };
}

// --- cards ---

function cards({ self, before: former, object }, context) {
  const [row] = self.rows;
  const [before] = former.rows;
  const changes = changesOf(self, former);
  const timed = kTimed.has(object.kind);
  const cached = row.prompt_tokens > 0 ? row.cache_tokens / row.prompt_tokens : 0;
  const latency = row.latency_ms;
  return el("div", { class: `stats ${timed ? "six" : "four"}` },
    stat({ label: text("measure.cost"), value: money(row.cost, context.currency), change: changes.count(row.cost, before?.cost) }),
    stat({ label: text("measure.requests"), value: compact(row.requests), title: number(row.requests), change: changes.count(row.requests, before?.requests) }),
    stat({ label: text("measure.tokens"), value: compact(row.tokens), title: number(row.tokens), change: changes.count(row.tokens, before?.tokens),
      note: cached > 0 ? text("objCache", { part: share(cached) }) : null }),
    stat({ label: text("col.error_rate"), value: el("span", { class: `rate ${rateKind(row.error_rate)}` }, percent(row.error_rate)), change: changes.share(row.error_rate, before?.error_rate), good: "down",
      note: text("objFailed", { n: compact(row.errors) }) }),
    timed ? stat({ label: text("medianLatency"), value: ms(latency?.p50), change: changes.share(latency?.p50, before?.latency_ms?.p50), good: "down",
      note: latency ? text("objP95", { p95: ms(latency.p95) }) : null }) : null,
    timed ? stat({ label: text("medianFirst"), value: ms(row.first_token_ms?.p50), change: changes.share(row.first_token_ms?.p50, before?.first_token_ms?.p50), good: "down",
      note: row.first_token_ms ? text("objFirst95", { p95: ms(row.first_token_ms.p95) }) : null }) : null);
}

function timeline({ trend, object }, context) {
  const measure = measureOf(context.query);
  const title = text("objTimeline", { measure: text(`measure.${measure}`) });
  return panel(title, pickMeasure(context), orTrouble(trend, (answer) => areaChart({ id: `object-${object.kind}`, caption: title, times: answer.times, step: answer.step,
    format: measureFormat(measure, context.currency), height: 240, series: seriesOf(answer, measure).map((one) => ({ ...one, name: text(`measure.${measure}`) })) })));
}

function latency({ times }) {
  if (times === null) return null;
  const lines = (answer, keys) => keys.map(([name, key], index) => ({ name, values: answer.series[0][key], colour: index }));
  const chart = (id, title, keys) => panel(title, null, orTrouble(times, (answer) => lineChart({ id, caption: title, times: answer.times, step: answer.step, format: ms, scale: "time", height: 220, series: lines(answer, keys) })));
  return el("div", { class: "two" }, chart("object-latency", text("objLatency"), [["p50", "p50"], ["p95", "p95"], ["p99", "p99"]]),
    chart("object-first", text("objFirst"), [["p50", "first_token_p50"], ["p95", "first_token_p95"]]));
}

// --- tables ---

function split({ split: part, object, self }, context) {
  const kind = splitOf(context.query);
  const picker = pick({ label: text("objSplit"), key: "split", values: splitsOf(object.kind), current: kind, context, word: kindName });
  const title = `${text("objSplit")} ${inside(kindName(kind))}`;
  return panel(text("objSplit"), picker, orTrouble(part, (answer) => [partNote(answer, self), answer.rows.length === 0 ? empty(text("objSplitNone"))
    : table({ caption: title, rows: answer.rows, key: (row) => `${kind} ${row.id} ${row.name} ${row.user ?? ""}`,
      columns: trafficColumns(kind, context, answer).map(({ sort, ...column }) => column) }),
  answer.more > 0 ? el("p", { class: "links" }, el("a", { href: hashOf("breakdown", { ...spanPart(context.query), by: kind, ...filterOf(object) }) }, text("objMore", { n: number(answer.more) }))) : null]));
}

function errors({ errors: part, object, self, split: shown }, context) {
  const filter = filterOf(object);
  const span = spanPart(context.query);
  return panel(text("objErrors"), el("a", { href: hashOf("errors", { ...span, ...filter }) }, text("objAllErrors")), orTrouble(part, (answer) => [partNote(answer, self, shown.value),
    answer.rows.length === 0 ? el("p", { class: "quiet" }, text("objNoErrors")) : el("ul", { class: "error-list" }, answer.rows.slice(0, kErrors).map((row) => el("li", {}, statusChip(row.status),
      el("a", { href: hashOf("logs", { ...span, ...filter, kind: "error", status: row.status, code: row.code }) }, row.code || text("noneName")),
      el("span", { class: "number" }, counted(row.requests), " ", el("small", { class: "quiet" }, share(row.share))), bar(row.share))))]));
}

function content(data, context) {
  const { object, self } = data;
  if (object === null) return el("section", { class: "card" }, empty(text("objWhich"), text("objWhichHint")));
  const facts = objectFacts(data, context);
  if (self.rows.length === 0 || self.rows[0].requests === 0) {
    return [el("section", { class: "card" }, empty(text("objNothing"), text("objNothingHint"))), el("div", { class: "two" }, facts, objectAlerts(data, context)), objectBalance(data, context)];
  }
  return [partNote(self), cards(data, context), timeline(data, context), split(data, context), latency(data),
    el("div", { class: "two" }, errors(data, context), el("div", { class: "stack" }, facts, objectAlerts(data, context))), objectBalance(data, context)];
}

function heading(data, { query }) {
  const object = data?.self?.rows[0] ?? data?.channels?.value?.rows.find(({ id }) => id === data.object?.id) ?? objectOf(query);
  if (object === null) return text("navBreakdown");
  return el("span", { class: "object-title" }, el("small", { class: "quiet" }, kindName(query.kind)), " ", objectName({ ...object, kind: query.kind }));
}

function actions(data, { query }) {
  const object = objectOf(query);
  if (object === null) return null;
  const asked = { ...spanPart(query), ...filterOf(object) };
  return [el("a", { class: "button", href: hashOf("logs", asked) }, text("objLogs")), exportButtons("trend", { ...spanOf(query), ...filterOf(object) })];
}

export const page = { name: "object", title: "navBreakdown", every: 15000, span: true, heading, actions, load,
  render: (root, data, context) => paint(root, content(data, context)) };
