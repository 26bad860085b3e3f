// What fires now and what explains it, what is silenced, and what alerts did.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { ago, dateTime, number, percent, time } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { hasText, text } from "../parts/texts.js";
import { asWritten, blindWords, choices, command, commandLine, dimensionWord, fold, labelHash, labelsNode, limitBar, logsHash, outcomeWords, plainName, severityChip, severityKind,
  stateChip, worded } from "../parts/operation.js";
import { historyView, loadHistory } from "./alert_history.js";
import "../texts/alerts.js";
import "../texts/breaker.js";

const kSeverities = ["critical", "warning", "info"];
const kStates = ["firing", "stale", "pending"];

const tabOf = (query) => (["silences", "history"].includes(query.tab) ? query.tab : "now");

// An alert of a rule that cannot be evaluated now is what it last was.
const stateOf = (alert) => (alert.stale && alert.state === "firing" ? "stale" : alert.state);

function load(query, signal) {
  const tab = tabOf(query);
  if (tab === "silences") return ask("silences", {}, signal);
  return tab === "history" ? loadHistory(query, signal) : ask("alerts", {}, signal);
}

// How far over its limit, so that the worst of a rule stands first.
function excess({ value, threshold, below }) {
  if (typeof value !== "number" || typeof threshold !== "number") return 0;
  return below ? threshold - value : value / (threshold || 1);
}

function sorted(alerts) {
  const rank = (alert) => kSeverities.indexOf(alert.severity) * kStates.length + Math.max(0, kStates.indexOf(stateOf(alert)));
  return [...alerts].sort((a, b) => rank(a) - rank(b) || a.rule.localeCompare(b.rule) || excess(b) - excess(a));
}

// --- one alert ---

function share(part) {
  const bar = el("span", { class: "fill" });
  bar.style.width = `${Math.min(100, part.share)}%`;
  const rise = part.share_of_rise == null ? null : el("small", { class: "quiet" }, text("alertsRise", { rise: percent(part.share_of_rise / 100) }));
  return el("li", {}, el("span", { class: "name" }, plainName(part) || part.name), el("span", { class: "number" }, percent(part.share / 100), rise),
    el("span", { class: "track", "aria-hidden": "true" }, bar));
}

// Of a built-in alert: what it means, and what it says.
function selfWords(alert, kind = "quiet") {
  return el("p", { class: kind }, hasText(`self.${alert.rule}`) ? [text(`self.${alert.rule}`), " "] : null, asWritten(alert.text));
}

// Why an alert is what it last was.
const staleWords = (alert, status) => (status?.rules?.warming_rules?.some(({ rule }) => rule === alert.rule) ? text("alertsWarming") : blindWords(alert.stale));

function explanation(alert) {
  const groups = (alert.contributions ?? []).map((one) => el("div", { class: "parts" },
    el("h4", {}, dimensionWord(one.dimension), one.newest_rows == null ? null
      : el("small", { class: "quiet" }, " ", text("alertsExplainNew", { n: number(one.newest_rows) }))),
    el("ul", {}, one.parts.map(share))));
  return el("div", { class: "wide" }, el("h3", {}, text("alertsExplain")),
    groups.length > 0 ? el("div", { class: "explained" }, groups) : alert.text ? selfWords(alert) : el("p", { class: "quiet" }, text("alertsNoExplain")));
}

function actions(alert) {
  const list = alert.actions ?? [];
  return el("div", {}, el("h3", {}, text("alertsActions")), list.length === 0 ? el("p", { class: "quiet" }, text("alertsNoActions"))
    : el("ul", { class: "steps" }, list.map((one) => el("li", {}, worded("step", one.result), " ", el("span", { class: "quiet" }, time(one.at)),
      one.why ? el("p", { class: "quiet" }, outcomeWords(one)) : null))));
}

function silenceLine(alert) {
  const match = (alert.labels ?? []).filter((label) => label.dimension).map((label) => `${label.dimension}=${label.id ?? label.name}`);
  return commandLine("quotafuse", "silence", "add", "--rule", alert.rule, ...(match.length > 0 ? ["--match", match.join(",")] : []),
    "--for", "2h", "--reason", text("silenceWhy"));
}

function alertDetails(alert, context) {
  const objects = (alert.labels ?? []).filter(labelHash).map((label) =>
    el("a", { href: labelHash(label) }, text("alertsObject", { name: plainName(label) || `${dimensionWord(label.dimension)} ${label.id}` })));
  const links = el("p", { class: "links" }, objects, el("a", { href: hashOf("rules", { name: alert.rule }) }, text("alertsRule")),
    el("a", { href: hashOf("alerts", { tab: "history", rule: alert.rule }) }, text("alertsHistory")),
    (alert.labels ?? []).length > 0 ? el("a", { href: logsHash(alert.labels, "1h") }, text("alertsLogs")) : null);
  return el("div", { class: "inside" }, alert.stale ? el("p", { class: "problem wide" }, staleWords(alert, context.status)) : null,
    explanation(alert), actions(alert),
    el("div", {}, el("h3", {}, text("alertsQuiet")), command(silenceLine(alert)), el("p", { class: "quiet" }, text("alertsQuietNote"))), links);
}

