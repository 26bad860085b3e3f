// One request with all that is known of it, in a drawer that stands in the address: #/logs?entry=EPOCH-ID.
import { ask } from "./api.js";
import { el, paint } from "./dom.js";
import { cost, fullText, ms, number } from "./format.js";
import { objectLink } from "./object.js";
import { chip } from "./states.js";
import { text } from "./texts.js";
import { copyButton, tree } from "./tree.js";

const kKinds = { error: "bad", refund: "warn" };
const kEnds = { broken: "bad", client_gone: "warn" };

export const entryOf = (row) => `${row.epoch}-${row.id}`;

export function resultOf(row) {
  if (row.kind === "error") return chip([row.status, row.code].filter(Boolean).join(" ") || text("one.error"), row.status >= 400 && row.status < 500 && row.status !== 429 ? "warn" : "bad");
  if (row.kind !== "answer") return chip(text(`one.${row.kind}`), kKinds[row.kind]);
  return row.stream_end && row.stream_end !== "complete" ? chip(text(`end.${row.stream_end}`), kEnds[row.stream_end]) : el("span", { class: "quiet" }, text("logOk"));
}

let dialog = null;
let shown = null; // the entry
let abort = null;

function facts(row, { currency, query }) {
  const linked = (kind, { id, name }) => (id || name ? objectLink({ kind, id: id || null, name }, query) : null);
  const named = (kind) => (row[kind] ? objectLink({ kind, id: null, name: row[kind] }, query) : null);
  const seconds = (row.latency_ms - (row.first_token_ms ?? 0)) / 1000;
  const flag = (value) => (value ? text("yes") : null);
  const pairs = [["fieldAt", fullText(row.at)], ["fieldKind", text(`one.${row.kind}`)], ["fieldStatus", row.status], ["fieldCode", row.code || null], null,
    ["fieldChannel", linked("channel", row.channel)], ["fieldModel", named("model")], ["fieldRoute", named("route")], ["fieldGroup", named("group")], ["fieldToken", linked("token", row.token)],
    ["fieldUser", linked("user", row.user)], ["fieldIp", named("ip")], null,
    ["fieldPrompt", number(row.prompt_tokens)], ["fieldCache", row.cache_tokens ? number(row.cache_tokens) : null], ["fieldCompletion", number(row.completion_tokens)], ["fieldQuota", number(row.quota)],
    ["fieldCost", cost(row.cost, currency)], null,
    ["fieldLatency", row.latency_ms == null ? null : ms(row.latency_ms)], ["fieldFirst", row.first_token_ms == null ? null : ms(row.first_token_ms)],
    ["fieldSpeed", row.completion_tokens > 0 && seconds > 0.2 ? text("speed", { n: number(Math.round(row.completion_tokens / seconds * 10) / 10) }) : null],
    ["fieldStream", row.stream ? (row.stream_end ? chip(text(`end.${row.stream_end}`), kEnds[row.stream_end]) : text("yes")) : text("no")], ["fieldAttempts", row.attempts > 1 ? number(row.attempts) : null],
    ["fieldTest", flag(row.test)], ["fieldTask", flag(row.task)], ["fieldEpoch", row.epoch > 0 ? number(row.epoch) : null]];
  return el("dl", { class: "facts" }, pairs.map((pair) => {
    if (pair === null) return el("dt", { class: "rule", "aria-hidden": "true" });
    return pair[1] == null ? null : [el("dt", {}, text(pair[0])), el("dd", {}, pair[1])];
  }));
}

function rest(details) {
  const said = { store: "fromStore", gateway: "fromGateway" }[details.from];
  const content = details.content ? [el("h3", {}, text("content")), el("pre", {}, details.content)] : null;
  const none = details.from === "gone" ? text("otherGone") : details.from === "unavailable" ? text("otherAway", { why: details.why }) : text("noOther");
  return [content, el("h3", {}, text("other"), said ? el("small", { class: "quiet" }, ` ${text(said)}`) : null),
    details.other == null || details.other === "" ? el("p", { class: "quiet" }, none) : tree(details.other)];
}

function head(row, rows, context) {
  const at = rows.findIndex((one) => entryOf(one) === entryOf(row));
  const step = (to, label, sign) => el("button", { type: "button", class: "plain icon", "aria-label": text(label), title: text(label), disabled: !rows[to],
    onclick: () => context.go({ entry: entryOf(rows[to]) }) }, sign);
  return el("header", {}, el("h2", { id: "log-title" }, text("logTitle", { id: row.id })), resultOf(row), el("span", { class: "gap" }),
    at < 0 ? null : [step(at - 1, "logNewer", "↑"), step(at + 1, "logOlder", "↓")],
    el("button", { type: "button", class: "plain icon", "aria-label": text("logClose"), onclick: () => dialog.close() }, "✕"));
}

function fill(details, rows, context) {
  paint(dialog, [head(details, rows, context), el("div", { class: "inner" }, facts(details, context), details.from === undefined ? el("p", { class: "quiet" }, text("loading")) : rest(details),
    el("p", { class: "tools" }, copyButton(text("copyAll"), text("copied"), text("copyFailed"), () => JSON.stringify(details, null, 2))))]);
}

function trouble(error) {
  const body = dialog.querySelector(".inner");
  const line = el("p", { class: "problem" }, error.message);
  if (body) return body.append(line);
  return paint(dialog, [el("header", {}, el("h2", { id: "log-title" }, text("failed")), el("span", { class: "gap" }),
    el("button", { type: "button", class: "plain icon", "aria-label": text("logClose"), onclick: () => dialog.close() }, "✕")), el("div", { class: "inner" }, line)]);
}

async function show(entry, rows, context) {
  shown = entry;
  abort?.abort();
  abort = new AbortController();
  const { signal } = abort;
  const row = rows.find((one) => entryOf(one) === entry);
  if (row) fill(row, rows, context);
  try {
    const details = await ask(`logs/${encodeURIComponent(entry)}`, {}, signal);
    if (!signal.aborted) fill(details, rows, context);
  } catch (error) {
    if (!signal.aborted) trouble(error);
  }
}

// Opens, changes or closes the drawer as the address says. rows: those of the table behind it.
export function paintDrawer(rows, context) {
  const { entry } = context.query;
  if (!entry) {
    shown = null;
    dialog?.close();
    return;
  }
  if (!dialog?.isConnected) {
    dialog = el("dialog", { class: "drawer", "aria-labelledby": "log-title", onclick: (event) => { if (event.target === dialog) dialog.close(); } });
    dialog.addEventListener("close", () => {
      abort?.abort();
      dialog.remove();
      if (shown !== null) dialog.leave();
    });
    document.body.append(dialog);
    shown = null;
  }
  dialog.leave = () => context.go({ entry: null });
  if (!dialog.open) dialog.showModal();
  if (shown !== entry) show(entry, rows, context);
}

export function closeDrawer() {
  shown = null;
  dialog?.close();
}
