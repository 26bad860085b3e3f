import { locale, stateText, switchLanguage, text } from "./texts.js";

const kEvery = 2000;
const kLongestWait = 30000;
const kReplyTime = 5000;

let status = null;     // the last good answer
let receivedAt = null; // when it came
let failure = null;    // {why, wait} while the daemon does not answer
let timer = 0;
let asking = false;

// Data only ever becomes text nodes and known attributes, so nothing in it can become markup.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
  node.append(...children.flat(Infinity).filter((child) => child != null));
  return node;
}

// Replaces only what changed: focus, selection and screen readers are left alone.
function paint(target, nodes) {
  const fresh = target.cloneNode(false);
  fresh.append(...nodes);
  if (!target.isEqualNode(fresh)) target.replaceChildren(...fresh.childNodes);
}

const content = (id) => document.querySelector(`#${id} .content`);

const number = (n) => (typeof n === "number" ? new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(n) : text("unknown"));

const counted = (key, n) => (typeof n === "number" ? text(key, { n: number(n) }) : text("unknown"));

function duration(seconds) {
  if (typeof seconds !== "number") return text("unknown");
  const unit = (n, name) => new Intl.NumberFormat(locale(), { style: "unit", unit: name, unitDisplay: "short" }).format(n);
  if (seconds < 60) return unit(Math.max(0, Math.round(seconds)), "second");
  if (seconds < 3600) return unit(Math.floor(seconds / 60), "minute");
  const [large, rest, big, small] = seconds < 86400
    ? [Math.floor(seconds / 3600), Math.floor(seconds % 3600 / 60), "hour", "minute"]
    : [Math.floor(seconds / 86400), Math.floor(seconds % 86400 / 3600), "day", "hour"];
  return rest === 0 ? unit(large, big) : `${unit(large, big)} ${unit(rest, small)}`;
}

// Times come as Unix seconds or as ISO 8601.
function toDate(time) {
  const date = typeof time === "number" ? new Date(time * 1000) : new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

function when(time) {
  const date = toDate(time);
  if (date === null) return document.createTextNode(text("unknown"));
  const age = (receivedAt - date) / 1000;
  const far = Math.abs(age) > 86400 || (age < 0 && date.toDateString() !== receivedAt.toDateString());
  const shown = new Intl.DateTimeFormat(locale(), { dateStyle: far ? "medium" : undefined, timeStyle: "medium" }).format(date);
  const title = age < 0 ? text("in", { t: duration(-age) }) : text("ago", { t: duration(age) });
  return el("time", { datetime: date.toISOString(), title }, shown);
}

function measured(value, unit) {
  if (typeof value !== "number") return text("unknown");
  const units = { percent: "%", ms: " ms", seconds: " s", USD: " USD", CNY: " CNY" };
  return number(value) + (units[unit] ?? (unit && unit !== "count" ? ` ${unit}` : ""));
}

const chip = (state, kind) => el("span", { class: kind ? `chip ${kind}` : "chip" }, stateText(state));
const big = (shown, note) => el("p", { class: "big" }, `${shown} `, note ? el("small", {}, note) : null);
const empty = (shown) => el("p", { class: "empty" }, shown);
const problem = (shown) => (shown ? el("p", { class: "problem" }, shown) : null);

function facts(pairs) {
  return el("dl", {}, pairs.filter((pair) => pair != null).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function table(columns, rows) {
  const head = columns.map(({ name, kind }) => el("th", { scope: "col", class: kind }, name));
  const cell = (value, index) => (index === 0
    ? el("th", { scope: "row" }, value)
    : el("td", { class: columns[index].kind, "data-label": columns[index].name }, value));
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell)))));
}

const severityKind = { critical: "bad", warning: "warn" };
const stateKind = { firing: "bad", error: "bad", pending: "warn", warming: "warn", inactive: "ok", ok: "ok", unreachable: "bad", stalled: "bad", locked: "bad", denied: "bad", schema: "bad", rejected: "bad",
  unproven: "bad", behind: "bad", lagging: "bad",
  "catching-up": "warn", tripped: "bad", failed: "bad", refused: "warn", whole: "ok", settle: "ok", trial: "warn", again: "bad",
  unknown: "bad", released: "warn", still_serving: "bad", whole_failed: "bad", trial_failed: "bad", settle_failed: "bad", again_failed: "bad",
  again_refused: "bad", whole_refused: "warn", trial_refused: "warn", settle_refused: "warn", whole_unknown: "bad", trial_unknown: "bad",
  settle_unknown: "bad", again_unknown: "bad" };
const circuitKind = { open: "bad", trial: "warn", unsure: "bad" };

function paintReadiness() {
  const card = document.getElementById("readiness");
  const ready = failure === null ? status?.readiness?.ready : undefined;
  const kind = ready === true ? "ok" : ready === false ? "warn" : "";
  card.className = `card ready-card ${kind}`;
  const headline = ready === true ? text("ready") : ready === false ? text("notReady") : text(status || failure ? "readyUnknown" : "loading");
  const reasons = failure === null ? [...status?.readiness?.reasons ?? [], ...status?.readiness?.notes ?? []] : [];
  const below = reasons.length > 0 ? el("ul", {}, reasons.map((reason) => el("li", {}, reason)))
    : ready === true ? el("p", { class: "note" }, text("readyNote")) : null;
  paint(card, [el("span", { class: `dot ${kind}`, "aria-hidden": "true" }), el("div", {}, el("p", { class: "headline" }, headline), below)]);
}

