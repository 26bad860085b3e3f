// How fast answers come: percentiles over time, load, and the slowest twenty.
import { ask } from "../parts/api.js";
import { areaChart, lineChart, sparkline } from "../parts/chart.js";
import { el, paint } from "../parts/dom.js";
import { filtersOf } from "../parts/filters.js";
import { compact, counted, dateTime, ms, number, percent } from "../parts/format.js";
import { kindName, objectLink, objectName } from "../parts/object.js";
import { hashOf } from "../parts/page.js";
import { spanOf, spanPart } from "../parts/span.js";
import { changesOf, empty, partNote, stat } from "../parts/states.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import { bar, inside, noTraffic, palette, panel, pick, seriesOf, spanBefore, stepSeconds } from "../parts/traffic.js";
import "../texts/performance.js";

const kBy = ["all", "channel", "model"];
const kParts = ["p95", "p50", "p99"];
const kFilters = ["channel", "model", "provider", "tag"];
const kSlow = 5000; // ms
const kLines = 5;
const kHour = 3600; // s

const byOf = (query) => (kBy.includes(query.by) ? query.by : kBy[0]);
const partOf = (query) => (kParts.includes(query.part) ? query.part : kParts[0]);
const tableKind = (by) => (by === "all" ? "model" : by);

async function load(query, signal) {
  const asked = { ...spanOf(query), ...filtersOf(query, kFilters) };
  const by = byOf(query);
  const [all, each, trend, slow] = await Promise.all([ask("performance", { ...asked, by: "all" }, signal),
    ask("performance", { ...asked, by: tableKind(by), most: 20 }, signal), ask("trend", { ...asked, by, most: kLines }, signal),
    ask("slow", { ...asked, limit: 20 }, signal)]);
  const before = await ask("performance", { ...asked, ...spanBefore(all), by: "all" }, signal);
  return { currency: all.currency, all, each, trend, slow, before };
}

// --- the cards ---

function cards({ all, slow, before: former }) {
  const [row] = all.rows;
  const [before] = former.rows;
  const changes = changesOf(all, former);
  const latency = row.latency_ms;
  const first = row.first_token_ms;
  const minutes = (all.to - all.from) / 60;
  const time = (label, part, note) => stat({ label, value: ms(latency?.[part]), change: changes.share(latency?.[part], before?.latency_ms?.[part]), good: "down", note });
  return el("div", { class: "stats six" }, time(text("medianLatency"), "p50", latency ? text("perfMean", { mean: ms(latency.mean) }) : null),
    time(text("perfP95"), "p95"), time(text("perfP99"), "p99"),
    stat({ label: text("medianFirst"), value: ms(first?.p50), change: changes.share(first?.p50, before?.first_token_ms?.p50), good: "down",
      note: first ? text("perfFirst95", { p95: ms(first.p95) }) : null }),
    stat({ label: text("perfOver"), value: slow.answers_timed > 0 ? percent(slow.over_5s / slow.answers_timed) : "–",
      note: text("perfOverNote", { n: compact(slow.over_5s), all: compact(slow.answers_timed) }) }),
    stat({ label: text("perfRpm"), value: compact(row.requests / minutes), change: changes.count(row.requests, before?.requests),
      note: text("perfTpm", { tpm: compact(row.tokens / minutes) }) }));
}

// --- the charts ---

const line = (answer, id, caption, series, more = {}) => lineChart({ id, caption, times: answer.times, step: answer.step, format: ms, scale: "time", height: 240, series, ...more });

function wholeCharts({ all, trend }) {
  const [one] = all.series;
  const named = (keys) => keys.map(([name, key], index) => ({ name, values: one[key], colour: index }));
  const seconds = stepSeconds(trend);
  // A step of a few seconds would show a rate that is none.
  const rate = (values) => values.map((value, at) => (seconds[at] >= Math.min(20, trend.step) ? value * 60 / seconds[at] : null));
  return [panel(text("perfLatency"), null, line(all, "latency", text("perfLatency"), named([["p50", "p50"], ["p95", "p95"], ["p99", "p99"]]))),
    el("div", { class: "two" }, panel(text("perfFirstToken"), el("span", { class: "quiet" }, text("perfFirstNote")), line(all, "first", text("perfFirstToken"), named([["p50", "first_token_p50"], ["p95", "first_token_p95"]]))),
    panel(text("perfLoad"), null, line(trend, "load", text("perfLoad"), [{ name: text("perfRate"), values: rate(trend.series[0].requests), colour: 3, fill: "origin" },
      { name: text("perfTokensLine"), values: rate(trend.series[0].tokens), axis: "right", colour: 1, dash: true }], { format: compact, scale: null })))];
}

function eachCharts({ each, trend }, context) {
  const part = partOf(context.query);
  const colourOf = palette();
  const lines = (key) => each.series.slice(0, kLines).map((one) => ({ name: objectName(one), values: one[key], colour: colourOf(one) }));
  const picker = pick({ label: text("perfPart"), key: "part", values: kParts, current: part, context, word: (name) => name });
  const firstPart = part === "p50" ? "p50" : "p95";
  const seconds = stepSeconds(trend);
  const perMinute = (measure) => seriesOf(trend, measure, colourOf).map(({ total, ...one }) =>
    ({ ...one, values: one.values.map((value, at) => (seconds[at] >= Math.min(20, trend.step) ? value * 60 / seconds[at] : null)) }));
  const load = (id, title, measure) => panel(title, null, areaChart({ id, caption: title, times: trend.times, step: trend.step, format: compact, height: 220, series: perMinute(measure) }));
  return [panel(`${text("perfLatency")} ${part}`, picker, line(each, "latency-each", `${text("perfLatency")} ${part}`, lines(part))),
    panel(`${text("perfFirstToken")} ${firstPart}`, el("span", { class: "quiet" }, text("perfFirstNote")),
      line(each, "first-each", `${text("perfFirstToken")} ${firstPart}`, lines(`first_token_${firstPart}`))),
    el("div", { class: "two" }, load("rpm-each", text("perfRate"), "requests"), load("tpm-each", text("perfTokens"), "tokens"))];
}

