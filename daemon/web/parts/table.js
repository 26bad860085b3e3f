// A table that scrolls in its own box, and turns to cards on a phone.
import { el } from "./dom.js";
import { text } from "./texts.js";

function heading({ name, kind, sort, hide, title }, { order, descending = true, sortBy }) {
  const on = sort !== undefined && sort === order;
  const shown = sort === undefined || !sortBy ? name
    : el("button", { type: "button", class: "sort", onclick: () => sortBy(sort) }, name, el("span", { "aria-hidden": "true" }, on ? (descending ? " ↓" : " ↑") : " ↕"));
  return el("th", { scope: "col", class: [kind, hide && `hide-${hide}`].filter(Boolean).join(" ") || null, title,
    "aria-sort": on ? (descending ? "descending" : "ascending") : null }, shown);
}

const kLoud = "a, button, input, select, summary, label";

function opener(act) {
  return (event) => {
    // Neither a link of the row nor the end of marking a text is a click on the row.
    if (event.target.closest(kLoud) || String(getSelection())) return;
    act();
  };
}

function cellsOf(row, columns, { link, open }) {
  return columns.map(({ name, kind, value, hide }, index) => {
    const attributes = { class: [kind, hide && `hide-${hide}`].filter(Boolean).join(" ") || null };
    let shown = value(row);
    if (index > 0) return el("td", { ...attributes, "data-label": name }, shown);
    const href = link?.(row);
    if (href) shown = el("a", { href, class: "row-link" }, shown);
    else if (open) shown = el("button", { type: "button", class: "row-link", onclick: () => open(row) }, shown);
    return el("th", { ...attributes, scope: "row" }, shown);
  });
}

// columns: [{name, kind: "number", value: row => node or text, sort: key, hide: "phone", title}]; key, link and open are asked for each row. slim: few columns, stays a table on a phone.
export function table(options) {
  const { columns, rows, key, link, open, caption, slim } = options;
  const body = rows.map((row) => {
    const href = link?.(row);
    const act = href ? () => { location.hash = href; } : open ? () => open(row) : null;
    return el("tr", { "data-key": key?.(row), class: act ? "opens" : null, onclick: act && opener(act) }, cellsOf(row, columns, options));
  });
  return el("div", { class: slim ? "table slim" : "table", role: "region", tabindex: "0", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, el("tr", {}, columns.map((column) => heading(column, options)))),
      el("tbody", {}, body)));
}

// How close the rows stand: one choice for all tables, kept in the browser.
const kKey = "density";
let close = (() => { try { return localStorage.getItem(kKey) === "close"; } catch { return false; } })();
document.documentElement.dataset.density = close ? "close" : "";

export const densityButton = () => el("button", { type: "button", "aria-pressed": String(close), onclick: (event) => {
  close = !close;
  try { localStorage.setItem(kKey, close ? "close" : ""); } catch { /* private mode: the choice lasts for this visit */ }
  document.documentElement.dataset.density = close ? "close" : "";
  event.currentTarget.setAttribute("aria-pressed", String(close));
} }, text("density"));
