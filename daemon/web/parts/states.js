// What every page says alike: it is coming, there is nothing, it failed, it is not all; and the small pieces of cards.
import { el, svg } from "./dom.js";
import { dateTimeText, share } from "./format.js";
import { text } from "./texts.js";

export function loading(lines = 6) {
  const line = (_, index) => {
    const bar = el("span", { class: "bone" });
    bar.style.width = `${90 - index * 37 % 50}%`;
    return bar;
  };
  return el("div", { class: "card skeleton", "aria-busy": "true" }, el("span", { class: "hidden" }, text("loading")),
    Array.from({ length: lines }, line));
}

export const empty = (title, hint) => el("div", { class: "empty" },
  svg("svg", { viewBox: "0 0 48 24", width: "48", height: "24", "aria-hidden": "true" },
    svg("path", { d: "M2 18h10l4-8 6 12 6-16 5 12h13", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linejoin": "round",
      "stroke-dasharray": "3 4", "stroke-linecap": "round" })),
  el("p", {}, title), hint ? el("p", { class: "quiet" }, hint) : null);

export const failed = (error, retry) => el("div", { class: "card failed", role: "alert" }, el("p", { class: "title" }, text("failed")),
  el("p", {}, error.message), el("button", { type: "button", onclick: retry }, text("retry")));

// In what an answer is not about the time that was asked for, and why.
export function noteOf(answer) {
  if (answer?.incomplete) return text(`part.${answer.incomplete}`, { since: dateTimeText(answer.from) });
  return answer?.whole_hours ? text("part.whole_hours", { from: dateTimeText(answer.from), to: dateTimeText(answer.to) }) : null;
}

// The same, but nothing where one of those that the page shows before it says so already.
export function partNote(answer, ...before) {
  const note = noteOf(answer);
  return note === null || before.some((other) => noteOf(other) === note) ? null : el("p", { class: "quiet part-note" }, note);
}

export const chip = (shown, kind) => el("span", { class: kind ? `chip ${kind}` : "chip" }, shown);

export const section = (title, ...nodes) => el("section", { class: "card" }, title == null ? null : el("h2", {}, title), nodes);

// A change is a fraction of the value before; null where there was none to compare with.
export function change(fraction, good) {
  if (fraction == null || !Number.isFinite(fraction)) return null;
  const flat = Math.abs(fraction) < 0.005;
  const kind = flat || !good ? "" : (fraction > 0) === (good === "up") ? "ok" : "bad";
  const shown = Math.abs(fraction) >= 9.995 ? `×${Math.round(fraction + 1)}` : share(Math.abs(fraction));
  return el("span", { class: `change ${kind}`, title: text("changeNote") }, flat ? "→ " : fraction > 0 ? "↑ " : "↓ ", flat ? share(0) : shown,
    el("span", { class: "hidden" }, text("changeNote")));
}

const changeOf = (now, before) => (typeof now === "number" && typeof before === "number" && before > 0 ? now / before - 1 : null);

// Of counts those of a minute are compared: of one of the two, more may be counted than was asked for. Sums of a part of
// the rows compare to nothing.
export function changesOf(now, before) {
  if (now.complete === false || !before || before.complete === false) return { count: () => null, share: () => null };
  const longer = (now.to - now.from) / (before.to - before.from);
  return { share: changeOf, count: (value, former) => (typeof former === "number" && longer > 0 ? changeOf(value, former * longer) : null) };
}

export const stat = ({ label, value, title, change: fraction, good, spark, note }) => el("div", { class: "card stat" },
  el("p", { class: "label" }, label), el("p", { class: "value", title }, value),
  el("p", { class: "foot" }, change(fraction, good), note ? el("span", { class: "quiet" }, note) : null), spark ?? null);