function paintAlerts() {
  if (!status.alerts) {
    paint(content("alerts"), [empty(text("unknown"))]);
    return;
  }
  const order = ["firing", "stale", "pending"];
  const rank = (alert) => (order.indexOf(alert.state) + order.length + 1) % (order.length + 1);
  const alerts = status.alerts.filter((alert) => alert.state !== "inactive").sort((a, b) => rank(a) - rank(b));
  if (alerts.length === 0) {
    paint(content("alerts"), [empty(text(status.rules?.total === 0 ? "noAlertsNoRules" : "noAlerts"))]);
    return;
  }
  const columns = [{ name: text("rule") }, { name: text("key") }, { name: text("state") }, { name: text("severity") },
    { name: text("value"), kind: "number" }, { name: text("threshold"), kind: "number" }, { name: text("since"), kind: "number" }];
  paint(content("alerts"), [table(columns, alerts.map((alert) => [
    alert.rule ?? text("unknown"), alert.key || "–", chip(alert.state, stateKind[alert.state]), chip(alert.severity, severityKind[alert.severity]),
    measured(alert.value, alert.unit), measured(alert.threshold, alert.unit), when(alert.since)])),
    ...(status.more_alerts ?? []).map((more) => el("p", { class: "note" }, text("moreAlerts", { rule: more.rule, n: number(more.series) })))]);
}

function paintSource() {
  const names = { "new-api": "New API", "one-api": "One API" };
  const source = status.source ?? {};
  paint(content("source"), [
    big(names[status.gateway] ?? text(status.gateway === null ? "notDetected" : "unknown")),
    facts([[text("state"), chip(source.state, stateKind[source.state])], [text("since"), when(source.since)],
      source.detail ? [text("detail"), source.detail] : null])]);
}

function paintSync() {
  paint(content("sync"), [
    big(counted("rows", status.rows), text("rowsNote")),
    facts([[text("cursor"), number(status.cursor)], [text("lag"), duration(status.lag_seconds)], [text("gaps"), number(status.gaps)],
      [text("engineTime"), when(status.engine_time)]])]);
}

function paintRules() {
  const rules = status.rules ?? {};
  if (rules.total === 0) {
    paint(content("rules"), [empty(text("noRules"))]);
    return;
  }
  const states = ["firing", "pending", "warming", "error", "inactive", "disabled"].filter((state) => rules[state] > 0);
  const segments = states.map((state) => {
    const part = el("span", { class: stateKind[state] });
    part.style.flexGrow = rules[state];
    return part;
  });
  paint(content("rules"), [
    big(counted("rulesTotal", rules.total), text("rulesNote")),
    el("div", { class: "bar", "aria-hidden": "true" }, segments),
    facts(states.map((state) => [stateText(state), number(rules[state])]))]);
}

function paintOutbox() {
  const outbox = status.outbox ?? {};
  const notifiers = outbox.notifiers ?? [];
  if (outbox.notifiers && notifiers.length === 0) {
    paint(content("outbox"), [empty(text("noNotifiers"))]);
    return;
  }
  const line = (n) => [n.name ?? text("unknown"), text("notifierLine", { pending: number(n.pending), failed: number(n.failed) })];
  paint(content("outbox"), [
    big(counted("pendingCount", outbox.pending), text("pendingNote")),
    facts([[text("failedCount"), number(outbox.failed)], ...notifiers.map(line)]),
    ...notifiers.filter((n) => n.last_error).map((n) => problem(`${n.name}: ${n.last_error}`))]);
}

// The name is the channel's, or the key's.
function targetText(one) {
  if (one.kind === "") return text("breaker"); // a pause, or its end
  const named = (id, name) => (name ? `${id} (${name})` : `${id}`);
  if (one.kind === "token") {
    return one.token ? text("keyTarget", { key: named(one.token, one.name) })
      : text("keyOfUser", { key: one.token_name, user: one.user });
  }
  const channel = named(one.channel, one.name);
  return one.kind === "model" ? text("modelTarget", { model: one.model, channel }) : text("channelTarget", { channel });
}

// How it comes back. A recovery in words is "manual", "after 30m", "until tomorrow" or "half_open".
function recoveryText(one) {
  if (one.pending) return text("returning");
  if (one.state === "unsure") return text("unsureNote");
  if (one.state === "trial") return [text("onTrialSince"), " ", when(one.trial_at)];
  if (one.back_at == null) return text("byHand");
  const failed = one.failed_trials > 0 ? ` ${text("failedTrials", { n: number(one.failed_trials) })}` : "";
  return [text(one.recover === "half_open" ? "nextTrial" : "byItself"), " ", when(one.back_at), failed];
}

