// What the breaker has off and how that comes back, and all that it did or refused.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { dateTime, dateTimeText, number, percent } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { language, text } from "../parts/texts.js";
import { asWritten, command, commandLine, facts, fold, outcomeWords, pager, ruleSentence, worded } from "../parts/operation.js";
import "../texts/breaker.js";

const kModes = { live: ["breakerLive", "breakerLiveNote", "ok"], shadow: ["breakerShadow", "breakerShadowNote", "warn"], off: ["breakerOff", "breakerOffNote", ""] };
const kCircuitKinds = { open: "bad", trial: "warn", unsure: "bad" };
const kSteps = { tripped: "bad", would_trip: "warn", refused: "", failed: "bad", already_off: "", lost_race: "", unknown: "bad", intent: "", whole: "ok",
  trial: "warn", settle: "ok", again: "bad", whole_asked: "", trial_asked: "", settle_asked: "", again_asked: "", whole_failed: "bad", trial_failed: "bad",
  settle_failed: "bad", again_failed: "bad", whole_refused: "warn", trial_refused: "warn", settle_refused: "warn", again_refused: "bad", whole_unknown: "bad",
  trial_unknown: "bad", settle_unknown: "bad", again_unknown: "bad", released: "warn", still_serving: "bad", mended: "ok", paused: "warn", resumed: "ok" };

async function load(query, signal) {
  const [breaker, rules] = await Promise.all([ask("breaker", { limit: 50, cursor: query.cursor }, signal), language() === "en" ? { rules: [] } : ask("rules", {}, signal)]);
  return { ...breaker, rules: new Map(rules.rules.map((rule) => [rule.name, rule])) };
}

// The program says it in the language of its configuration; on a page of another one the rule itself says it.
function reasonOf(one, data, context) {
  if (!one.rule) {
    const [, words] = /^(?:by hand|人工操作|人工)(?:(?:: |：)(.*))?$/s.exec(one.reason) ?? [null, one.reason];
    return words ? [text("breakerByPerson"), " ", asWritten(words)] : text("asked.a person");
  }
  const rule = data.rules.get(one.rule);
  return rule && context.status?.language !== language() ? ruleSentence(rule, context.currency) : asWritten(one.reason);
}

function target(one, linked = true) {
  const named = (id, name) => (name ? `${id} · ${name}` : `${id}`);
  const link = (kind, id, shown) => (linked ? el("a", { href: hashOf("object", { kind, id }) }, shown) : shown);
  if (one.kind === "") return text("targetAll"); // a pause, or its end
  if (one.kind === "token") {
    if (!one.token) return text("targetOwner", { name: one.token_name, user: one.user });
    return link("token", one.token, text("targetToken", { name: named(one.token, one.name) }));
  }
  const name = named(one.channel, one.name);
  return link("channel", one.channel, one.kind === "model" ? text("targetModel", { model: one.model, name }) : text("targetChannel", { name }));
}

// "manual", "after 30m", "until tomorrow" or "half_open".
function recovery(one) {
  if (one.pending) return text("breakerReturning");
  if (one.state === "unsure") return text("breakerUnsure");
  if (one.state === "trial") return text("breakerOnTrial", { time: dateTimeText(one.trial_at) });
  if (one.back_at == null) return text("breakerByHand");
  const failed = one.failed_trials > 0 ? el("span", { class: "quiet" }, " · ", text("breakerFailedTrials", { n: number(one.failed_trials) })) : null;
  return [text(one.recover === "half_open" ? "breakerNextTrial" : "breakerItself", { time: dateTimeText(one.back_at) }), failed];
}

const kMostRows = 12;

function json(words) {
  try { return JSON.parse(words); } catch { return null; }
}

// One model of a group, and whether the channel serves it.
const ability = (one) => [one.model, " ", el("small", {}, one.group), " ", text(one.enabled ? "abilityOn" : "abilityOff"), one.held ? [" · ", text("abilityHeld")] : null,
  one.weight == null ? null : [" · ", text("imageWeight", { n: number(one.weight) })], one.priority == null ? null : [" · ", text("imagePriority", { n: number(one.priority) })]];

