// What fails: by status and code, where, and when.
import { ask } from "../parts/api.js";
import { areaChart, bars } from "../parts/chart.js";
import { el, paint } from "../parts/dom.js";
import { filtersOf, nameIs } from "../parts/filters.js";
import { compact, counted, number, percent, share } from "../parts/format.js";
import { objectHash, objectName } from "../parts/object.js";
import { exportButtons, hashOf } from "../parts/page.js";
import { spanOf, spanPart } from "../parts/span.js";
import { changesOf, chip, empty, partNote, stat } from "../parts/states.js";
import { table } from "../parts/table.js";
import { hasText, text } from "../parts/texts.js";
import { bar, orTrouble, panel, pick, settle, spanBefore, statusChip, sum } from "../parts/traffic.js";
import "../texts/errors.js";

const kFilters = ["channel", "model", "token", "user", "group", "route", "status", "code", "ip", "provider", "tag"];
const kBy = ["error", "status"];
const kLines = 8;
const kBars = 8;

const byOf = (query) => (kBy.includes(query.by) ? query.by : kBy[0]);

async function load(query, signal) {
  const asked = { ...spanOf(query), ...filtersOf(query, kFilters) };
  const one = (path, parameters) => settle(ask(path, parameters, signal), signal);
  const [errors, kinds, all, trend, channels, models] = await Promise.all([ask("errors", asked, signal),
    ask("breakdown", { ...asked, by: "error", order: "requests", most: 200 }, signal), ask("breakdown", { ...asked, by: "all" }, signal),
    one("trend", { ...asked, by: byOf(query), order: "requests", most: kLines }), one("breakdown", { ...asked, by: "channel", order: "errors", most: kBars }),
    one("breakdown", { ...asked, by: "model", order: "errors", most: kBars })]);
  const before = await ask("breakdown", { ...asked, ...spanBefore(all), by: "all" }, signal);
  const sides = new Map(kinds.rows.map((row) => [`${row.id} ${row.name}`, row]));
  return { currency: all.currency, errors, sides, all, before, trend, channels, models };
}

// --- cards and charts ---

function cards({ all, before: former }) {
  const { total } = all;
  const before = former.total;
  const changes = changesOf(all, former);
  const failed = (row) => row.errors + row.client_errors;
  return el("div", { class: "stats four" },
    stat({ label: text("errTotal"), value: compact(failed(total)), title: number(failed(total)), change: changes.count(failed(total), failed(before)), good: "down" }),
    stat({ label: text("errUpstream"), value: compact(total.errors), title: number(total.errors), change: changes.count(total.errors, before.errors), good: "down" }),
    stat({ label: text("errClient"), value: compact(total.client_errors), title: number(total.client_errors), change: changes.count(total.client_errors, before.client_errors) }),
    stat({ label: text("errRate"), value: percent(total.error_rate), title: text("errRateNote"), change: changes.share(total.error_rate, before.error_rate), good: "down" }));
}

function chart({ trend }, context) {
  const by = byOf(context.query);
  const picker = pick({ label: text("errBy"), key: "by", values: kBy, current: by, context, word: (name) => text(`errBy.${name}`) });
  return panel(text("errOver"), picker, orTrouble(trend, (answer) => {
    const failing = answer.series.map((one) => ({ name: objectName(one), rest: one.kind === "rest", values: one.requests, total: sum(one.requests) }))
      .filter(({ total }) => total > 0).sort((a, b) => a.rest - b.rest || b.total - a.total);
    return areaChart({ id: "errors", caption: `${text("errOver")}, ${text(`errBy.${by}`)}`, times: answer.times, step: answer.step, format: compact, height: 260, series: failing });
  }));
}

const where = (part, title, context, told) => panel(title, null, orTrouble(part, (answer) => {
  const rows = answer.rows.filter((row) => row.errors > 0);
  if (rows.length === 0) return el("p", { class: "quiet" }, text("errNone"));
  return [partNote(answer, told), bars({ caption: title, format: compact, rows: rows.map((row) => ({ name: objectName(row), value: row.errors, href: objectHash(row, context.query),
    note: text("errOf", { rate: percent(row.error_rate) }) })) })];
}));

// --- the table ---

function side({ status, code }, sides) {
  const row = sides.get(`${status} ${code}`);
  if (!row) return "–";
  return chip(text(row.client_errors === 0 ? "errUp" : row.errors === 0 ? "errOwn" : "errBoth"), row.errors > 0 ? "bad" : "");
}

function channels(row, query) {
  const asked = { ...spanPart(query), status: row.status, code: row.code };
  return el("span", { class: "where" }, row.channels.map(({ id, name, requests }) => {
    nameIs("channel", id, name);
    return el("a", { href: hashOf("logs", { ...asked, kind: "error", channel: id }), title: `${number(requests)} × ${objectName({ kind: "channel", id, name })}` }, name || `#${id}`, " ", el("small", { class: "quiet" }, compact(requests)));
  }));
}

function list({ errors, sides }, context) {
  const { query } = context;
  const asked = { ...spanPart(query), ...filtersOf(query, kFilters), kind: "error" };
  const hint = (status) => (hasText(`errHint.${status}`) ? el("small", { class: "quiet" }, text(`errHint.${status}`)) : null);
  return panel(text("errTable"), null, table({ caption: text("errTable"), rows: errors.rows, key: (row) => `${row.status} ${row.code}`, columns: [
    { name: text("errCode"), value: (row) => el("span", { class: "error-name" }, el("span", {}, statusChip(row.status), " ",
      el("a", { href: hashOf("logs", { ...asked, status: row.status, code: row.code }) }, row.code || text("noneName"))), hint(row.status)) },
    { name: text("errKind"), value: (row) => side(row, sides) },
    { name: text("errRequests"), kind: "number", value: (row) => counted(row.requests) },
    { name: text("errShare"), kind: "number", value: (row) => el("span", { class: "share" }, share(row.share), bar(row.share)) },
    { name: text("errChannels"), value: (row) => channels(row, query) }] }),
  errors.more > 0 ? el("p", { class: "quiet" }, text("errMore", { n: number(errors.more) })) : null);
}

function content(data, context) {
  if (data.errors.total === 0) return [cards(data), el("section", { class: "card" }, data.all.total.requests === 0 ? empty(text("noTraffic"), text("noTrafficHint")) : empty(text("errNone"), text("errNoneHint")))];
  return [partNote(data.errors), cards(data), chart(data, context), list(data, context),
    el("div", { class: "two" }, where(data.channels, text("errByChannel"), context, data.errors), where(data.models, text("errByModel"), context, data.errors))];
}

export const page = {
  name: "errors", title: "navErrors", every: 15000, span: true, filters: kFilters, load,
  actions: (data, { query }) => exportButtons("errors", { ...spanOf(query), ...filtersOf(query, kFilters) }),
  render: (root, data, context) => paint(root, content(data, context)),
};