function paintPause() {
  const banner = document.getElementById("paused");
  const paused = status?.breaker?.paused ?? null;
  banner.hidden = paused === null;
  if (paused === null) return;
  const ends = paused.until == null ? [text("pausedOpen")] : [text("pausedUntil"), " ", when(paused.until), text("stop")];
  paint(banner, [text("paused"), " ", ...ends, paused.reason ? ` ${text("pausedReason", { reason: paused.reason })}` : null,
    " ", el("code", {}, "quotafuse breaker resume")].filter((node) => node != null));
}

function paintBreaker() {
  const breaker = status.breaker ?? {};
  const open = breaker.open ?? [];
  const columns = [{ name: text("target") }, { name: text("state") }, { name: text("back") }, { name: text("reason") },
    { name: text("since"), kind: "number" }];
  paint(content("breaker"), [
    big(counted("openTargets", breaker.open?.length), text("openNote")),
    facts([[text("mode"), [chip(breaker.mode, null), breaker.paused ? [" ", chip("paused", "warn")] : null]]]),
    ...(breaker.open && open.length === 0 ? [empty(text("noOpen"))] : [])]);
  const card = document.getElementById("circuits");
  card.hidden = open.length === 0;
  if (open.length === 0) return;
  paint(content("circuits"), [table(columns, open.map((one) => [
    targetText(one), chip(one.state ?? "open", circuitKind[one.state ?? "open"]), recoveryText(one),
    one.rule ? one.reason || one.rule : text("byPerson", { reason: one.reason ?? "" }), when(one.since)]))]);
}

function paintTrips() {
  const breaker = status.breaker ?? {};
  const recent = breaker.recent ?? [];
  if (recent.length === 0) {
    paint(content("trips"), [empty(text(!breaker.recent ? "unknown" : breaker.mode === "shadow" ? "noTripsShadow" : "noTrips"))]);
    return;
  }
  const columns = [{ name: text("target") }, { name: text("result") }, { name: text("why") }, { name: text("time"), kind: "number" }];
  const change = (trip) => (trip.change ? stateText(trip.change) : null);
  const why = (trip) => (trip.kind === "" && trip.reason ? `${trip.reason} (${trip.why})` : trip.why || trip.reason);
  paint(content("trips"), [table(columns, recent.map((trip) => [
    targetText(trip), [chip(trip.result, stateKind[trip.result]), trip.mode === "shadow" && trip.result !== "would_trip" ? [" ", chip("shadow")] : null],
    change(trip) ?? (why(trip) || text("unknown")), when(trip.at)]))]);
}

function paintProcess() {
  const error = status.last_error;
  paint(content("process"), [
    big(duration(status.uptime_seconds), text("uptime")),
    facts([[text("version"), status.version ?? text("unknown")], [text("site"), status.site ?? text("unknown")],
      [text("lastError"), error ? when(error.at) : text(error === null ? "none" : "unknown")]]),
    ...(error?.text ? [problem(error.text)] : [])]);
}

function paintConnection() {
  const banner = document.getElementById("connection");
  banner.hidden = failure === null;
  document.body.classList.toggle("offline", failure !== null);
  if (failure === null) return;
  const values = { why: failure.why, wait: duration(failure.wait / 1000), at: receivedAt?.toLocaleTimeString(locale()) };
  const shown = text(receivedAt ? "offline" : "offlineFirst", values);
  if (banner.textContent !== shown) banner.textContent = shown;
}

function paintFrame() {
  document.documentElement.lang = locale();
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  const button = document.getElementById("language");
  button.textContent = text("switchLanguage");
  button.setAttribute("aria-label", text("switchLanguageLabel"));
  const firing = status?.rules?.firing;
  document.title = [firing > 0 ? `(${firing})` : null, "quotafuse", status?.site].filter(Boolean).join(" ");
  document.getElementById("subtitle").textContent = status?.site ?? "";
  document.getElementById("updated").textContent = receivedAt ? text("updated", { at: receivedAt.toLocaleTimeString(locale()) }) : "";
}

function paintAll() {
  paintFrame();
  paintConnection();
  paintReadiness();
  paintPause();
  if (status === null) return;
  for (const part of [paintAlerts, paintSource, paintSync, paintRules, paintOutbox, paintBreaker, paintProcess, paintTrips]) part();
}

async function ask() {
  const reply = await fetch("./api/v1/status", { cache: "no-store", signal: AbortSignal.timeout(kReplyTime) });
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  return reply.json();
}

// One question at a time; the wait doubles while nobody answers, and nobody asks for a hidden page.
async function turn() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  let wait = kEvery;
  try {
    status = await ask();
    receivedAt = new Date();
    failure = null;
  } catch (error) {
    wait = Math.min(kLongestWait, (failure?.wait ?? kEvery) * 2);
    failure = { why: error.name === "TimeoutError" ? text("timedOut") : error.message, wait };
  }
  asking = false;
  paintAll();
  if (!document.hidden) timer = setTimeout(turn, wait);
}

document.getElementById("language").addEventListener("click", () => { switchLanguage(); paintAll(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
paintAll();
turn();
