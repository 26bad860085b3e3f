// What stands around every page: the ways to the others, and the state of the daemon in a line.
import { el, paint, svg } from "./parts/dom.js";
import { number } from "./parts/format.js";
import { readinessLines } from "./parts/operation.js";
import { hashOf } from "./parts/page.js";
import { popup } from "./parts/popup.js";
import { language, locale, setLanguage, text } from "./parts/texts.js";

// Strokes in a square of 20.
const kGroups = [
  ["groupWatch", [["overview", "M3 10h4l2-5 3 10 2-5h3"], ["availability", "M3 14v-4M7 14V6M11 14V8M15 14V5"],
    ["alerts", "M10 3a4 4 0 0 0-4 4c0 5-2 6-2 7h12c0-1-2-2-2-7a4 4 0 0 0-4-4M8.5 17h3"]]],
  ["groupUse", [["breakdown", "M10 3v7l5 5M10 3a7 7 0 1 0 7 7h-7"], ["keys", "M12 8a3.5 3.5 0 1 0-3 3.5L4 16.5V17h3v-2h2v-2l1-1.5A3.5 3.5 0 0 0 12 8"],
    ["logs", "M4 5h12M4 10h12M4 15h8"]]],
  ["groupQuality", [["performance", "M4 15a7 7 0 1 1 12 0M10 11l3-4"], ["errors", "M10 3l8 14H2zM10 8v4M10 14.5v.1"]]],
  ["groupOperation", [["rules", "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4"], ["breaker", "M2 10h4M14 10h4M6 10a4 4 0 0 1 4-4M11 4l-2 4"],
    ["delivery", "M3 5h14v10H3zM3 6l7 5 7-5"], ["health", "M10 16S3 12 3 7.5a3.5 3.5 0 0 1 7-.5 3.5 3.5 0 0 1 7 .5C17 12 10 16 10 16"]]],
];
const kTitles = { overview: "navOverview", availability: "navAvailability", alerts: "navAlerts", breakdown: "navBreakdown", keys: "navKeys", logs: "navLogs",
  performance: "navPerformance", errors: "navErrors", rules: "navRules", breaker: "navBreaker", delivery: "navDelivery", health: "navHealth" };

export const kPageNames = [...Object.keys(kTitles), "object"];

const byId = (id) => document.getElementById(id);