function abilities(rows) {
  const on = rows.filter(({ enabled }) => enabled).length;
  return [el("p", {}, text("abilitiesOn", { on: number(on), all: number(rows.length) })),
    el("ul", {}, rows.slice(0, kMostRows).map((one) => el("li", {}, ability(one))), rows.length > kMostRows ? el("li", { class: "quiet" }, text("imageMore", { n: number(rows.length - kMostRows) })) : null)];
}

// What the gateway noted when it was switched off: its reason is what somebody wrote.
function otherInfo(words) {
  const info = json(words);
  if (info === null || typeof info !== "object" || Array.isArray(info)) return words ? asWritten(words) : "–";
  const parts = Object.entries(info).map(([name, of]) => el("li", {}, name === "status_time" && typeof of === "number" ? dateTime(of)
    : name === "status_reason" ? asWritten(String(of)) : [name, ": ", asWritten(typeof of === "string" ? of : JSON.stringify(of))]));
  return parts.length > 0 ? el("ul", {}, parts) : "–";
}

// A field of the gateway's row, in words where the page has them.
function fieldValue(field, of, kind) {
  if (of == null || of === "") return "–";
  if (field === "status") return worded(kind === "token" ? "keyState" : "channelState", of);
  if (field === "models" && typeof of === "string") return el("ul", {}, of.split(",").map((model) => el("li", {}, model)));
  if (field === "abilities" && Array.isArray(of)) return abilities(of);
  if (field === "other_info" && typeof of === "string") return otherInfo(of);
  return typeof of === "string" ? of : typeof of === "number" ? number(of) : JSON.stringify(of);
}

// The row as it was and as it was left; what differs is marked.
function image(one) {
  if (!one.before && !one.after) return el("p", { class: "quiet" }, text("breakerNoImage"));
  const fields = [...new Set([...Object.keys(one.before ?? {}), ...Object.keys(one.after ?? {})])];
  const head = ["breakerField", "breakerBefore", "breakerAfter"].map((key) => el("th", { scope: "col" }, text(key)));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": text("breakerImage") },
    el("table", { class: "image" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, fields.map((field) => {
      const [before, after] = [one.before?.[field], one.after?.[field]];
      const differs = JSON.stringify(before) !== JSON.stringify(after);
      return el("tr", { class: differs ? "differs" : null }, el("th", { scope: "row" }, worded("image", field)), el("td", {}, fieldValue(field, before, one.kind)),
        el("td", {}, fieldValue(field, after, one.kind)));
    }))));
}

const ruleLink = (rule) => el("a", { href: hashOf("rules", { name: rule }) }, rule);

function modeCard(data) {
  const [headline, note, kind] = kModes[data.mode] ?? [null, null, ""];
  const paused = data.paused && el("div", { class: "paused" }, el("p", {}, el("b", {}, text("breakerPausedNote")), " ",
    data.paused.until == null ? text("breakerPausedOpen") : text("breakerPausedUntil", { time: dateTimeText(data.paused.until) }), " ",
    data.paused.reason ? [text("breakerPausedReason"), " ", asWritten(data.paused.reason)] : null), command(commandLine("quotafuse", "breaker", "resume")));
  const lines = [["breakerReport", ["report", "--since", "7d"]], ...(data.mode === "live" && !data.paused ? [["breakerPause", ["pause", "--for", "1h"]]] : [])];
  return el("section", { class: `card mode ${kind}` },
    el("h2", {}, headline ? text(headline) : data.mode, " ", chip(worded("word", data.mode), kind), data.paused ? [" ", chip(worded("word", "paused"), "warn")] : null),
    note ? el("p", { class: "quiet" }, text(note)) : null, paused,
    el("div", { class: "pair" }, lines.map(([key, words]) => el("div", {}, el("h3", {}, text(key)), command(commandLine("quotafuse", "breaker", ...words))))));
}

