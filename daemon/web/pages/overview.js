// What is spent, by whom, and whether anything needs a hand: the whole in one look.
import { ask } from "../parts/api.js";
import { areaChart, donut, lineChart, sparkline } from "../parts/chart.js";
import { el, paint } from "../parts/dom.js";
import { agoText, compact, cost, counted, dateTimeText, money, ms, number, percent, share } from "../parts/format.js";
import { objectHash, objectLink, objectName } from "../parts/object.js";
import { hashOf } from "../parts/page.js";
import { spanOf, spanPart } from "../parts/span.js";
import { changesOf, empty, partNote, section, stat } from "../parts/states.js";
import { labelsNode, severityChip, severityKind } from "../parts/operation.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import "../texts/overview.js";

const kMetrics = ["cost", "requests", "tokens"];
const kFiringShown = 4;
const metricOf = (query) => (kMetrics.includes(query.metric) ? query.metric : "cost");

async function load(query, signal) {
  const span = spanOf(query);
  const [summary, trend, channels] = await Promise.all([ask("summary", span, signal), ask("trend", { ...span, by: "model", most: 8 }, signal),
    ask("breakdown", { ...span, by: "channel", order: metricOf(query), most: 7 }, signal)]);
  return { ...summary, peak: { requests: peakOf(trend, "requests"), tokens: peakOf(trend, "tokens") }, trend: wholeSteps(trend), channels };
}

const totalOf = (values) => values.reduce((sum, value) => sum + (value ?? 0), 0);

// The newest step has hardly begun: drawn, it would look like a fall. It counts in the totals.
function wholeSteps(asked) {
  const series = asked.series.map((one) => ({ ...one, total: Object.fromEntries(kMetrics.map((name) => [name, totalOf(one[name])])) }));
  const trend = { ...asked, series };
  const { times, step, to } = trend;
  if (times.length < 4 || times.at(-1) + step <= to) return trend;
  const cut = (values) => values.slice(0, -1);
  return { ...trend, times: cut(times),
    series: series.map((one) => ({ ...one, ...Object.fromEntries(["requests", "errors", "tokens", "cost"].map((name) => [name, cut(one[name])])) })) };
}

const summed = ({ times, series }, name) => times.map((_, at) => series.reduce((sum, one) => sum + (one[name][at] ?? 0), 0));

// A minute's, in the step that had most of it.
const peakOf = (trend, name) => Math.max(0, ...summed(trend, name).map((sum, at) => sum / Math.max(60, Math.min(trend.step, trend.to - trend.times[at])) * 60));

// --- alerts ---

const kRanks = { critical: 0, warning: 1, info: 2 };

function firing(context) {
  const alerts = (context.status?.alerts ?? []).filter(({ state }) => state === "firing")
    .sort((a, b) => (kRanks[a.severity] ?? 3) - (kRanks[b.severity] ?? 3) || b.since - a.since);
  if (alerts.length === 0) return null;
  const all = alerts.length + (context.status.more_alerts ?? []).reduce((sum, { series }) => sum + series, 0);
  const line = ({ rule, key, labels, severity, since }) => el("li", { "data-key": `${rule} ${key}` }, severityChip(severity),
    el("b", {}, labels?.length || !key ? labelsNode(labels) : key), el("span", { class: "quiet" }, rule), el("span", { class: "quiet when" }, agoText(since)));
  return el("section", { class: `card firing ${severityKind(alerts[0].severity)}`, "data-key": "firing" },
    el("div", { class: "card-head" }, el("h2", {}, text("firingTitle")), el("a", { href: "#/alerts" }, text("firingAll", { n: number(all) }))),
    el("ul", {}, alerts.slice(0, kFiringShown).map(line)));
}

// --- numbers ---

const whole = (n) => (n >= 1000 ? number(n) : null);

function stats(data, { currency }) {
  const { now, before, trend } = data;
  const spark = (name) => sparkline(summed(trend, name));
  const changes = changesOf(data, { from: data.before_from, to: data.before_to, complete: data.before_complete });
  const rate = summed(trend, "requests").map((n, at) => (n > 0 ? summed(trend, "errors")[at] / n : 0));
  const peak = (name) => text("peak", { n: compact(data.peak[name]) });
  const of = (name) => changes.count(now[name], before[name]);
  return el("div", { class: "stats eight", "data-key": "stats" },
    stat({ label: text("cost"), value: money(now.cost, currency), title: cost(now.cost, currency).title, change: of("cost"),
      note: now.refund > 0 ? text("refunded", { refund: money(now.refund / currency.quota_per_unit * (currency.per_dollar ?? 1), currency) }) : null, spark: spark("cost") }),
    stat({ label: text("requests"), value: compact(now.requests), title: whole(now.requests), change: of("requests"), spark: spark("requests") }),
    stat({ label: text("tokens"), value: compact(now.tokens), title: whole(now.tokens), change: of("tokens"), note: text("inOut", { in: compact(now.prompt_tokens), out: compact(now.completion_tokens) }), spark: spark("tokens") }),
    stat({ label: text("errorRate"), value: percent(now.error_rate), change: changes.share(now.error_rate, before.error_rate), good: "down", note: text("errorsOf", { n: compact(now.errors) }), spark: sparkline(rate) }),
    stat({ label: text("rpm"), value: compact(data.rpm), change: of("requests"), note: peak("requests") }),
    stat({ label: text("tpm"), value: compact(data.tpm), title: whole(data.tpm), change: of("tokens"), note: peak("tokens") }),
    stat({ label: text("latency"), value: ms(now.latency_ms?.p95), change: changes.share(now.latency_ms?.p95, before.latency_ms?.p95), good: "down", note: text("median", { ms: ms(now.latency_ms?.p50) }) }),
    stat({ label: text("active"), value: text("activeModels", { n: number(data.active.models) }), change: changes.share(data.active.models, data.active_before?.models),
      note: text("activeNote", { channels: number(data.active.channels), keys: number(data.active.tokens) }) }));
}

