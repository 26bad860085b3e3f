// How notices get out: each notifier, what was given up and what helps, and the outbox.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { ago, dateTime, duration, number } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { table } from "../parts/table.js";
import { hasText, language, text } from "../parts/texts.js";
import { asWritten, choices, command, commandLine, dimensionWord, facts, pager, plainName, worded } from "../parts/operation.js";
import "../texts/delivery.js";

const kStates = { waiting: "warn", delivered: "ok", dead: "bad" };
const kDeadShown = 20;

async function load(query, signal) {
  const state = query.state in kStates ? query.state : null;
  const [status, outbox, dead] = await Promise.all([ask("status", {}, signal), ask("outbox", { state, limit: 50, cursor: query.cursor }, signal),
    ask("outbox", { state: "dead", limit: kDeadShown }, signal)]);
  return { status, outbox: status.outbox, letters: outbox.letters, next: outbox.next_cursor, dead: dead.letters, moreDead: dead.next_cursor != null };
}

// The title as it went out is in the language of the configuration. On a page of another one the same is said anew.
function titleOf({ title, about }, status) {
  if (about === null || status?.language === language() || !hasText(`notice.${about.kind}`)) return title;
  const labels = about.labels.map((label) => [label.dimension && dimensionWord(label.dimension), label.id, plainName(label) || label.name].filter((part) => part != null && part !== "").join(" "));
  return [text(`notice.${about.kind}`, { rule: about.rule ?? "" }), ...labels].join(" · ");
}

function health(one) {
  const failing = one.last_failure != null && (one.last_ok == null || one.last_ok < one.last_failure);
  if (failing) return ["notifierFails", "bad"];
  if (one.pending > 0) return ["notifierWaits", "warn"];
  return one.last_ok == null ? ["notifierFresh", ""] : ["notifierFine", "ok"];
}

function notifier(one) {
  const [word, kind] = health(one);
  return el("section", { class: "card notifier" }, el("h3", {}, one.name, " ", chip(text(word), kind)),
    facts([[text("notifierLast"), one.last_ok == null ? text("notifierNever") : ago(one.last_ok)],
      one.last_failure == null ? null : [text("notifierFailed"), ago(one.last_failure)],
      [text("notifierPending"), number(one.pending)], [text("notifierDead"), number(one.failed)]]),
    one.last_error ? el("p", { class: "problem" }, asWritten(one.last_error)) : null, one.advice ? el("p", {}, el("b", {}, text("deadAdvice")), " ", asWritten(one.advice)) : null,
    kind === "ok" ? null : [el("h4", {}, text("notifierTry")), command(commandLine("quotafuse", "notify", one.name))]);
}

function deadLetter(letter, { status, outbox: { notifiers } }) {
  const advice = notifiers.find((one) => one.name === letter.notifier)?.advice;
  return el("li", {}, el("p", {}, el("b", {}, titleOf(letter, status))),
    el("p", { class: "quiet" }, letter.notifier, " · ", letter.attempts === 1 ? text("deadTriedOnce") : text("deadTried", { n: number(letter.attempts) }), " · ",
      dateTime(letter.ended_at ?? letter.put_at)),
    letter.error ? el("p", { class: "problem" }, asWritten(letter.error)) : null, advice ? el("p", {}, el("b", {}, text("deadAdvice")), " ", asWritten(advice)) : null,
    command(commandLine("quotafuse", "notify", "--retry", String(letter.id))));
}

function deadView(data) {
  if (data.dead.length === 0) return null;
  const all = data.dead.length > 1 ? [el("h3", {}, text("deadRetryAll")), command(commandLine("quotafuse", "notify", "--retry", "all"))] : null;
  return el("section", { class: "card dead" }, el("h2", {}, text("deadTitle")), el("p", { class: "quiet" }, text("deadNote")), all,
    el("ul", { class: "letters" }, data.dead.map((letter) => deadLetter(letter, data))),
    data.moreDead ? el("p", { class: "links" }, el("a", { href: hashOf("delivery", { state: "dead" }) }, text("all"))) : null);
}

function how(letter) {
  return el("span", { class: "two-lines" }, chip(worded("letter", letter.state), kStates[letter.state]),
    letter.error && letter.state !== "delivered" ? el("small", {}, asWritten(letter.error)) : letter.sent_with ? el("small", {}, text("outboxWith", { id: letter.sent_with })) : null);
}

function outboxView(data, context) {
  const { query } = context;
  const href = (state) => hashOf("delivery", query, { state, cursor: null });
  const labels = { waiting: "outboxWaiting", delivered: "outboxDelivered", dead: "outboxDead" };
  const filter = choices(text("outboxState"), [{ name: text("outboxAll"), href: href(null), on: !(query.state in kStates) },
    ...Object.keys(kStates).map((state) => ({ name: text(labels[state]), href: href(state), on: query.state === state }))]);
  const none = query.state in kStates ? empty(text("outboxNoneState")) : empty(text("outboxNone"), text("outboxNoneHint"));
  return section(text("outboxTitle"), filter, data.letters.length === 0 ? none : table({
    caption: text("outboxCaption"), rows: data.letters, key: (letter) => letter.id,
    columns: [
      { name: text("outboxTime"), value: (letter) => dateTime(letter.put_at) },
      { name: text("outboxNotice"), value: (letter) => titleOf(letter, data.status) },
      { name: text("outboxTo"), value: (letter) => letter.notifier },
      { name: text("outboxHow"), value: how },
      { name: text("outboxAttempts"), kind: "number", value: (letter) => number(letter.attempts) },
      { name: text("outboxTook"), kind: "number", value: (letter) => (letter.ended_at == null ? "–" : duration(letter.ended_at - letter.put_at)) }] }),
  pager("delivery", query, data.next));
}

function render(root, data, context) {
  const notifiers = data.outbox?.notifiers ?? [];
  paint(root, [notifiers.length === 0 ? section(null, empty(text("deliveryNone"), text("deliveryNoneHint")))
    : [el("h2", {}, text("deliveryNotifiers")), el("div", { class: "cards" }, notifiers.map(notifier))], deadView(data), outboxView(data, context)]);
}

export const page = { name: "delivery", title: "navDelivery", every: 15000, load, render };
