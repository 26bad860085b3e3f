// What alerts did, by the store. It has the numbers of channels and keys only: their names are asked for beside.
import { ask } from "../parts/api.js";
import { el } from "../parts/dom.js";
import { dateTime, number } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import { choices, labelsNode, measured, pager, worded } from "../parts/operation.js";

const kKinds = ["firing", "over", "told"];
const kNamed = ["channel", "token", "user"];
const kWhatKinds = { firing: "bad", over: "ok" };
const kWindows = ["24h", "7d", "30d"];

const windowOf = (query) => (kWindows.includes(query.window) ? query.window : "7d");

// [[5,""]] of a rule by channel; of a built-in alert what it is about.
function labelsOf(row, rule) {
  let series;
  try { series = JSON.parse(row.series); } catch { return [{ dimension: null, id: null, name: row.series }]; }
  if (!Array.isArray(series) || !rule) return [{ dimension: null, id: null, name: row.series }];
  return series.map(([id, name], index) => ({ dimension: rule.by[index] ?? null, id: name ? null : id, name }));
}

const names = {};

async function learn(kinds, signal) {
  await Promise.all(kinds.map(async (kind) => {
    if (names[kind]?.until > Date.now()) return;
    const { rows } = await ask("breakdown", { by: kind, window: "30d", most: 200 }, signal);
    names[kind] = { until: Date.now() + 60000, byId: new Map(rows.map((row) => [row.id, row.name])) };
  }));
}

export async function loadHistory(query, signal) {
  const [history, rules] = await Promise.all([
    ask("alerts/history", { window: windowOf(query), rule: query.rule, state: kKinds.includes(query.what) ? query.what : null, limit: 50, cursor: query.cursor }, signal),
    ask("rules", {}, signal)]);
  const known = new Map(rules.rules.map((rule) => [rule.name, rule]));
  const rows = history.rows.map((row) => ({ ...row, known: known.get(row.rule), labels: labelsOf(row, known.get(row.rule)) }));
  const kinds = kNamed.filter((kind) => rows.some((row) => row.labels.some((label) => label.dimension === kind)));
  await learn(kinds, signal);
  for (const label of rows.flatMap((row) => row.labels)) if (label.id != null && !label.name) label.name = names[label.dimension]?.byId.get(label.id) ?? "";
  return { rows, next: history.next_cursor, rules: [...new Set([...known.keys(), ...rows.map((row) => row.rule)])].sort() };
}

function ruleChoice(data, context) {
  const asked = context.query.rule;
  const names = asked && !data.rules.includes(asked) ? [asked, ...data.rules] : data.rules;
  return el("select", { "aria-label": text("historyOneRule"), onchange: ({ target }) => context.go({ rule: target.value || null, cursor: null }) },
    el("option", { value: "" }, text("historyEveryRule")), names.map((name) => el("option", { value: name }, name)));
}

function columns(context) {
  return [
    { name: text("historyTime"), value: (row) => dateTime(row.at) },
    { name: text("historyWhat"), value: (row) => chip(worded("what", row.what), kWhatKinds[row.what]) },
    { name: text("historyRule"), value: (row) => (row.known ? el("a", { href: hashOf("rules", { name: row.rule }) }, row.rule) : row.rule) },
    { name: text("historyFor"), value: (row) => labelsNode(row.labels) },
    { name: text("historyValue"), kind: "number", value: (row) => el("span", { title: row.value == null ? null : number(row.value) },
      measured(row.value, row.known?.unit, context.currency) ?? "–") },
    { name: text("historyWhy"), value: (row) => worded("why", row.reason) }];
}

export function historyView(data, context) {
  const { query } = context;
  const href = (changes) => hashOf("alerts", query, { ...changes, cursor: null });
  const filters = el("div", { class: "filters-row" },
    choices(text("historyKind"), [{ name: text("historyAll"), href: href({ what: null }), on: !kKinds.includes(query.what) },
      ...kKinds.map((what) => ({ name: text(`what.${what}`), href: href({ what }), on: query.what === what }))]),
    choices(text("historySpan"), kWindows.map((window) => ({ name: window, href: href({ window, from: null, to: null }), on: windowOf(query) === window }))),
    ruleChoice(data, context));
  return [filters, section(null, data.rows.length === 0 ? empty(text("historyNone"), text("historyNoneHint"))
    : table({ caption: text("historyCaption"), key: (row) => `${row.id} ${row.what}`, rows: data.rows, columns: columns(context) }),
  pager("alerts", query, data.next))];
}
