// What is used, by one kind of objects: over time, as shares, and all of them in a table.
import { ask } from "../parts/api.js";
import { areaChart, donut } from "../parts/chart.js";
import { el, paint } from "../parts/dom.js";
import { filtersOf } from "../parts/filters.js";
import { compact, money, number, percent } from "../parts/format.js";
import { kindName, objectHash, objectName } from "../parts/object.js";
import { exportButtons } from "../parts/page.js";
import { spanOf } from "../parts/span.js";
import { changesOf, empty, partNote, stat } from "../parts/states.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import { inside, measureFormat, measureOf, palette, panel, pickMeasure, seriesOf, spanBefore, tokensNode, trafficColumns } from "../parts/traffic.js";
import "../texts/breakdown.js";

const kBy = ["channel", "model", "token", "user", "group", "route", "provider", "tag", "ip"];
const kFilters = ["channel", "model", "token", "user", "group", "route", "provider", "tag", "ip"];
const kOrders = ["cost", "requests", "tokens", "errors", "error_rate"];
const kRows = 50;
const kAnswer = 200;   // rows that one answer may have
const kSearched = 2000; // rows that a search goes through
const kLines = 8;

const byOf = (query) => (kBy.includes(query.by) ? query.by : kBy[0]);
const orderOf = (query) => (kOrders.includes(query.order) ? query.order : kOrders[0]);
const askedOf = (query) => ({ ...spanOf(query), ...filtersOf(query, kFilters), by: byOf(query) });
const offsetOf = (query) => Math.max(0, Math.floor(Number(query.offset)) || 0);

// The API has no search: a search reads on, page by page.
async function found(query, signal) {
  const asked = { ...askedOf(query), order: orderOf(query), most: kAnswer };
  const answer = await ask("breakdown", asked, signal);
  while (answer.more > 0 && answer.rows.length < kSearched) {
    const next = await ask("breakdown", { ...asked, offset: answer.rows.length }, signal);
    if (next.rows.length === 0) break;
    answer.rows.push(...next.rows);
    answer.more = next.more;
  }
  const wanted = query.q.toLowerCase();
  return { ...answer, searched: answer.rows.length, rows: answer.rows.filter((row) => objectName(row).toLowerCase().includes(wanted)) };
}

async function load(query, signal) {
  const [sums, trend] = await Promise.all([
    query.q ? found(query, signal) : ask("breakdown", { ...askedOf(query), order: orderOf(query), most: kRows, offset: offsetOf(query) || null }, signal),
    ask("trend", { ...askedOf(query), order: measureOf(query), most: kLines }, signal)]);
  const before = await ask("breakdown", { ...askedOf(query), ...spanBefore(sums), by: "all" }, signal);
  return { currency: sums.currency, sums, before, trend };
}

// --- the charts ---

function charts({ trend }, context) {
  const measure = measureOf(context.query);
  const kind = byOf(context.query);
  const word = text(`measure.${measure}`);
  const format = measureFormat(measure, context.currency);
  const series = seriesOf(trend, measure, palette());
  const slices = series.map((one, index) => ({ name: one.name, value: one.total, rest: one.rest, href: one.rest ? null : objectHash(trend.series[index], context.query) }));
  return el("div", { class: "chart-and-share" }, panel(text("brkOver", { measure: word }), pickMeasure(context),
    areaChart({ id: `breakdown-${kind}`, caption: `${text("brkOver", { measure: word })}, ${kindName(kind)}`, times: trend.times, step: trend.step, format, series, height: 280 })),
  panel(text("brkShare", { measure: inside(word) }), null, donut({ id: `share-${kind}`, caption: text("brkShare", { measure: inside(word) }), slices, format })));
}

function cards({ sums, before: former }, context) {
  const { total } = sums;
  const before = former.total;
  const changes = changesOf(sums, former);
  return el("div", { class: "stats four" },
    stat({ label: text("measure.cost"), value: money(total.cost, context.currency), change: changes.count(total.cost, before.cost) }),
    stat({ label: text("measure.requests"), value: compact(total.requests), title: number(total.requests), change: changes.count(total.requests, before.requests) }),
    stat({ label: text("measure.tokens"), value: tokensNode(total), change: changes.count(total.tokens, before.tokens) }),
    stat({ label: text("col.error_rate"), value: percent(total.error_rate), change: changes.share(total.error_rate, before.error_rate), good: "down", title: text("rateNote", { errors: number(total.errors), clients: number(total.client_errors) }) }));
}

// --- the table ---

let typing = 0;
const search = (context) => el("input", { type: "search", class: "search", autocomplete: "off", spellcheck: "false", maxlength: "100", "data-key": "search",
  placeholder: text("brkSearch"), "aria-label": text("brkSearch"), value: context.query.q ?? "", oninput: ({ target }) => {
    clearTimeout(typing);
    typing = setTimeout(() => context.go({ q: target.value.trim() || null, offset: null }), 300);
  } });

function foot({ sums }, context) {
  const { query } = context;
  if (query.q) {
    const all = sums.more > 0 ? "brkFoundFirst" : "brkFound";
    return el("p", { class: "quiet" }, text(all, { n: number(sums.rows.length), all: number(sums.searched) }));
  }
  const first = offsetOf(query);
  const last = first + sums.rows.length;
  if (first === 0 && sums.more === 0) return null;
  const go = (offset, enabled, word) => el("button", { type: "button", disabled: !enabled, onclick: () => context.go({ offset: offset || null }) }, word);
  return el("nav", { class: "card-foot", "aria-label": text("brkPages") }, el("span", { class: "quiet" }, last === first ? null : text("brkOf", { first: number(first + 1), last: number(last), all: number(last + sums.more) })),
    el("span", { class: "group" }, go(Math.max(0, first - kRows), first > 0, text("brkPrevious")), go(first + kRows, sums.more > 0, text("brkNext"))));
}

function list(data, context) {
  const { sums } = data;
  const kind = byOf(context.query);
  const title = text("brkTable", { kind: inside(kindName(kind)) });
  const shown = sums.rows.length > 0 ? table({ caption: title, rows: sums.rows, key: (row) => `${row.id} ${row.name} ${row.user ?? ""}`, order: orderOf(context.query),
    sortBy: (order) => context.go({ order: order === kOrders[0] ? null : order, offset: null }), columns: trafficColumns(kind, context, sums) })
    : empty(text("brkNoFit", { search: context.query.q ?? "" }), text("brkNoFitHint"));
  return panel(title, search(context), shown, foot(data, context));
}

const kinds = (context) => el("div", { class: "group wide", role: "group", "aria-label": text("brkBy") }, kBy.map((kind) =>
  el("button", { type: "button", "aria-pressed": String(kind === byOf(context.query)), onclick: () => context.go({ by: kind === kBy[0] ? null : kind, offset: null, q: null }) }, kindName(kind))));

function content(data, context) {
  const nothing = (key) => [kinds(context), el("section", { class: "card" }, empty(text(key), text(`${key}Hint`)))];
  if (data.sums.total.requests === 0 && data.sums.rows.length === 0) return nothing("noTraffic");
  if (byOf(context.query) === "tag" && data.trend.series.every(({ name }) => name === "")) return nothing("brkNoTags");
  return [kinds(context), partNote(data.sums), cards(data, context), charts(data, context), list(data, context)];
}

export const page = {
  name: "breakdown", title: "navBreakdown", every: 15000, span: true, filters: kFilters, load,
  actions: (data, { query }) => exportButtons("breakdown", { ...askedOf(query), order: orderOf(query) }),
  render: (root, data, context) => paint(root, content(data, context)),
};
