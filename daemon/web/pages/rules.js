// The rules, how near each is to its limit, and one of them with all its series.
import { ask, ApiError } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { ago, dateTime, duration, number } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { table } from "../parts/table.js";
import { hasText, text } from "../parts/texts.js";
import { blindWords, choices, command, commandLine, dimensionWord, facts, labelsNode, limitBar, measured, metricWord, ruleSentence, searchBox,
  severityChip, stateChip, worded } from "../parts/operation.js";
import "../texts/rules.js";

const kStates = ["firing", "pending", "error", "warming", "inactive", "disabled"];
const kSeverities = ["critical", "warning", "info"];
const kModeChips = { live: ["ruleLive", "bad"], shadow: ["ruleShadow", "warn"], off: ["ruleBreakerOff", ""] };

async function load(query, signal) {
  if (!query.name) return ask("rules", {}, signal);
  try {
    return await ask(`rules/${encodeURIComponent(query.name)}`, {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { missing: true };
    throw error;
  }
}

const sentence = (rule, context) => ruleSentence(rule, context.currency);

function standing(rule, context) {
  if (rule.state === "disabled") return el("span", { class: "quiet" }, "–");
  if (rule.blind) return el("p", { class: "problem" }, text("ruleBlind"), " ", blindWords(rule.blind));
  if (rule.state === "warming") return el("span", { class: "quiet" }, text("ruleWarm", { percent: number(rule.warm_percent) }));
  if (rule.value == null) return el("span", { class: "quiet" }, text("ruleQuiet"));
  return limitBar(rule, context.currency);
}

function breakerChip(rule) {
  if (rule.breaker == null) return el("span", { class: "quiet" }, text("ruleNoBreaker"));
  const [key, kind] = kModeChips[rule.breaker] ?? [null, ""];
  return chip(key ? text(key) : rule.breaker, kind);
}

// --- all rules ---

function stateBar(rules) {
  const counted = kStates.map((state) => [state, rules.filter((rule) => rule.state === state).length]).filter(([, n]) => n > 0);
  const kinds = { firing: "bad", error: "bad", pending: "warn", warming: "warn", inactive: "ok" };
  const parts = counted.map(([state, n]) => {
    const part = el("span", { class: kinds[state] });
    part.style.flexGrow = n;
    return part;
  });
  return [counted, el("div", { class: "state-bar", "aria-hidden": "true" }, parts)];
}

const matches = (rule, typed) => [rule.name, rule.metric, metricWord(rule.metric)].some((word) => word.toLowerCase().includes(typed));

function columns(context) {
  return [
    { name: text("ruleName"), value: (rule) => el("span", { class: "two-lines" }, el("b", {}, rule.name),
      el("small", {}, sentence(rule, context))) },
    { name: text("ruleState"), value: (rule) => el("span", { class: "chips" }, stateChip(rule.state), rule.state === "firing" ? severityChip(rule.severity) : null) },
    { name: text("ruleValue"), value: (rule) => standing(rule, context) },
    { name: text("ruleSeries"), kind: "number", value: (rule) => (rule.firing > 0 ? number(rule.firing) : el("span", { class: "quiet" }, text("ruleNoneFires"))) },
    { name: text("ruleBreaker"), value: breakerChip }];
}

function listView(data, context) {
  const { query } = context;
  const rules = data.rules ?? [];
  if (rules.length === 0) return section(null, empty(text("rulesNone"), text("rulesNoneHint")));
  const [counted, bar] = stateBar(rules);
  const href = (state) => hashOf("rules", query, { state });
  const typed = (query.q ?? "").toLowerCase();
  const shown = rules.filter((rule) => (!query.state || rule.state === query.state) && (!typed || matches(rule, typed)))
    .sort((a, b) => kStates.indexOf(a.state) - kStates.indexOf(b.state) || kSeverities.indexOf(a.severity) - kSeverities.indexOf(b.severity));
  return [bar, el("div", { class: "filters-row" },
    choices(text("rulesStates"), [{ name: text("all"), count: rules.length, href: href(null), on: !query.state },
      ...counted.map(([state, n]) => ({ name: worded("word", state), count: n, href: href(state), on: query.state === state }))])),
  section(null, shown.length === 0 ? [empty(text("nothingFits")), el("p", { class: "links" }, el("a", { href: "#/rules" }, text("removeFilter")))]
    : table({ caption: text("rulesCaption"), key: (rule) => rule.name, rows: shown, link: (rule) => hashOf("rules", { name: rule.name }), columns: columns(context) }))];
}

// --- one rule ---

function settings(rule, context) {
  const limit = (key, value) => text(key, { limit: measured(value, rule.unit, context.currency) });
  const differs = rule.clear !== rule.threshold;
  return facts([[text("ruleMetric"), metricWord(rule.metric)], [text("ruleThreshold"), limit(rule.below ? "ruleBelow" : "ruleAbove", rule.threshold)],
    [text("ruleClear"), limit(differs ? "ruleAt" : rule.below ? "ruleAbove" : "ruleBelow", rule.clear)],
    [text("ruleWindow"), rule.window === "0s" ? text("ruleNow") : rule.window],
    [text("ruleGroup"), rule.by.length > 0 ? rule.by.map(dimensionWord).join(", ") : text("wholeGateway")],
    rule.min_requests > 0 ? [text("ruleLeast"), number(rule.min_requests)] : null, [text("ruleCooldown"), duration(rule.cooldown)],
    [text("ruleAction"), breakerChip(rule)], [text("ruleNotify"), rule.notify.length > 0 ? rule.notify.join(", ") : text("ruleEverybody")]]);
}

function seriesTable(data, context) {
  const { rule } = data;
  const compared = data.series.some((one) => one.base != null);
  const side = (name, member) => ({ name: text(name), kind: "number", hide: "phone",
    value: (one) => (one[member] == null ? "–" : number(Math.round(one[member] * 100) / 100)) });
  return table({
    caption: text("ruleSeriesCaption"), rows: data.series, key: (one) => JSON.stringify(one.labels),
    columns: [
      { name: text("ruleSeriesFor"), value: (one) => labelsNode(one.labels) }, { name: text("ruleState"), value: (one) => stateChip(one.state) },
      { name: text("ruleValue"), value: (one) => limitBar({ ...rule, value: one.value, state: one.state }, context.currency) ?? "–" },
      ...(compared ? [side("ruleSeriesNow", "now"), side("ruleSeriesBase", "base")] : []),
      { name: text("ruleSeriesRequests"), kind: "number", value: (one) => number(one.requests) },
      { name: text("ruleSeriesSince"), kind: "number", value: (one) => (one.since == null ? "–" : ago(one.since)) }] });
}

// Why the rule decided so, in the page's words; what a newer program decides is told as it tells it.
function decisionWords(one, rule, currency) {
  const limit = (value) => measured(value, rule.unit, currency) ?? "–";
  const key = { inactive: one.value == null ? "inactiveNone" : rule.below ? "inactiveBelow" : "inactive" }[one.reason] ?? one.reason.replaceAll(" ", "_");
  if (!hasText(`decision.${key}`)) return one.why;
  return text(`decision.${key}`, { value: limit(one.value), limit: limit(rule.threshold), clear: limit(rule.clear), requests: number(one.requests),
    least: number(rule.min_requests), hold: duration(rule.hold), keep: duration(rule.keep_firing), cooldown: duration(rule.cooldown),
    most: number(rule.max_series), rules: rule.inhibited_by.join(", ") });
}

function decisions(data, context) {
  const rows = (data.evaluations ?? []).slice(0, 12);
  if (rows.length === 0) return null;
  return section(text("ruleDecisions"), table({
    caption: text("ruleDecisionsCaption"), rows, key: (one) => `${one.first} ${one.key} ${one.reason}`,
    columns: [
      { name: text("ruleDecisionWhen"), value: (one) => dateTime(one.last) },
      { name: text("ruleDecisionFor"), value: (one) => one.key || text("wholeGateway") },
      { name: text("ruleDecisionValue"), kind: "number", value: (one) => measured(one.value, data.rule.unit, context.currency) ?? "–" },
      { name: text("ruleDecisionWhy"), value: (one) => el("span", {}, decisionWords(one, data.rule, context.currency), one.times > 1 ? el("small", { class: "quiet" }, " ", text("ruleTimes", { n: number(one.times) })) : null) }] }));
}

function oneView(data, context) {
  const back = el("p", { class: "links" }, el("a", { href: "#/rules" }, "← ", text("ruleBack")));
  if (data.missing) return [back, section(null, empty(text("ruleUnknown", { name: context.query.name }), text("ruleUnknownHint")))];
  const { rule } = data;
  const try_ = commandLine("quotafuse", "replay", "--suggest", rule.name);
  return [back,
    el("section", { class: "card headline" }, el("p", { class: "chips" }, stateChip(rule.state), severityChip(rule.severity)),
      el("p", { class: "quiet" }, sentence(rule, context)), rule.state === "inactive" ? null : standing(rule, context)),
    section(text("ruleSeriesTitle"), data.series.length > 0 ? [seriesTable(data, context),
      data.more > 0 ? el("p", { class: "quiet" }, text("ruleSeriesMore", { n: number(data.more) })) : null]
      : empty(text("ruleSeriesNone"), text("ruleSeriesNoneHint"))),
    el("div", { class: "pair" }, section(text("ruleSettings"), settings(rule, context)),
      section(text("ruleTry"), el("p", { class: "quiet" }, text("ruleTryNote")), command(try_),
        el("p", { class: "links" }, el("a", { href: hashOf("alerts", { tab: "history", rule: rule.name }) }, text("ruleHistory"))))),
    decisions(data, context)];
}

function render(root, data, context) {
  paint(root, [context.query.name ? oneView(data, context) : listView(data, context)]);
}

const actions = (data, { query, go }) => (query.name ? null : searchBox({ label: text("rulesSearch"), value: query.q, change: (q) => go({ q }) }));

export const page = { name: "rules", title: "navRules", every: 15000, heading: (data, { query }) => query.name ?? null, actions, load, render };
