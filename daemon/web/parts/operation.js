// What the pages of alerts, rules, breaker and delivery show alike.
import { el } from "./dom.js";
import { compact, duration, money, ms, number, percent } from "./format.js";
import { objectHash } from "./object.js";
import { hashOf } from "./page.js";
import { chip } from "./states.js";
import { hasText, language, text } from "./texts.js";
import "../texts/operation.js";

// A word that a newer program knows and this page does not is shown as it came.
export const worded = (group, word) => (hasText(`${group}.${word}`) ? text(`${group}.${word}`) : String(word ?? ""));
// The program's sentences are English: where this page has words for what they say, it says it in its own language.
export const said = (key, sentence, values) => (language() !== "en" && hasText(key) ? text(key, values) : sentence);
// What somebody else wrote: an upstream, a database, a person, or the program where the page knows no better.
export const asWritten = (sentence) => el("q", { class: "written", translate: "no" }, sentence);
export const dimensionWord = (name) => worded("by", name);
export const metricWord = (metric) => worded("metric", metric);

const kStateKinds = { firing: "bad", error: "bad", pending: "warn", stale: "warn", warming: "warn", inactive: "ok" };
export const stateChip = (state) => chip(worded("word", state), kStateKinds[state]);

const kSeverityKinds = { critical: "bad", warning: "warn" };
export const severityKind = (severity) => kSeverityKinds[severity] ?? "";
export const severityChip = (severity) => chip(worded("word", severity), severityKind(severity));

// A rule's value in its unit, as short text; null where there is none.
export function measured(value, unit, currency) {
  if (typeof value !== "number") return null;
  switch (unit) {
    case "percent": return percent(value / 100);
    case "%": return `${value > 0 ? "+" : ""}${number(Math.round(value * 10) / 10)} %`;
    case "USD": return money(value, currency?.code === "USD" ? currency : { code: "USD", symbol: "$" });
    case "ms": return ms(value);
    case "seconds": return duration(value);
    case "tokens": return `${compact(value)} ${text("unitTokens")}`;
    case "quota": return `${compact(value)} ${text("unitQuota")}`;
    case "per minute": return `${compact(value)}${text("unitPerMinute")}`;
    default: return compact(value);
  }
}

// "cost over $50 in 1h by channel": the rule as a sentence.
export function ruleSentence(rule, currency) {
  const limit = measured(rule.threshold, rule.unit, currency);
  const parts = [text(rule.below ? "ruleUnder" : "ruleOver", { metric: metricWord(rule.metric), limit }),
    rule.window === "0s" ? text("ruleNow") : text("ruleIn", { window: rule.window }),
    rule.by.length > 0 ? text("ruleBy", { by: rule.by.map(dimensionWord).join(", ") }) : text("ruleWhole")];
  return parts.join(" · ");
}

// The value against its limit: how full the bar is, and where the limit stands in it.
export function barOf(value, limit, below) {
  const size = (x) => (limit < 0 ? Math.max(0, -x) : Math.max(0, x));
  const most = Math.max(size(value), size(limit));
  // Where the limit is none at all ("over 0"), anything is all of it.
  if (most === 0 || size(limit) === 0) return { fill: size(value) > 0 ? 1 : 0, mark: 0 };
  const whole = most * (below && limit > 0 ? 1.25 : 1);
  return { fill: Math.min(1, size(value) / whole), mark: size(limit) / whole };
}

export const isOver = (value, limit, below) => (below ? value < limit : value > limit);

// What fires on although it is within the limit again (`clear` is further) is neither red nor green, and goes on until
// there.
export function limitBar({ value, threshold, clear, below, unit, state }, currency) {
  const shown = measured(value, unit, currency);
  const limit = measured(threshold, unit, currency);
  if (shown == null || limit == null) return null;
  const { fill, mark } = barOf(value, threshold, below);
  const over = isOver(value, threshold, below);
  const held = !over && state === "firing";
  const end = held && clear !== threshold ? measured(clear, unit, currency) : null;
  const part = el("span", { class: "fill" });
  part.style.width = `${(fill * 100).toFixed(1)}%`;
  const line = mark > 0 ? el("span", { class: "mark" }) : null;
  if (line) line.style.insetInlineStart = `${(mark * 100).toFixed(1)}%`;
  // What is up to the limit is paler than what is beyond it.
  const usual = over && !below && mark > 0 ? el("span", { class: "usual" }) : null;
  if (usual) usual.style.width = `${(mark * 100).toFixed(1)}%`;
  return el("div", { class: `limit ${over ? "over" : held ? "held" : "within"}` },
    el("p", {}, el("b", { title: number(value) }, shown), " ", el("span", { class: "quiet", title: number(threshold) }, text("limitShort", { limit }), end == null ? null : [" · ", text("limitHeld", { clear: end })])),
    el("div", { class: "track", role: "img", "aria-label": [text("limitOf", { value: shown, limit }), end == null ? null : text("limitHeld", { clear: end })].filter(Boolean).join(" · ") }, part, usual, line));
}

// --- names ---

// So the program calls what has no name: a request without a model, for instance.
const isNameless = (label) => label.id == null && label.name === "(none)";

// The program names a channel "5 (claude-direct)"; the page shows the name, and the number in a quiet voice.
export function plainName(label) {
  if (isNameless(label)) return text("noneName");
  const name = label.name ?? "";
  const inner = label.id != null && name.startsWith(`${label.id} (`) && name.endsWith(")") ? name.slice(`${label.id} (`.length, -1) : name;
  return inner === String(label.id) ? "" : inner;
}