function period(title, sums, currency) {
  return section(title, el("p", { class: "big" }, cost(sums.cost, currency)), el("dl", { class: "facts" }, el("dt", {}, text("requests")), el("dd", {}, counted(sums.requests)),
    el("dt", {}, text("tokens")), el("dd", {}, counted(sums.tokens)), el("dt", {}, text("errorRate")), el("dd", {}, percent(sums.error_rate)),
    el("dt", {}, text("cached")), el("dd", {}, share(sums.prompt_tokens > 0 ? sums.cache_tokens / sums.prompt_tokens : null))));
}

function quotaCard({ quota }, currency) {
  if (!quota) return section(text("quota"), el("p", { class: "quiet" }, text("quotaNone")));
  const part = quota.granted > 0 ? quota.used / quota.granted : 0;
  const fill = el("span", { class: "fill" });
  fill.style.width = `${Math.min(100, part * 100)}%`;
  return section(text("quota"), el("p", { class: "big" }, cost(quota.used, currency), " ", el("small", {}, text("quotaUsed", { granted: money(quota.granted, currency) }))),
    el("span", { class: "track thick", role: "img", "aria-label": share(part) }, fill),
    el("dl", { class: "facts" }, el("dt", {}, text("quotaLeft")), el("dd", {}, cost(quota.left, currency)), el("dt", {}, text("quotaGranted")), el("dd", {}, cost(quota.granted, currency))));
}

// --- charts ---

const formatOf = (metric, currency) => (metric === "cost" ? (value) => money(value, currency) : compact);

function byModel(data, context) {
  const metric = metricOf(context.query);
  const { trend } = data;
  const series = trend.series.map((one) => ({ name: objectName(one), rest: one.kind === "rest", values: one[metric], total: one.total[metric] }));
  const title = text("byModel", { metric: text(metric) });
  return el("section", { class: "card", "data-key": "models" }, el("div", { class: "card-head" }, el("h2", {}, title),
    el("div", { class: "group", role: "group", "aria-label": text("metric") }, kMetrics.map((name) => el("button", { type: "button", "aria-pressed": String(name === metric),
      onclick: () => context.go({ metric: name === "cost" ? null : name }) }, text(name))))),
  areaChart({ id: "models", caption: title, times: trend.times, step: trend.step, series, format: formatOf(metric, context.currency), height: 280 }));
}

function byChannel(data, context) {
  const metric = metricOf(context.query);
  const { rows, total } = data.channels;
  const slices = rows.map((row) => ({ name: objectName(row), value: row[metric], href: objectHash(row, context.query) }));
  const rest = total[metric] - rows.reduce((sum, row) => sum + row[metric], 0);
  if (data.channels.more > 0 && rest > 0) slices.push({ name: text("rest"), value: rest, rest: true });
  const title = text("byChannel", { metric: text(metric) });
  return section(title, donut({ caption: title, slices, format: formatOf(metric, context.currency) }));
}

function traffic({ trend }) {
  return section(text("traffic"), lineChart({ id: "traffic", caption: text("traffic"), times: trend.times, step: trend.step, format: compact, height: 220, series: [
    { name: text("requests"), values: summed(trend, "requests"), colour: 1, fill: true }, { name: text("tokens"), values: summed(trend, "tokens"), colour: 0, axis: "right" }] }));
}

function top(title, rows, name, more, { currency, query }) {
  return el("section", { class: "card flush" }, el("div", { class: "card-head" }, el("h2", {}, title), el("a", { href: more.href }, more.title)),
    table({ caption: title, slim: true, rows, key: (row) => `${row.id} ${row.user} ${row.name}`, columns: [
      { name, value: (row) => objectLink(row, query) }, { name: text("requests"), kind: "number", value: (row) => counted(row.requests) },
      { name: text("tokens"), kind: "number", hide: "phone", value: (row) => counted(row.tokens) }, { name: text("errorRate"), kind: "number", hide: "phone", value: (row) => percent(row.error_rate) },
      { name: text("cost"), kind: "number", value: (row) => cost(row.cost, currency) }] }));
}

function render(root, data, context) {
  const { currency, query } = context;
  const parts = [firing(context), data.complete === false ? el("p", { class: "note", "data-key": "partial" }, text("partial", { since: dateTimeText(data.from) })) : partNote(data), stats(data, context),
    el("div", { class: "three", "data-key": "periods" }, period(text("today"), data.today, currency), period(text("month"), data.month, currency), quotaCard(data, currency))];
  if (data.now.requests === 0) return paint(root, [...parts, el("div", { class: "card", "data-key": "none" }, empty(text("overviewNone"), text("overviewNoneHint")))]);
  const span = spanPart(query);
  return paint(root, [...parts, byModel(data, context), el("div", { class: "two", "data-key": "shares" }, byChannel(data, context), traffic(data)),
    el("div", { class: "two", "data-key": "top" }, top(text("topKeys"), data.top_tokens, text("key"), { title: text("allKeys"), href: hashOf("breakdown", { by: "token", ...span }) }, context),
      top(text("topRoutes"), data.top_routes, text("route"), { title: text("allRoutes"), href: hashOf("breakdown", { by: "route", ...span }) }, context))]);
}

export const page = { name: "overview", title: "navOverview", every: 5000, span: true, load, render };