function flags(alert) {
  const list = [];
  const state = stateOf(alert);
  if (state !== "firing") list.push(stateChip(state));
  if (alert.silenced) list.push(chip(text("alertsSilenced")));
  if (alert.inhibited) list.push(chip(text("alertsInhibited")));
  if (alert.told === false && state === "firing" && !alert.silenced && !alert.inhibited) list.push(chip(text("alertsNotTold")));
  return list;
}

function alertFold(alert, context) {
  const bar = limitBar(alert, context.currency) ?? (alert.text ? selfWords(alert, "quiet clip") : el("p", { class: "quiet clip" }));
  return fold(`${alert.rule} ${alert.key}`, { class: `alert ${severityKind(alert.severity)}` }, [
    el("span", { class: "who" }, alert.labels?.length || !alert.key ? labelsNode(alert.labels, false) : el("span", { class: "label" }, alert.key),
      el("span", { class: "quiet rule" }, alert.rule)),
    el("span", { class: "flags" }, flags(alert)), el("span", { class: "worth" }, bar), el("span", { class: "when quiet" }, ago(alert.since))],
  alertDetails(alert, context));
}

// --- the three views ---

const activeOf = (data) => (data.alerts ?? []).filter((alert) => alert.state !== "inactive");
const severityOf = (query) => (kSeverities.includes(query.severity) ? query.severity : null);

function severities(data, context) {
  const alerts = activeOf(data);
  const asked = severityOf(context.query);
  const href = (severity) => hashOf("alerts", context.query, { severity });
  const counted = kSeverities.map((severity) => [severity, alerts.filter((alert) => alert.severity === severity).length]).filter(([, n]) => n > 0);
  return counted.length < 2 && asked === null ? null : choices(text("filterBy"), [{ name: text("all"), count: alerts.length, href: href(null), on: asked === null },
    ...counted.map(([severity, n]) => ({ name: worded("word", severity), count: n, href: href(severity), on: asked === severity }))]);
}

function nowView(data, context) {
  const alerts = sorted(activeOf(data));
  if (alerts.length === 0) {
    const none = context.status?.rules?.total === 0 ? ["alertsNoRules", "alertsNoRulesHint"] : ["alertsNone", "alertsNoneHint"];
    return section(null, empty(text(none[0]), text(none[1])));
  }
  const asked = severityOf(context.query);
  const groups = kSeverities.map((severity) => [severity, alerts.filter((alert) => alert.severity === severity)])
    .filter(([severity, list]) => list.length > 0 && (asked === null || asked === severity))
    .map(([severity, list]) => el("section", { class: "card alerts", "data-key": severity }, el("h2", {}, severityChip(severity), number(list.length)),
      list.map((alert) => alertFold(alert, context))));
  if (groups.length === 0) return section(null, empty(text("nothingFits")), el("p", { class: "links" }, el("a", { href: "#/alerts" }, text("removeFilter"))));
  const more = (data.more ?? []).map((one) => el("p", { class: "quiet" }, text("alertsMore", { rule: one.rule, n: number(one.series) })));
  return [data.unexplained ? el("p", { class: "problem" }, text("alertsUnexplained"), " ", asWritten(data.unexplained)) : null, groups, more];
}

function silenceCard(silence) {
  const later = silence.from * 1000 > Date.now();
  return el("li", {}, el("p", {}, el("b", {}, silence.rule === "*" ? text("silenceAll") : silence.rule), " ",
    silence.match ? el("span", { class: "quiet" }, silence.match) : null, " ", later ? chip(text("silenceLater", { time: dateTime(silence.from) })) : null),
  el("p", {}, silence.reason), el("p", { class: "quiet" }, text("silenceUntil"), " ", dateTime(silence.until), " · ", text("silenceBreaker"), " ",
    text(silence.holds_actions ? "silenceHolds" : "silenceActs")),
  command(commandLine("quotafuse", "silence", "end", String(silence.id))));
}

function silencesView(data) {
  const list = data.silences ?? [];
  const line = commandLine("quotafuse", "silence", "add", "--rule", "NAME", "--for", "2h", "--reason", text("silenceWhy"));
  return section(list.length > 0 ? text("silencesCaption") : null, list.length > 0
    ? el("ul", { class: "silences" }, list.map(silenceCard)) : [empty(text("silencesNone"), text("silencesNoneHint")), command(line)]);
}

function render(root, data, context) {
  const { query, status } = context;
  const tab = tabOf(query);
  const firing = (status?.alerts ?? []).filter((alert) => alert.state !== "inactive").length;
  const tabs = choices(text("alertsTabs"), [
    { name: text("alertsNow"), count: status ? firing : null, href: hashOf("alerts"), on: tab === "now" },
    { name: text("alertsSilences"), count: status?.silences?.length ?? null, href: hashOf("alerts", { tab: "silences" }), on: tab === "silences" },
    { name: text("alertsHistory"), href: hashOf("alerts", { tab: "history" }), on: tab === "history" }]);
  const view = { now: nowView, silences: silencesView, history: historyView }[tab];
  paint(root, [el("div", { class: "filters-row" }, tabs, tab === "now" ? severities(data, context) : null), el("div", { class: "view", "data-key": tab }, view(data, context))]);
  // A choice that somebody made by hand is not what the markup says any more.
  const select = root.querySelector("select");
  if (select) select.value = query.rule ?? "";
}

export const page = { name: "alerts", title: "navAlerts", every: 15000, load, render };
