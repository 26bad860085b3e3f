// How the gateway is read, what the store holds, and what nobody can see here.
import { ask } from "../parts/api.js";
import { el, paint } from "../parts/dom.js";
import { ago, bytes, dateTime, day, duration, number } from "../parts/format.js";
import { hashOf } from "../parts/page.js";
import { chip, section } from "../parts/states.js";
import { table } from "../parts/table.js";
import { text } from "../parts/texts.js";
import { asWritten, blindWords, facts, readinessLines, said, worded } from "../parts/operation.js";
import "../texts/health.js";

const kGateways = { "new-api": "New API", "one-api": "One API" };
const kSources = { ok: "ok", "catching-up": "warn", starting: "", unreachable: "bad", stalled: "bad", locked: "bad", behind: "bad", lagging: "bad",
  unproven: "bad", denied: "bad", schema: "bad", rejected: "bad" };

async function load(query, signal) {
  const [health, status] = await Promise.all([ask("health", {}, signal), ask("status", {}, signal)]);
  return { ...health, status };
}

function readyCard(data) {
  const ready = data.readiness?.ready;
  const kind = ready === true ? "ok" : ready === false ? "warn" : "";
  const told = readinessLines(data.readiness ?? {});
  const note = ready === true ? "healthReadyNote" : ready == null ? "healthUnknownNote" : null;
  return el("section", { class: `card ready ${kind}` }, el("span", { class: `dot ${kind}`, "aria-hidden": "true" }),
    el("div", {}, el("h2", {}, text(ready === true ? "healthReady" : ready === false ? "healthNotReady" : "healthUnknown")),
      told.length > 0 ? el("ul", {}, told.map((one) => el("li", {}, one))) : note ? el("p", { class: "quiet" }, text(note)) : null));
}

function clock(seconds) {
  if (seconds == null) return null;
  if (Math.abs(seconds) < 2) return text("healthClockSame");
  return text(seconds > 0 ? "healthAhead" : "healthBehind", { duration: duration(Math.abs(seconds)) });
}

function gateway(data) {
  const source = data.source ?? {};
  const state = source.state ? worded("source", source.state) : text("healthUnknown");
  const ahead = clock(source.clock_ahead);
  return section(text("healthGateway"), el("p", { class: "big" }, kGateways[data.gateway] ?? data.gateway ?? text("healthNotSeen")),
    facts([[text("healthState"), chip(state, kSources[source.state])], source.since ? [text("healthSince"), dateTime(source.since)] : null,
      source.detail ? [text("healthDetail"), asWritten(source.detail)] : null, source.synced_through ? [text("healthThrough"), dateTime(source.synced_through)] : null,
      ahead ? [text("healthClock"), ahead] : null, [text("healthWrites"), source.read_only ? chip(text("healthReadOnly"), "warn") : text("healthYes")],
      source.epoch > 0 ? [text("healthEpoch"), [text("healthEpochs", { n: number(source.epoch) }), source.epoch_since ? [" · ", dateTime(source.epoch_since)] : null]] : null]));
}

function mirror(data) {
  const source = data.source ?? {};
  const open = data.gaps.filter((gap) => gap.open).length;
  return section(text("healthMirror"), el("p", { class: "big" }, data.lag_seconds == null ? "–" : data.lag_seconds === 0 ? text("healthNow") : text("healthLag", { duration: duration(data.lag_seconds) })),
  facts([[text("healthRows"), number(data.store.rows)], data.cursor == null ? null : [text("healthCursor"), number(data.cursor)],
    [text("healthGapsOpen"), open > 0 ? chip(number(open), "warn") : number(0)], [text("healthGapsAudited"), number(source.gaps_audited ?? 0)],
    source.broken_others > 0 ? [text("healthBroken"), chip(number(source.broken_others), "warn")] : null]));
}

