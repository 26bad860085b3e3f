// Every request: filters, sums of what fits, and a drawer with all that is known of one.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { cost, dateTime, fullText, ms, number, compact, money, percent, dateTimeText } from "../parts/format.js";
import { filtersOf, nameIs } from "../parts/filters.js";
import { closeDrawer, entryOf, paintDrawer, resultOf } from "../parts/log_drawer.js";
import { kKinds, objectName } from "../parts/object.js";
import { exportButtons } from "../parts/page.js";
import { spanOf } from "../parts/span.js";
import { empty, noteOf } from "../parts/states.js";
import { densityButton, table } from "../parts/table.js";
import { plural, text } from "../parts/texts.js";
import "../texts/logs.js";

const kShown = 50;
const kLogKinds = ["answer", "error", "refund"];
const kSlow = [1000, 5000, 10000, 30000, 60000];
const kTyping = 400;

const askedOf = (query) => ({ ...spanOf(query), ...filtersOf(query), kind: kLogKinds.includes(query.kind) ? query.kind : null, slow_ms: query.slow_ms, search: query.search });

// Sums come with the newest page only; they hold for the older ones of the same filter.
let known = { of: "", totals: null };

async function load(query, signal) {
  const asked = askedOf(query);
  const data = await ask("logs", { ...asked, limit: kShown, cursor: query.cursor }, signal);
  const of = JSON.stringify(asked);
  if (data.totals || known.of !== of) known = { of, totals: data.totals };
  for (const row of data.rows) for (const kind of ["channel", "token", "user"]) nameIs(kind, row[kind].id, row[kind].name);
  return { ...data, totals: data.totals ?? known.totals };
}

// --- what is asked for ---

let typing = 0;

function searchField({ query, go }) {
  const apply = (value) => { if (value !== (query.search ?? "")) go({ search: value || null, cursor: null, entry: null }); };
  return el("form", { role: "search", onsubmit: (event) => { event.preventDefault(); clearTimeout(typing); apply(event.target.elements.search.value.trim()); } },
    el("input", { type: "search", name: "search", value: query.search ?? "", placeholder: text("logSearch"), "aria-label": text("logSearch"), autocomplete: "off", spellcheck: "false", maxlength: "200",
      oninput: ({ target }) => { clearTimeout(typing); typing = setTimeout(() => apply(target.value.trim()), kTyping); } }));
}

function slowChoice({ query, go }) {
  const own = Number(query.slow_ms);
  const steps = own > 0 && !kSlow.includes(own) ? [...kSlow, own].sort((a, b) => a - b) : kSlow;
  return el("select", { "aria-label": text("slow"), onchange: ({ target }) => go({ slow_ms: target.value || null, cursor: null, entry: null }) },
    el("option", { value: "", selected: !(own > 0) }, text("slowAny")), steps.map((step) => el("option", { value: step, selected: step === own }, text("slowOver", { ms: ms(step) }))));
}

function kindChoice({ query, go }) {
  const asked = kLogKinds.includes(query.kind) ? query.kind : null;
  return el("div", { class: "group", role: "group", "aria-label": text("logKind") }, [null, ...kLogKinds].map((kind) => el("button", { type: "button", "aria-pressed": String(kind === asked),
    onclick: () => go({ kind, cursor: null, entry: null }) }, text(`logKind.${kind ?? "all"}`))));
}

function totals(data, { currency, query }) {
  const sums = data.totals;
  if (!sums) return null;
  const part = sums.complete === false ? el("span", { class: "quiet", title: fullText(sums.from) }, text("totalPart", { time: dateTimeText(sums.from) }))
    : sums.whole_hours ? el("span", { class: "quiet", title: noteOf(sums) }, text("totalHours", { from: dateTimeText(sums.from), to: dateTimeText(sums.to) })) : null;
  const requests = el("b", { title: number(sums.requests) }, plural("totalRequests", sums.requests, { n: compact(sums.requests) }));
  return el("p", { class: "totals", role: "status" }, requests, el("span", { title: number(sums.tokens) }, text("totalTokens", { n: compact(sums.tokens) })),
    el("span", { title: cost(sums.cost, currency).title }, money(sums.cost, currency)), sums.error_rate == null || query.kind ? null : el("span", {}, text("totalErrors", { rate: percent(sums.error_rate) })), part);
}

// --- rows ---

const two = (first, second) => el("span", { class: "pairs" }, el("span", {}, first), second ? el("small", { class: "quiet" }, second) : null);

function columns({ currency }) {
  return [
    { name: text("logTime"), value: (row) => dateTime(row.at) },
    { name: text("kind.channel"), value: (row) => (row.channel.id ? objectName({ kind: "channel", ...row.channel }) : "–") },
    { name: text("kind.model"), value: (row) => two(row.model || "–", row.route) },
    { name: text("kind.token"), value: (row) => two(row.token.name || (row.token.id ? `#${row.token.id}` : "–"), [row.user.name, row.group].filter(Boolean).join(" · ")) },
    { name: text("kind.ip"), hide: "narrow", value: (row) => row.ip || "–" },
    { name: text("logTokens"), kind: "number", value: (row) => el("span", { title: `${number(row.prompt_tokens)} / ${number(row.completion_tokens)}` }, `${compact(row.prompt_tokens)} / ${compact(row.completion_tokens)}`) },
    { name: text("logCost"), kind: "number", value: (row) => cost(row.cost, currency) },
    { name: text("logLatency"), kind: "number", title: text("latencyNote"), value: (row) => el("span", { class: "pairs", title: row.first_token_ms == null ? null : text("firstToken", { ms: ms(row.first_token_ms) }) }, el("span", {}, ms(row.latency_ms)),
      row.first_token_ms == null ? null : el("small", { class: "quiet" }, ms(row.first_token_ms))) },
    { name: text("logResult"), value: resultOf }];
}

function pager(data, { query, go }) {
  const searched = query.search && data.next_cursor ? el("span", { class: "quiet" }, text("searchedTo", { time: dateTimeText(data.searched_to) })) : null;
  const button = (label, cursor) => el("button", { type: "button", onclick: () => { go({ cursor, entry: null }); scrollTo(0, 0); } }, text(label));
  return el("div", { class: "tools end" }, searched, query.cursor ? button("newest", null) : null, data.next_cursor ? button("older", data.next_cursor) : null);
}

function list(data, context) {
  if (data.rows.length > 0) {
    return el("section", { class: "card flush" }, totals(data, context), table({ caption: text("logs"), rows: data.rows, key: entryOf, columns: columns(context), open: (row) => context.go({ entry: entryOf(row) }) }));
  }
  const further = data.next_cursor ? el("button", { type: "button", class: "primary", onclick: () => context.go({ cursor: data.next_cursor, entry: null }) }, text("searchOn")) : null;
  const said = data.next_cursor ? empty(text("noLogsYet", { time: dateTimeText(data.searched_to) }), text("noLogsYetHint")) : empty(text("noLogs"), text("noLogsHint"));
  if (further) said.append(further);
  return el("section", { class: "card" }, said);
}

function render(root, data, context) {
  paint(root, [el("div", { class: "tools", "data-key": "tools" }, kindChoice(context), slowChoice(context), searchField(context), densityButton()),
    list(data, context), pager(data, context)]);
  paintDrawer(data.rows, context);
}

export const page = {
  name: "logs", title: "navLogs", every: 5000, span: true, filters: kKinds, inPlace: ["entry"],
  actions: (data, { query }) => exportButtons("logs", askedOf(query)), load, render, leave: closeDrawer,
};