export const icon = (path, attributes = {}) => svg("svg", { viewBox: "0 0 20 20", width: "18", height: "18", "aria-hidden": "true", ...attributes },
  svg("path", { d: path, fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round" }));

// --- navigation ---

function badges(status) {
  const firing = (status?.alerts ?? []).filter((alert) => alert.state === "firing");
  const more = (status?.more_alerts ?? []).reduce((sum, { series }) => sum + series, 0);
  const open = status?.breaker?.open?.length ?? status?.breaker?.circuits?.length ?? 0;
  return { alerts: [firing.length + more, firing.some(({ severity }) => severity === "critical") ? "bad" : "warn", "badgeAlerts"], breaker: [open, "bad", "badgeOpen"],
    delivery: [status?.outbox?.failed ?? 0, "warn", "badgeFailed"] };
}

function entry([name, path], place, span, [count = 0, kind = "", words = ""] = []) {
  const here = place.name === name || (place.name === "object" && name === "breakdown");
  return el("li", {}, el("a", { href: hashOf(name, span), "aria-current": here ? "page" : null }, icon(path), el("span", {}, text(kTitles[name])),
    count > 0 ? el("span", { class: `badge ${kind}`, title: text(words, { n: number(count) }) }, number(count)) : null));
}

export function paintNav(place, span, status) {
  const counts = badges(status);
  byId("nav").setAttribute("aria-label", text("navLabel"));
  paint(byId("nav"), kGroups.map(([group, pages]) => [el("p", { class: "group-name", id: group }, text(group)),
    el("ul", { "aria-labelledby": group }, pages.map((page) => entry(page, place, span, counts[page[0]])))]));
  byId("version").textContent = status?.version ? text("version", { version: status.version }) : "";
}

// --- the line on top ---

export const readyKind = (status, away) => (away || status?.readiness?.ready == null ? "" : status.readiness.ready ? "ok" : "warn");

function readiness(status, away) {
  const kind = readyKind(status, away);
  const words = text(away ? "away" : kind === "ok" ? "ready" : kind === "warn" ? "notReady" : status ? "readyUnknown" : "loading");
  const reasons = readinessLines(status?.readiness ?? {});
  const details = () => (reasons.length > 0 ? el("ul", {}, reasons.map((reason) => el("li", {}, reason))) : el("p", {}, text(kind === "ok" ? "readyNote" : "readyUnknown")));
  return el("button", { type: "button", class: `plain ready-state ${away ? "bad" : kind}`, "aria-haspopup": "dialog", onclick: (event) => popup(event.currentTarget, words, details) },
    el("span", { class: "dot", "aria-hidden": "true" }), el("span", {}, words));
}

const kThemes = [null, "light", "dark"];
const kThemeWords = { null: "themeAuto", light: "themeLight", dark: "themeDark" };
const kThemeIcons = { null: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14", light: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.300 4.300l1 1M14.700 14.700l1 1M4.300 15.700l1-1M14.700 5.300l1-1",
  dark: "M16 12.5A6.5 6.5 0 0 1 7.5 4a6.5 6.5 0 1 0 8.5 8.5" };
let theme = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
if (!kThemes.includes(theme)) theme = null;

function nextTheme() {
  theme = kThemes[(kThemes.indexOf(theme) + 1) % kThemes.length];
  try {
    if (theme === null) localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch { /* private mode: the choice lasts for this visit */ }
  document.dispatchEvent(new CustomEvent("themechosen", { detail: theme }));
}

async function logOut() {
  try { await fetch("./logout", { method: "POST", headers: { Accept: "application/json" } }); } catch { /* the login page will tell */ }
  location.replace("./login");
}

const drawerOpen = () => byId("side").classList.contains("open");

function drawer(open) {
  const inside = drawerOpen() && byId("side").contains(document.activeElement);
  byId("side").classList.toggle("open", open);
  byId("menu")?.setAttribute("aria-expanded", String(open));
  if (open) byId("nav").querySelector("a")?.focus();
  else if (inside) byId("menu").focus();
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") drawer(false); });
document.addEventListener("click", (event) => { if (!event.target.closest("#nav p, #menu")) drawer(false); });
// Who goes on by Tab would stand on what the drawer covers.
document.addEventListener("focusin", ({ target }) => { if (drawerOpen() && !target.closest("#side, #menu")) drawer(false); });

export function paintTop({ status, away, live, setLive, repaint }) {
  document.documentElement.lang = locale();
  const zh = language() === "zh";
  paint(byId("top"), [
    el("button", { type: "button", id: "menu", class: "plain icon", "aria-label": text("menu"), "aria-controls": "nav", "aria-expanded": String(drawerOpen()), onclick: () => drawer(!drawerOpen()) }, icon("M3 5h14M3 10h14M3 15h14")),
    el("span", { class: "site" }, status?.site || "quotafuse"), readiness(status, away), el("span", { class: "gap" }),
    el("button", { type: "button", class: `plain live ${live && !away ? "on" : ""}`, "aria-pressed": String(live), "aria-label": text("liveLabel"), title: text("liveLabel"), onclick: () => setLive(!live) },
      el("span", { class: "pulse", "aria-hidden": "true" }), el("span", {}, text(live ? "live" : "livePaused"))),
    el("button", { type: "button", class: "plain", lang: zh ? "en" : "zh-CN", "aria-label": text("otherLanguageLabel"), onclick: () => { setLanguage(zh ? "en" : "zh"); repaint(); } }, text("otherLanguage")),
    el("button", { type: "button", class: "plain icon", "aria-label": text(kThemeWords[theme]), title: text(kThemeWords[theme]), onclick: () => { nextTheme(); repaint(); } }, icon(kThemeIcons[theme])),
    status?.has_login ? el("button", { type: "button", class: "plain", onclick: logOut }, text("logout")) : null]);
}