function storeCard(data) {
  const { store, status } = data;
  const since = (at) => (at == null ? "–" : at === 0 ? text("healthAlways") : day(at));
  return section(text("healthStore"), el("p", { class: "big" }, bytes(store.bytes), " ", el("small", {}, text("healthSize"))),
    facts([[text("healthJournal"), bytes(store.journal_bytes)], store.newest_row == null ? null : [text("healthNewestRow"), ago(store.newest_row)],
      store.oldest_row == null ? null : [text("healthOldestRow"), dateTime(store.oldest_row)],
      [text("healthMinutes"), since(store.minutes_since)], [text("healthOldestHour"), since(store.oldest_hour)],
      store.narrow_since > 0 ? [text("healthNarrow"), since(store.narrow_since)] : null, store.kept_since == null ? null : [text("healthKept"), dateTime(store.kept_since)],
      [text("healthRoom"), status.store?.out_of_room ? chip(text("healthRoomNone"), "bad") : text("healthRoomEnough")],
      status.store?.check ? [text("healthCheck"), worded("check", status.store.check)] : null,
      [text("healthRooms"), Object.entries(store.rooms).map(([room, version]) => `${room} ${version}`).join(", ")]]));
}

function daemon(data) {
  const { status } = data;
  const error = data.last_error;
  return section(text("healthProcess"), el("p", { class: "big" }, data.uptime_seconds == null ? "–" : duration(data.uptime_seconds), " ", el("small", {}, text("healthUptime"))),
    facts([[text("healthVersion"), data.version ?? "–"], status.site ? [text("healthSite"), status.site] : null, status.timezone ? [text("healthZone"), status.timezone] : null,
      [text("healthError"), error ? dateTime(error.at) : text("healthNoError")]]), error?.text ? el("p", { class: "problem" }, asWritten(error.text)) : null);
}

// Reasons with the rules that they hold back: one gateway hides the same from many rules.
function blindSpots(data) {
  const byReason = new Map();
  for (const { rule, text: why } of data.status.rules?.errors ?? []) byReason.set(why, [...byReason.get(why) ?? [], rule]);
  const troubles = Object.entries(data.source?.troubles ?? {}).map(([kind, why]) => el("li", {},
    el("p", {}, el("b", {}, text("healthTrouble", { kind: worded("trouble", kind) }))), el("p", { class: "quiet" }, asWritten(why))));
  const spots = [...byReason].map(([why, rules]) => el("li", {}, el("p", {}, blindWords(why)),
    el("p", { class: "quiet rules" }, rules.map((rule) => [el("a", { href: hashOf("rules", { name: rule }) }, rule), " "]))));
  const info = data.source?.info_trouble ? el("p", { class: "problem" }, said("healthInfoTrouble", null), " ", asWritten(data.source.info_trouble)) : null;
  return section(text("healthBlind"), info, troubles.length + spots.length > 0 ? el("ul", { class: "spots" }, troubles, spots)
    : info ? null : el("p", { class: "quiet" }, text("healthBlindNone")));
}

function gaps(data) {
  if (data.gaps.length === 0) return section(text("healthGaps"), el("p", { class: "quiet" }, text("healthGapsNone"), " ", text("healthGapsNoneHint")));
  return section(text("healthGaps"), table({
    caption: text("healthGapsCaption"), rows: data.gaps, key: (gap) => gap.first,
    columns: [
      { name: text("healthGapFirst"), kind: "number", value: (gap) => number(gap.first) }, { name: text("healthGapLast"), kind: "number", value: (gap) => number(gap.last) },
      { name: text("healthGapCount"), kind: "number", value: (gap) => number(gap.last - gap.first + 1) },
      { name: text("healthGapState"), value: (gap) => chip(text(gap.open ? "healthGapOpen" : "healthGapClosed"), gap.open ? "warn" : "") },
      { name: text("healthGapDue"), value: (gap) => (gap.open ? dateTime(gap.due) : text("healthGapsAgo")) }] }));
}

function render(root, data) {
  paint(root, [readyCard(data), el("div", { class: "quarters" }, gateway(data), mirror(data), storeCard(data), daemon(data)), blindSpots(data), gaps(data)]);
}

export const page = { name: "health", title: "navHealth", every: 10000, load, render };
