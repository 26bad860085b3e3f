// The filters of a page, in the address: chips that can be taken off, and a panel that suggests what there is.
import { ask } from "./api.js";
import { el, paint } from "./dom.js";
import { compact } from "./format.js";
import { filterOf, kindName, kKinds, objectName } from "./object.js";
import { popup } from "./popup.js";
import { spanOf } from "./span.js";
import { text } from "./texts.js";

const kNumbers = new Set(["channel", "token", "user", "status"]);
const kShown = 50;

export const filtersOf = (query, kinds = kKinds) =>
  Object.fromEntries(kinds.filter((kind) => query[kind] != null && query[kind] !== "").map((kind) => [kind, query[kind]]));

// Names of numbers that were seen in suggestions or rows, for the chips.
const names = new Map();
const asking = new Set();
export const nameIs = (kind, id, name) => { if (id != null && name) names.set(`${kind} ${id}`, name); };

// A link that was shared has numbers only.
function learn(kind, id, then) {
  if (names.has(`${kind} ${id}`) || asking.has(`${kind} ${id}`)) return;
  asking.add(`${kind} ${id}`);
  ask("breakdown", { by: kind, window: "30d", [kind]: id, most: 1 })
    .then(({ rows }) => { if (rows[0]?.name) nameIs(kind, id, rows[0].name); then(); }, () => {});
}

// What takes a filter off goes with it; the focus stays among the filters.
const stay = () => document.querySelector(".filters [data-key=add]")?.focus();

function chipOf(kind, context) {
  const value = context.query[kind];
  const numbered = kNumbers.has(kind) && kind !== "status";
  if (numbered) learn(kind, value, context.repaint);
  const name = numbered ? objectName({ kind, id: value, name: names.get(`${kind} ${value}`) }) : value;
  return el("span", { class: "chip filter", "data-key": kind }, el("span", { class: "quiet" }, kindName(kind)), " ", name,
    el("button", { type: "button", "aria-label": text("filterOff", { filter: `${kindName(kind)} ${name}` }),
      onclick: () => { stay(); context.go({ [kind]: null, cursor: null }); } }, "×"));
}

async function suggestions(kind, query) {
  const by = kind === "code" ? "error" : kind;
  const { rows } = await ask("breakdown", { by, ...spanOf(query), order: "requests", most: kShown });
  const seen = new Map();
  for (const row of rows) {
    nameIs(kind, row.id, row.name);
    const value = filterOf({ ...row, kind: kind === "code" ? "error" : kind })[kind];
    if (value == null || value === "") continue;
    const known = seen.get(String(value));
    if (known) known.requests += row.requests;
    else seen.set(String(value), { value: String(value), label: kind === "code" ? row.name : objectName(row), requests: row.requests });
  }
  return [...seen.values()];
}

// Choose a kind, then one of its names, or type it.
function panel(kinds, context, close) {
  let kind = kinds[0];
  let known = [];
  const list = el("ul", { class: "suggestions" });
  const input = el("input", { type: "search", autocomplete: "off", spellcheck: "false", maxlength: "200" });
  const select = el("select", { "aria-label": text("filterKind") }, kinds.map((name) => el("option", { value: name }, kindName(name))));
  const choose = (value) => {
    close();
    context.go({ [kind]: value, cursor: null });
  };
  const fitting = () => known.filter(({ label }) => label.toLowerCase().includes(input.value.trim().toLowerCase()));
  const show = (note) => paint(list, note ? [el("li", { class: "quiet" }, note)] : fitting().map(({ value, label, requests }) =>
    el("li", {}, el("button", { type: "button", onclick: () => choose(value) }, el("span", {}, label), el("span", { class: "quiet" }, compact(requests))))));
  const load = async () => {
    const asked = kind;
    known = [];
    input.value = "";
    input.inputMode = kNumbers.has(kind) ? "numeric" : "text";
    input.placeholder = text(kNumbers.has(kind) && kind !== "status" ? "filterNumber" : "filterText");
    input.setAttribute("aria-label", kindName(kind));
    show(text("loading"));
    try {
      const found = await suggestions(kind, context.query);
      if (asked !== kind) return;
      known = found;
      show(known.length === 0 ? text("filterNothing") : null);
    } catch (error) {
      show(error.message);
    }
  };
  const send = (event) => {
    event.preventDefault();
    const typed = input.value.trim();
    const exact = known.find(({ value, label }) => value === typed || label === typed) ?? (kNumbers.has(kind) && !/^\d+$/.test(typed) ? fitting()[0] : null);
    if (exact || (typed && !(kNumbers.has(kind) && !/^\d+$/.test(typed)))) choose(exact?.value ?? typed);
  };
  select.addEventListener("change", () => { kind = select.value; load(); });
  input.addEventListener("input", () => show(null));
  load();
  return el("form", { class: "fields filter-panel", onsubmit: send }, select, input, list);
}

export function filterBar(context, kinds) {
  const active = kinds.filter((kind) => context.query[kind] != null && context.query[kind] !== "");
  const free = kinds.filter((kind) => !active.includes(kind));
  return [active.map((kind) => chipOf(kind, context)),
    free.length === 0 ? null : el("button", { type: "button", class: "add", "data-key": "add", "aria-haspopup": "dialog", "aria-expanded": "false",
      onclick: (event) => popup(event.currentTarget, text("filterAdd"), (close) => panel(free, context, close)) }, `+ ${text("filterAdd")}`),
    active.length < 2 ? null : el("button", { type: "button", class: "plain", "data-key": "clear",
      onclick: () => { stay(); context.go(Object.fromEntries([...active, "cursor"].map((kind) => [kind, null]))); } }, text("filterClear"))];
}
