// The gateway's keys, read from the gateway itself. Of a value only its ends are ever read.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { ago, day, money, number, percent } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, empty, section } from "../parts/states.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import { asWritten, pager, searchBox, worded } from "../parts/operation.js";
import "../texts/keys.js";

const kStatusKinds = { 1: "ok", 2: "", 3: "warn", 4: "bad", 5: "" };

const load = (query, signal) => ask("tokens", { limit: 50, cursor: query.cursor, search: query.q }, signal);

function quota(key, currency) {
  const worth = (n) => money(n / currency.quota_per_unit, currency);
  if (key.unlimited) return el("span", { class: "two-lines" }, el("span", {}, text("keyUnlimited")), el("small", {}, text("keyUsedOnly", { used: worth(key.used) })));
  const all = key.used + key.remaining;
  const share = all > 0 ? Math.min(1, Math.max(0, key.used / all)) : 0;
  const part = el("span", { class: "fill" });
  part.style.width = `${(share * 100).toFixed(1)}%`;
  const shown = text("keyLeft", { used: worth(key.used), left: worth(key.remaining) });
  return el("div", { class: `limit ${share >= 0.95 ? "over" : "within"}` }, el("p", {}, shown), el("div", { class: "track", role: "img", "aria-label": percent(share) }, part));
}

function expires(key) {
  if (key.expires_at == null) return el("span", { class: "quiet" }, text("keyNoEnd"));
  return key.expires_at * 1000 < Date.now() ? chip(text("keyExpired"), "warn") : day(key.expires_at);
}

const owner = (user) => el("a", { href: hashOf("object", { kind: "user", id: user.id }) }, user.name || text("keyDeletedOwner", { id: user.id }));

function columns(currency) {
  return [
    { name: text("keyName"), value: (key) => el("span", { class: "two-lines" }, el("b", {}, key.name || `${key.id}`),
      key.masked ? el("small", { class: "mask", translate: "no" }, key.masked) : null) },
    { name: text("keyOwner"), value: (key) => owner(key.user) },
    { name: text("keyStatus"), value: (key) => chip(worded("keyStatus", key.status), kStatusKinds[key.status]) },
    { name: text("keyQuota"), value: (key) => quota(key, currency) },
    { name: text("keyRequests"), kind: "number", value: (key) => el("span", { class: "two-lines" }, number(key.requests),
      key.success_rate == null ? null : el("small", {}, text("keySuccess"), " ", percent(key.success_rate))) },
    { name: text("keyLast"), kind: "number", value: (key) => (key.last_used ? ago(key.last_used) : el("span", { class: "quiet" }, text("keyNever"))) },
    { name: text("keyCreated"), kind: "number", hide: "phone", value: (key) => day(key.created_at) },
    { name: text("keyExpires"), kind: "number", value: expires }];
}

function list(data, query) {
  if (!data.available) return section(null, empty(text("keysAway"), asWritten(data.why)));
  const none = query.q ? empty(text("keysNoFit", { search: query.q }), text("keysNoFitHint")) : empty(text("keysNone"), text("keysNoneHint"));
  return [el("p", { class: "quiet note" }, data.masks.from === "view" ? text("keysMaskNote") : text("keysNoMask", { why: worded("mask", data.masks.code) === data.masks.code ? data.masks.why : text(`mask.${data.masks.code}`) })),
    section(null, data.rows.length === 0 ? none
      : table({ caption: text("keysCaption"), rows: data.rows, key: (key) => key.id,
        link: (key) => hashOf("object", { kind: "token", id: key.id }), columns: columns(data.currency) }), pager("keys", query, data.next_cursor))];
}

function render(root, data, context) {
  paint(root, [list(data, context.query)]);
}

const actions = (data, { query, go }) => searchBox({ label: text("keysSearch"), value: query.q, change: (q) => go({ q, cursor: null }) });

export const page = { name: "keys", title: "navKeys", every: 0, actions, load, render };
