// A JSON value as an indented tree that folds.
import { el } from "./dom.js";
import { plural } from "./texts.js";

const kOpenDepth = 3;

function leaf(value) {
  const kind = value === null ? "null" : typeof value;
  return el("span", { class: `json ${kind}` }, kind === "string" ? value : String(value));
}

function branch(value, depth) {
  const entries = Object.entries(value);
  if (entries.length === 0) return el("span", { class: "json quiet" }, Array.isArray(value) ? "[ ]" : "{ }");
  return el("ul", {}, entries.map(([name, inner]) => {
    const nested = inner !== null && typeof inner === "object" && Object.keys(inner).length > 0;
    if (!nested) return el("li", {}, el("span", { class: "name" }, name), " ", inner !== null && typeof inner === "object" ? branch(inner, depth) : leaf(inner));
    return el("li", {}, el("details", { open: depth < kOpenDepth }, el("summary", {}, el("span", { class: "name" }, name), " ",
      el("small", { class: "quiet" }, plural("items", Object.keys(inner).length))), branch(inner, depth + 1)));
  }));
}

export const tree = (value) => el("div", { class: "tree" }, value !== null && typeof value === "object" ? branch(value, 0) : leaf(value));

// The button says whether it worked: beyond plain http on this host there is no clipboard.
export const copyButton = (label, done, failed, value) => el("button", { type: "button", onclick: async ({ currentTarget }) => {
  try {
    await navigator.clipboard.writeText(value());
    currentTarget.textContent = done;
  } catch {
    currentTarget.textContent = failed;
  }
  setTimeout(() => { currentTarget.textContent = label; }, 2000);
} }, label);