// --- the tables ---

const kSorts = {
  requests: (row) => row.requests, p50: (row) => row.latency_ms?.p50, p95: (row) => row.latency_ms?.p95,
  p99: (row) => row.latency_ms?.p99, first: (row) => row.first_token_ms?.p50, first95: (row) => row.first_token_ms?.p95, empty: (row) => row.empty_replies,
};

function percentiles({ each }, context) {
  const { query } = context;
  const kind = tableKind(byOf(query));
  const order = query.order in kSorts ? query.order : "requests";
  const rows = [...each.rows].sort((a, b) => (kSorts[order](b) ?? -1) - (kSorts[order](a) ?? -1));
  const title = text("perfTable", { kind: inside(kindName(kind)) });
  const lines = new Map(each.series.map((one) => [objectName(one), one.p95]));
  const most = Math.max(...rows.map((row) => row.latency_ms?.p50 ?? 0), 1);
  const time = (name, kindOfTime, part, sort, hide) => ({ name, kind: "number", sort, hide, value: (row) => ms(row[kindOfTime]?.[part]) });
  return panel(title, null, table({ caption: title, rows,
    key: (row) => `${row.id} ${row.name}`, order, sortBy: (name) => context.go({ order: name === "requests" ? null : name }), columns: [
      { name: kindName(kind), value: (row) => el("span", { class: "named" }, objectLink(row, query), bar((row.latency_ms?.p50 ?? 0) / most)) },
      { name: text("col.requests"), kind: "number", sort: "requests", value: (row) => counted(row.requests) },
      time("p50", "latency_ms", "p50", "p50"), time("p95", "latency_ms", "p95", "p95"),
      time("p99", "latency_ms", "p99", "p99"),
      { name: text("perfTrend"), title: text("perfTrendNote"), hide: "phone", value: (row) => sparkline(lines.get(objectName(row)) ?? []) ?? "–" }, time(text("perfFirstP"), "first_token_ms", "p50", "first"),
      time(text("perfFirstP95"), "first_token_ms", "p95", "first95", "phone"),
      { name: text("perfEmptyReplies"), title: text("perfEmptyNote"), kind: "number", sort: "empty", hide: "phone", value: (row) => counted(row.empty_replies) }] }));
}

// Tokens a second, once the first one has come.
function speed(row) {
  const took = row.latency_ms - (row.first_token_ms ?? 0);
  return took > 0 && row.completion_tokens > 0 ? text("perfPerSecond", { n: compact(row.completion_tokens * 1000 / took) }) : "–";
}

function slowest(data, context) {
  const { slow } = data;
  const { query } = context;
  const span = spanPart(query);
  const most = slow.rows[0]?.latency_ms ?? 1;
  const object = (kind) => (row) => objectLink({ kind, ...row[kind] }, query);
  const entry = (row) => hashOf("logs", { ...span, entry: `${row.epoch}-${row.id}` });
  return panel(text("perfSlow"), slow.incomplete === "too_many_rows" ? el("span", { class: "quiet" }, text("perfSlowPart")) : partNote(slow, data.all), slow.rows.length === 0 ? empty(text("perfSlowNone"))
    : table({ caption: text("perfSlow"), rows: slow.rows, key: (row) => `${row.epoch}-${row.id}`, columns: [
      { name: text("perfWhen"), value: (row) => el("a", { href: entry(row) }, dateTime(row.at)) },
      { name: text("perfTook"), value: (row) => el("span", { class: `took ${row.latency_ms > kSlow ? "slow" : ""}`, title: row.latency_ms > kSlow ? text("perfOver5") : null },
        el("b", {}, ms(row.latency_ms)), bar(row.latency_ms / most)) },
      { name: text("col.first"), kind: "number", value: (row) => ms(row.first_token_ms) },
      { name: text("perfOut"), kind: "number", value: (row) => counted(row.completion_tokens) },
      { name: text("perfSpeed"), title: text("perfSpeedNote"), kind: "number", value: speed },
      { name: kindName("model"), value: (row) => objectLink({ kind: "model", name: row.model }, query) },
      { name: kindName("channel"), value: object("channel") }, { name: kindName("token"), value: object("token") },
      { name: kindName("user"), hide: "phone", value: object("user") }] }));
}

function content(data, context) {
  const by = byOf(context.query);
  const picker = pick({ label: text("perfBy"), key: "by", values: kBy, current: by, context, word: (name) => text(`perfBy.${name}`), also: { order: null } });
  if (noTraffic(data.trend)) return [el("div", { class: "bar-line" }, picker), el("section", { class: "card" }, empty(text("perfNone"), text("perfNoneHint")))];
  return [cards(data), el("div", { class: "bar-line" }, picker, data.trend.step < kHour ? null : el("span", { class: "quiet" }, text("asKept"))), partNote(data.all),
    by === "all" ? wholeCharts(data) : eachCharts(data, context), percentiles(data, context), slowest(data, context)];
}

export const page = {
  name: "performance", title: "navPerformance", every: 15000, span: true, filters: kFilters, load,
  render: (root, data, context) => paint(root, content(data, context)),
};