function circuit(one, data, context) {
  const why = one.reason ? reasonOf(one, data, context) : one.rule;
  return el("section", { class: `card circuit ${kCircuitKinds[one.state] ?? ""}` }, el("h3", {}, target(one), " ", chip(worded("word", one.state), kCircuitKinds[one.state])),
    facts([[text("breakerSince"), dateTime(one.since)], [text("breakerWhy"), why], one.rule ? [text("breakerRule"), ruleLink(one.rule)] : null,
      [text("breakerBack"), recovery(one)], one.leading ? [text("breakerLeading"), text("breakerLeadingShare", { name: one.leading.name, share: percent(one.leading.share / 100) })] : null]),
    el("h4", {}, text("breakerRestore")), command(commandLine("quotafuse", "breaker", "restore", one.trip_id)),
    fold(`circuit ${one.trip_id}`, { class: "fold" }, text("breakerImage"), image(one)));
}

function openView(data, context) {
  const title = el("h2", {}, text("breakerOpen"), " ", el("span", { class: "count" }, number(data.open.length)));
  if (data.open.length === 0) return el("section", { class: "card" }, title, empty(text("breakerNoOpen"), text("breakerNoOpenHint")));
  return [title, el("div", { class: "cards" }, data.open.map((one) => circuit(one, data, context)))];
}

// Trips that are on record and not answered yet.
function unfinishedView(data, context) {
  if (!data.unfinished?.length) return null;
  return el("section", { class: "card unfinished" }, el("h2", {}, text("breakerUnfinished"), " ", el("span", { class: "count" }, number(data.unfinished.length))),
    el("p", { class: "quiet" }, text("breakerUnfinishedNote")), el("ul", { class: "letters" }, data.unfinished.map((one) => el("li", { "data-key": one.trip_id },
      el("p", {}, el("b", {}, target(one)), " ", one.mode === "shadow" ? chip(worded("word", "shadow")) : null), facts([[text("breakerAsked"), dateTime(one.asked_at)],
        [text("breakerAskedBy"), one.rule ? ruleLink(one.rule) : text("asked.a person")], one.reason ? [text("breakerWhy"), reasonOf(one, data, context)] : null, [text("breakerTrip"), one.trip_id]])))));
}

// "rule NAME", a person, or the breaker itself as its time came.
function askedBy(one) {
  const rule = /^rule (.+)$/.exec(one.asked_by)?.[1];
  return rule ? [text("askedByRule"), " ", ruleLink(rule)] : worded("asked", one.asked_by);
}

function step(one, data, context) {
  const remark = one.change || one.why ? outcomeWords(one) : reasonOf(one, data, context);
  return fold(`step ${one.trip_id} ${one.at} ${one.result}`, { class: "step" }, [el("span", { class: "when quiet" }, dateTime(one.at)),
    el("span", { class: "who" }, target(one, false)),
    el("span", { class: "flags" }, chip(worded("step", one.result), kSteps[one.result]), one.mode === "shadow" && one.result !== "would_trip" ? chip(worded("word", "shadow")) : null),
    el("span", { class: "why quiet" }, remark)],
  el("div", { class: "inside" }, facts([[text("auditTarget"), target(one)], [text("breakerTrip"), one.trip_id], one.rule ? [text("auditRule"), ruleLink(one.rule)] : null,
    one.asked_by ? [text("breakerAskedBy"), askedBy(one)] : null,
    one.reason ? [text("breakerWhy"), reasonOf(one, data, context)] : null, one.why ? [text("auditWhy"), outcomeWords(one)] : null]),
  el("div", { class: "wide" }, el("h4", {}, text("breakerImage")), image(one))));
}

function render(root, data, context) {
  paint(root, [modeCard(data), unfinishedView(data, context), openView(data, context), section(text("breakerAudit"), data.recent.length === 0
    ? empty(text("breakerNoAudit"), text("breakerNoAuditHint")) : el("div", {}, data.recent.map((one) => step(one, data, context))), pager("breaker", context.query, data.next_cursor))]);
}

export const page = { name: "breaker", title: "navBreaker", every: 10000, load, render };
