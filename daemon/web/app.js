// The frame: which page is shown, what stands around it, and when it is asked for again.
import "./texts/frame.js";
import { ask } from "./parts/api.js";
import { el, paint } from "./parts/dom.js";
import { setZone, timeText, zone } from "./parts/format.js";
import { forgetCharts } from "./parts/chart.js";
import { filterBar } from "./parts/filters.js";
import { hashOf, parseHash, View } from "./parts/page.js";
import { spanPart, spanPicker } from "./parts/span.js";
import { empty, failed } from "./parts/states.js";
import { text } from "./parts/texts.js";
import { kPageNames, paintNav, paintTop } from "./frame.js";
import { page as overview } from "./pages/overview.js";

const kStatusEvery = 15000;
const kStatusEveryAway = 3000;
const kTick = 1000;
const kListenAgain = 10000;

const byId = (id) => document.getElementById(id);

let view = null;      // the page that is shown
let place = null;     // {name, query} of the address
let status = null;    // the last good answer of /status
let statusAt = 0;     // when it was asked for
let heardAt = null;   // when it came
let away = false;     // the daemon does not answer
let live = true;      // the person wants it to move
let asking = false;
let currency = null;
let lastEvent = "";
let turn = 0;         // which change of the address is the newest
let unloaded = false; // the page's own module did not come

// --- painting ---

function head(page, data, context) {
  if (data?.currency) currency = data.currency;
  else if (data && currency === null) askCurrency();
  const title = page.heading?.(data, context) ?? text(page.title);
  const windows = page.span === true ? undefined : page.span;
  paint(byId("head"), [
    el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title)),
    el("div", { class: "tools" }, page.span ? spanPicker(context, windows) : null, page.actions?.(data, context)),
    page.filters ? el("div", { class: "filters" }, filterBar(context, page.filters)) : null]);
  const shown = byId("head").querySelector("h1").textContent;
  document.title = [shown, status?.site, "quotafuse"].filter(Boolean).join(" · ");
}

function contextOf(name) {
  return (query, refresh) => ({
    query, currency: currency ?? { code: "USD", symbol: "$" }, status, refresh, repaint: () => view?.paint(),
    go: (changes) => { location.hash = hashOf(name, query, changes); },
  });
}

function paintFrame() {
  byId("skip").textContent = text("skip");
  paintNav(place, spanPart(place.query), status);
  paintTop({ status, away, live, setLive, repaint });
  const banner = byId("connection");
  banner.hidden = !away;
  const said = text(heardAt ? "offline" : "offlineFirst", { at: heardAt ? timeText(heardAt) : "" });
  if (away && banner.textContent !== said) banner.textContent = said;
  const paused = byId("paused");
  paused.hidden = !status?.breaker?.paused;
  if (!paused.hidden) paint(paused, [el("a", { href: "#/breaker" }, text("breakerPaused"))]);
}

function repaint() {
  paintFrame();
  view?.paint();
}

function setLive(wanted) {
  live = wanted;
  paintFrame();
  if (live) view?.load();
}

// --- the address ---

const kFrame = { head, body: byId("body") };

function leave() {
  view?.leave();
  view = null;
  forgetCharts();
}

async function open(name, query, mine) {
  const page = name === overview.name ? overview : (await import(`./pages/${name}.js`)).page;
  if (mine === turn) view = new View(page, query, { ...kFrame, context: contextOf(name) });
}

function nothing(title, ...nodes) {
  paint(byId("head"), [el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title))]);
  byId("body").replaceChildren(...nodes);
}

async function route() {
  const next = parseHash(location.hash);
  const former = place?.name;
  const mine = ++turn;
  place = next;
  unloaded = false;
  paintFrame();
  if (view && former === next.name) return view.ask(next.query);
  leave();
  if (!kPageNames.includes(next.name)) return nothing(text("notFound"), empty(text("notFound"), text("notFoundHint")));
  try {
    await open(next.name, next.query, mine);
  } catch (error) {
    console.error(error);
    unloaded = mine === turn;
    await askStatus(); // where the session has ended, this leads to the login
    if (mine === turn) nothing(text("failed"), failed({ message: text("pageAway") }, () => location.reload()));
    return;
  }
  if (mine !== turn || former === undefined) return;
  scrollTo(0, 0);
  byId("head").querySelector("h1")?.focus({ preventScroll: true });
}

// --- what is new ---

async function askStatus() {
  if (asking) return;
  asking = true;
  statusAt = Date.now();
  try {
    status = await ask("status");
    heardAt = Date.now() / 1000;
    if (status.timezone && status.timezone !== zone()) {
      setZone(status.timezone);
      view?.paint();
    }
    if (away && unloaded) location.reload(); // a browser may keep in mind that a module failed
    else if (away) view?.load();
    away = false;
  } catch (error) {
    away = error.status === 0 || error.status >= 500;
    if (!away && error.status === undefined) console.error(error);
  }
  asking = false;
  paintFrame();
}

function tick() {
  if (document.hidden) return;
  const every = away ? kStatusEveryAway : kStatusEvery;
  if (Date.now() - statusAt >= every) askStatus();
  if (live && !away && view?.page.every > 0 && view.age >= view.page.every) view.load();
}

// Events only say that something changed; without them the page is asked by the clock alone.
function listen() {
  if (typeof EventSource === "undefined") return;
  const source = new EventSource("./api/v1/events");
  source.addEventListener("status", ({ data }) => {
    const { firing, open: off, pending } = JSON.parse(data);
    const said = `${firing} ${off} ${pending}`;
    if (said === lastEvent && !away) return;
    const first = lastEvent === "";
    lastEvent = said;
    if (first) return; // all is being asked already
    askStatus();
    if (live && view?.page.every > 0 && !document.hidden) view.load();
  });
  source.addEventListener("error", () => {
    if (!away) statusAt = Math.min(statusAt, Date.now() - kStatusEvery + kStatusEveryAway);
    // The browser tries again by itself, but not after an answer that is no stream, such as a busy server's or a proxy's own.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, kListenAgain);
  });
}

// Pages of rules and alerts show money, but their answers do not say which.
let asksCurrency = false;
async function askCurrency() {
  if (asksCurrency) return;
  asksCurrency = true;
  try {
    currency ??= (await ask("summary", { window: "1h" })).currency;
    view?.paint();
  } catch { /* asked again with the next answer */ }
  asksCurrency = false;
}

addEventListener("hashchange", (event) => {
  // The skip link is no page.
  if (location.hash === "#main") {
    history.replaceState(null, "", event.oldURL);
    byId("main").focus();
    return;
  }
  route();
});
document.addEventListener("visibilitychange", tick);
askStatus();
route();
listen();
setInterval(tick, kTick);
