// What the breaker has off and how that comes back, and all that it did or refused.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { dateTime, dateTimeText, number, percent } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { hasText, text } from "../parts/texts.js";
import { command, commandLine, facts, fold, pager, worded } from "../parts/operation.js";
import "../texts/breaker.js";

const kModes = { live: ["breakerLive", "breakerLiveNote", "ok"], shadow: ["breakerShadow", "breakerShadowNote", "warn"], off: ["breakerOff", "breakerOffNote", ""] };
const kCircuitKinds = { open: "bad", trial: "warn", unsure: "bad" };
const kSteps = { tripped: "bad", would_trip: "warn", refused: "", failed: "bad", already_off: "", lost_race: "", unknown: "bad", intent: "", whole: "ok",
  trial: "warn", settle: "ok", again: "bad", whole_asked: "", trial_asked: "", settle_asked: "", again_asked: "", whole_failed: "bad", trial_failed: "bad",
  settle_failed: "bad", again_failed: "bad", whole_refused: "warn", trial_refused: "warn", settle_refused: "warn", again_refused: "bad", whole_unknown: "bad",
  trial_unknown: "bad", settle_unknown: "bad", again_unknown: "bad", released: "warn", still_serving: "bad", mended: "ok", paused: "warn", resumed: "ok" };

const load = (query, signal) => ask("breaker", { limit: 50, cursor: query.cursor }, signal);

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

// What the gateway keeps as JSON within a field, a line for each member.
function lines(of) {
  if (of === null || typeof of !== "object") return [String(of)];
  return Object.entries(of).map(([name, one]) => `${name}: ${typeof one === "object" ? JSON.stringify(one) : one}`);
}

function parsed(words) {
  try { return JSON.parse(words); } catch { return words; }
}

// A channel's models, by group; those that are off are told.
function abilities(rows) {
  const groups = new Map();
  for (const { group, model, enabled } of rows) groups.set(group, [...groups.get(group) ?? [], enabled ? model : text("imageModelOff", { model })]);
  return [...groups].map(([group, models]) => `${group}: ${models.join(", ")}`);
}

function value(field, of) {
  if (of === undefined || of === "") return "–";
  if (field === "status") return hasText(`imageStatus.${of}`) ? `${of}: ${text(`imageStatus.${of}`)}` : String(of);
  if (field === "abilities" && Array.isArray(of)) return abilities(of).join("\n");
  return lines(typeof of === "string" ? parsed(of) : of).join("\n");
}

// The row as it was and as it was left; what differs is marked.
function image(one) {
  if (!one.before && !one.after) return el("p", { class: "quiet" }, text("breakerNoImage"));
  const fields = [...new Set([...Object.keys(one.before ?? {}), ...Object.keys(one.after ?? {})])];
  const head = ["breakerField", "breakerBefore", "breakerAfter"].map((key) => el("th", { scope: "col" }, text(key)));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": text("breakerImage") },
    el("table", { class: "image" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, fields.map((field) => {
      const [before, after] = [value(field, one.before?.[field]), value(field, one.after?.[field])];
      return el("tr", { class: before === after ? null : "differs" }, el("th", { scope: "row" }, worded("imageField", field)), el("td", {}, before), el("td", {}, after));
    }))));
}

const ruleLink = (rule) => el("a", { href: hashOf("rules", { name: rule }) }, rule);

function modeCard(data) {
  const [headline, note, kind] = kModes[data.mode] ?? [null, null, ""];
  const paused = data.paused && el("div", { class: "paused" }, el("p", {}, el("b", {}, text("breakerPausedNote")), " ",
    data.paused.until == null ? text("breakerPausedOpen") : text("breakerPausedUntil", { time: dateTimeText(data.paused.until) }), " ",
    data.paused.reason ? text("breakerPausedReason", { reason: data.paused.reason }) : null), command(commandLine("quotafuse", "breaker", "resume")));
  const lines = [["breakerReport", ["report", "--since", "7d"]], ...(data.mode === "live" && !data.paused ? [["breakerPause", ["pause", "--for", "1h"]]] : [])];
  return el("section", { class: `card mode ${kind}` },
    el("h2", {}, headline ? text(headline) : data.mode, " ", chip(worded("word", data.mode), kind), data.paused ? [" ", chip(worded("word", "paused"), "warn")] : null),
    note ? el("p", { class: "quiet" }, text(note)) : null, paused,
    el("div", { class: "pair" }, lines.map(([key, words]) => el("div", {}, el("h3", {}, text(key)), command(commandLine("quotafuse", "breaker", ...words))))));
}

