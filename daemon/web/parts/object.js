// Names of what the gateway's traffic is split by, and the way to each one's own page.
import { el } from "./dom.js";
import { hashOf } from "./page.js";
import { text } from "./texts.js";

export const kKinds = ["channel", "model", "token", "user", "group", "route", "status", "code", "ip", "provider", "tag"];
const kNumbered = new Set(["channel", "token", "user"]);
const kPages = new Set(["channel", "model", "token", "user", "group", "route", "ip", "provider", "tag"]);

export const kindName = (kind) => text(`kind.${kind}`);

export function objectName(object) {
  const { kind, id, name } = object;
  if (kind === "rest") return text("rest");
  if (kind === "all") return text("all");
  if (kind === "status") return name || text("noneName");
  if (kind === "error") return [id, name].filter((part) => part != null && part !== "").join(" · ") || text("noneName");
  if (!kNumbered.has(kind) || id == null) return name || text("noneName");
  return kind === "channel" ? (name ? `${id} · ${name}` : `${id}`) : name || `#${id}`;
}

// The parameters that ask for this one alone.
export function filterOf({ kind, id, name, user }) {
  if (kind === "error") return { status: id, code: name };
  if (kind === "status") return { status: id ?? name };
  if (!kNumbered.has(kind)) return { [kind]: name };
  return kind === "token" && id == null ? { user } : { [kind]: id };
}

export function objectHash(object, query = {}) {
  if (!kPages.has(object.kind) || (object.id == null && !object.name)) return null;
  const { window, from, to } = query;
  const which = kNumbered.has(object.kind) && object.id != null ? { id: object.id } : { name: object.name };
  return hashOf("object", { kind: object.kind, ...which, window, from, to });
}

export function objectLink(object, query) {
  const href = objectHash(object, query);
  return href === null ? el("span", {}, objectName(object)) : el("a", { href }, objectName(object));
}
