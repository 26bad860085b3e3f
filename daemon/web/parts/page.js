// One page of the site at a time: its address, its loading, its painting again.
import { exportHref } from "./api.js";
import { el } from "./dom.js";
import { failed, loading } from "./states.js";
import { text } from "./texts.js";

export function hashOf(name, query = {}, changes = {}) {
  const pairs = Object.entries({ ...query, ...changes }).filter(([, value]) => value != null && value !== "");
  const asked = new URLSearchParams(pairs).toString();
  return `#/${name}${asked ? `?${asked}` : ""}`;
}

export function parseHash(hash) {
  const [name, asked = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { name: name || "overview", query: Object.fromEntries(new URLSearchParams(asked)) };
}

export const exportButtons = (what, parameters) => el("span", { class: "group", role: "group", "aria-label": text("export") },
  ["csv", "json"].map((format) => el("a", { class: "button", href: exportHref(what, format, parameters), download: "",
    title: text("exportAs", { format: format.toUpperCase() }) }, format === "csv" ? `↓ ${format.toUpperCase()}` : format.toUpperCase())));

// A page that is shown: loads, paints, and is dropped with all that it still asks for.
export class View {
  #page; #query; #frame; #abort = new AbortController(); #asking = false; #again = false; #data = null; #at = 0; #root;

  // frame: {head(page, data, context), body: element, context(query)}
  constructor(page, query, frame) {
    this.#page = page;
    this.#query = query;
    this.#frame = frame;
    this.#begin(loading());
    this.paint();
    this.load();
  }

  get page() { return this.#page; }
  get age() { return this.#asking ? 0 : Date.now() - this.#at; }

  // Pages paint into a root that only they have filled.
  #begin(...nodes) {
    this.#root = el("div", { class: `page page-${this.#page.name}` }, nodes);
    this.#frame.body.replaceChildren(this.#root);
  }

  // The same page asked otherwise: what is shown stays, dimmed, until the answer is there.
  ask(query) {
    const changed = Object.keys({ ...this.#query, ...query }).filter((name) => this.#query[name] !== query[name]);
    this.#query = query;
    // What the page itself opens and closes needs no new answer.
    if (this.#data !== null && changed.every((name) => this.#page.inPlace?.includes(name))) {
      this.paint();
      return;
    }
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#asking = false;
    this.#root.classList.add("stale");
    this.#frame.head(this.#page, this.#data, this.#context());
    this.load();
  }

  #context() { return this.#frame.context(this.#query, () => this.load()); }

  async load() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    const { signal } = this.#abort;
    this.#asking = true;
    this.#root.setAttribute("aria-busy", "true");
    try {
      const data = await this.#page.load(this.#query, signal);
      if (signal.aborted) return;
      this.#data = data;
      this.paint();
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error);
    }
    this.#at = Date.now();
    this.#asking = false;
    this.#root.classList.remove("stale");
    this.#root.removeAttribute("aria-busy");
    if (this.#again) {
      this.#again = false;
      this.load();
    }
  }

  // What was good stays in sight while the daemon is away; the banner of the frame says so.
  #fail(error) {
    if (error.status === undefined) console.error(error);
    if (this.#data !== null && error.status === 0) return;
    this.#data = null;
    this.#begin(failed(error, () => {
      this.#begin(loading());
      this.load();
    }));
  }

  paint() {
    this.#frame.head(this.#page, this.#data, this.#context());
    if (this.#data === null) return;
    if (this.#root.querySelector(":scope > .skeleton, :scope > .failed")) this.#begin();
    this.#page.render(this.#root, this.#data, this.#context()); // the head has learnt the currency
  }

  leave() {
    this.#abort.abort();
    this.#page.leave?.();
  }
}