function circuit(one) {
  const why = one.rule ? one.reason || one.rule : text("breakerByPerson", { reason: one.reason });
  return el("section", { class: `card circuit ${kCircuitKinds[one.state] ?? ""}` }, el("h3", {}, target(one), " ", chip(worded("word", one.state), kCircuitKinds[one.state])),
    facts([[text("breakerSince"), dateTime(one.since)], [text("breakerWhy"), why], one.rule ? [text("breakerRule"), ruleLink(one.rule)] : null,
      [text("breakerBack"), recovery(one)], one.leading ? [text("breakerLeading"), text("breakerLeadingShare", { name: one.leading.name, share: percent(one.leading.share / 100) })] : null]),
    el("h4", {}, text("breakerRestore")), command(commandLine("quotafuse", "breaker", "restore", one.trip_id)),
    fold(`circuit ${one.trip_id}`, { class: "fold" }, text("breakerImage"), image(one)));
}

function openView(data) {
  const title = el("h2", {}, text("breakerOpen"), " ", el("span", { class: "count" }, number(data.open.length)));
  if (data.open.length === 0) return el("section", { class: "card" }, title, empty(text("breakerNoOpen"), text("breakerNoOpenHint")));
  return [title, el("div", { class: "cards" }, data.open.map(circuit))];
}

// Orders that were written down and then neither carried out nor refused: the daemon ended in between.
function unfinishedView({ unfinished }) {
  if (unfinished.length === 0) return null;
  return section(text("breakerUnfinished"), el("p", { class: "quiet" }, text("breakerUnfinishedNote")),
    el("ul", { class: "unfinished" }, unfinished.map((one) => el("li", { "data-key": one.trip_id }, target(one), " ", el("span", { class: "quiet" }, one.reason), " ", dateTime(one.asked_at)))));
}

function step(one) {
  const remark = one.change ? worded("change", one.change) : hasText(`cause.${one.cause}`) ? text(`cause.${one.cause}`) : one.why || one.reason;
  return fold(`step ${one.trip_id} ${one.at} ${one.result}`, { class: "step" }, [el("span", { class: "when quiet" }, dateTime(one.at)),
    el("span", { class: "who" }, target(one, false)),
    el("span", { class: "flags" }, chip(worded("step", one.result), kSteps[one.result]), one.mode === "shadow" && one.result !== "would_trip" ? chip(worded("word", "shadow")) : null),
    el("span", { class: "why quiet" }, remark)],
  el("div", { class: "inside" }, facts([[text("auditTarget"), target(one)], [text("breakerTrip"), one.trip_id], one.rule ? [text("auditRule"), ruleLink(one.rule)] : null,
    one.reason ? [text("breakerWhy"), one.reason] : null, one.why ? [text("auditWhy"), one.why] : null,
    one.asked_by ? [text("auditAskedBy"), one.asked_by === "a person" ? text("auditPerson") : one.asked_by] : null]),
  el("div", { class: "wide" }, el("h4", {}, text("breakerImage")), image(one))));
}

function render(root, data, context) {
  paint(root, [modeCard(data), openView(data), unfinishedView(data), section(text("breakerAudit"), data.recent.length === 0
    ? empty(text("breakerNoAudit"), text("breakerNoAuditHint")) : el("div", {}, data.recent.map(step)), pager("breaker", context.query, data.next_cursor))]);
}

export const page = { name: "breaker", title: "navBreaker", every: 10000, load, render };