export const labelHash = (label) => (isNameless(label) ? null : objectHash({ kind: label.dimension, id: label.id, name: label.name }));

export function labelNode(label, linked = true) {
  const name = plainName(label);
  const word = label.dimension ? `${dimensionWord(label.dimension)}${label.id != null ? ` ${label.id}` : ""}` : null;
  const hash = linked ? labelHash(label) : null;
  const shown = name || word;
  return el("span", { class: "label" },
    hash ? el("a", { href: hash }, shown) : el("span", {}, shown), name && word ? el("small", {}, word) : null);
}

export function labelsNode(labels, linked = true) {
  if (!labels || labels.length === 0) return el("span", { class: "label" }, el("span", {}, text("wholeGateway")));
  return el("span", { class: "labels" }, labels.map((label) => labelNode(label, linked)));
}

// The same filter for the logs. What no log can be asked for is left out.
export function logsHash(labels, window) {
  const asked = (labels ?? []).filter((label) => label.dimension && !isNameless(label) && (label.id != null || label.name));
  return hashOf("logs", { window, ...Object.fromEntries(asked.map((label) => [label.dimension, label.id ?? label.name])) });
}

// What became of a step of the breaker: why it was refused or failed, and what was found at the gateway. The sentence has
// the numbers, so it stands beside the words of another language.
export function outcomeWords(one) {
  if (one.change && hasText(`change.${one.change}`)) return text(`change.${one.change}`);
  if (!one.why) return "";
  const words = said(`cause.${one.cause}`, null) ?? said(`asked.${one.why}`, null);
  if (words === null) return asWritten(one.why);
  return one.cause ? [words, " ", el("small", { class: "quiet" }, asWritten(one.why))] : words;
}

// --- commands ---

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${String(word).replaceAll("'", `'\\''`)}'`);

// A line for a shell; words that need it are quoted.
export const commandLine = (...words) => words.map(quoted).join(" ");

export const command = (line) => el("div", { class: "command" }, el("code", { translate: "no" }, line),
  el("button", { type: "button", "data-copy": line, "aria-label": text("copyCommand", { command: line }) }, text("copy")));

async function copy(button) {
  let told = "copied";
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch { // plain http beyond this host has no clipboard
    getSelection().selectAllChildren(button.previousElementSibling);
    told = "selected";
  }
  button.textContent = text(told);
  setTimeout(() => { button.textContent = text("copy"); }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});

// --- pieces of pages ---

// What a person opened stays open when the page is painted again.
const opened = new Set();
document.addEventListener("toggle", (event) => {
  const id = event.target.dataset?.fold;
  if (id) opened[event.target.open ? "add" : "delete"](id);
}, true);

export const fold = (id, attributes, summary, ...content) =>
  el("details", { ...attributes, "data-key": id, "data-fold": id, open: opened.has(id) }, el("summary", {}, summary), content);

// Links that change one part of the address: tabs and filters. The one that holds is marked.
export const choices = (label, list) => el("nav", { class: "choices", "aria-label": label },
  list.map(({ name, count, href, on }) => el("a", { href, "aria-current": on ? "true" : null }, name,
    count == null ? null : el("span", { class: "count" }, number(count)))));

export const facts = (pairs) => el("dl", { class: "facts" },
  pairs.filter((pair) => pair != null).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

// Keyset paging knows the page after and the first, not the one before: Back goes there.
export function pager(page, query, next) {
  if (!next && !query.cursor) return null;
  return el("nav", { class: "pager", "aria-label": text("pages") },
    query.cursor ? el("a", { class: "button", href: hashOf(page, query, { cursor: null }) }, text("newest")) : null,
    next ? el("a", { class: "button", href: hashOf(page, query, { cursor: next }) }, text("older")) : null);
}

let timer = 0;

// `change` gets the text when the typing rests.
export const searchBox = ({ label, value, change }) => el("input", { type: "search", class: "search", autocomplete: "off", spellcheck: "false",
  maxlength: "100", placeholder: label, "aria-label": label, value: value ?? "", oninput: ({ target }) => {
    clearTimeout(timer);
    timer = setTimeout(() => change(target.value.trim() || null), 250);
  } });

// --- readiness ---

// The program's reasons and notes, as codes where it has them.
export function readinessLines({ reasons = [], notes = [], codes = [] } = {}) {
  return [...reasons, ...notes].map((sentence, at) => {
    const { code = "", seconds = null, detail = null } = codes[at] ?? {};
    if (said(`ready.${code}`, null) === null) return sentence;
    const words = text(`ready.${code}`, { duration: seconds == null ? "" : duration(seconds) });
    return detail ? [words, " ", asWritten(detail)] : words;
  });
}

// Why a rule cannot be evaluated: what this gateway does not have, or what could not be read, and why.
export function blindWords(sentence) {
  const reason = sentence.replace(/: the rule has nothing to go by$/, "");
  const fixed = said(`blind.${reason}`, null);
  if (fixed !== null) return fixed;
  const [, kind, why] = /^([\w ]+) cannot be read: (.*)$/s.exec(sentence) ?? [];
  return kind && said(`trouble.${kind}`, null) !== null ? [text("blindUnread", { kind: text(`trouble.${kind}`) }), " ", asWritten(why)] : asWritten(sentence);
}
