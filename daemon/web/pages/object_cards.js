// The smaller cards of one object: what the gateway says of a channel, its balance, the owner of a key, its alerts.
import { lineChart } from "../parts/chart.js";
import { el } from "../parts/dom.js";
import { ago, money, number } from "../parts/format.js";
import { kindName, objectLink } from "../parts/object.js";
import { hashOf } from "../parts/page.js";
import { measured } from "../parts/operation.js";
import { chip } from "../parts/states.js";
import { text } from "../parts/texts.js";
import { lastUsed, orTrouble, panel } from "../parts/traffic.js";

const kSeverityKinds = { critical: "bad", warning: "warn" };
const kStatusKinds = { 1: "ok", 2: "warn", 3: "bad" };

const facts = (pairs) => el("dl", { class: "facts" }, pairs.filter((pair) => pair !== null).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

function channelFacts(row, last, { currency, query }) {
  const known = String(row.status) in kStatusKinds;
  return facts([[text("objStatus"), chip(known ? text(`objStatus.${row.status}`) : String(row.status), kStatusKinds[row.status])],
    row.breaker ? [text("objBreaker"), el("a", { href: hashOf("breaker") }, text("objBreakerOpen"))] : null,
    row.provider ? [text("objProvider"), objectLink({ kind: "provider", name: row.provider }, query)] : null,
    row.tag ? [text("objTag"), objectLink({ kind: "tag", name: row.tag }, query)] : null,
    [text("objBalanceNow"), row.balance === null ? el("span", { class: "quiet" }, text("objNoValue")) : [money(row.balance, { ...currency, symbol: "$" }), " ", el("small", { class: "quiet" }, ago(row.balance_at))]],
    row.dead_keys === null ? null : [text("objDeadKeys"), number(row.dead_keys)], last]);
}

// What is known beside the sums.
export function objectFacts({ object, channels, owner, self }, context) {
  const last = [text("objLast"), lastUsed(self.rows[0]?.last_used)];
  if (object.kind === "channel") {
    return panel(text("objChannel"), null, orTrouble(channels, ({ rows }) => {
      const row = rows.find(({ id }) => id === object.id);
      return row ? channelFacts(row, last, context) : el("p", { class: "quiet" }, text("objNoValue"));
    }));
  }
  return panel(kindName(object.kind), null, facts([owner ? [text("objOwner"), objectLink({ ...owner, kind: "user" }, context.query)] : null, last]));
}

export function objectBalance({ object, balance }) {
  if (object.kind !== "channel") return null;
  return panel(text("objBalance"), null, orTrouble(balance, ({ times, values }) => (times.length < 2
    ? el("div", {}, el("p", {}, text("objBalanceNone")), el("p", { class: "quiet" }, text("objBalanceHint")))
    : lineChart({ id: "object-balance", caption: text("objBalance"), times, step: times[1] - times[0], format: (x) => money(x, { symbol: "$" }), height: 200, series: [{ name: text("objBalanceNow"), values, fill: "origin" }] }))));
}

const about = (object) => (label) => label.dimension === object.kind && (object.id === null ? label.name === object.name : String(label.id) === String(object.id));

export function objectAlerts({ object, alerts }, { currency }) {
  return panel(text("objAlerts"), null, orTrouble(alerts, (answer) => {
    const rows = answer.alerts.filter((alert) => (alert.labels ?? []).some(about(object)));
    if (rows.length === 0) return el("p", { class: "quiet" }, text("objAlertsNone"));
    return el("ul", { class: "object-alerts" }, rows.map((alert) => el("li", {}, chip(text(`objAlertState.${alert.state}`), alert.state === "firing" ? kSeverityKinds[alert.severity] : "warn"),
      el("a", { href: hashOf("rules", { name: alert.rule }) }, alert.rule), el("span", { class: "number" }, measured(alert.value, alert.unit, currency) ?? "", " ", el("small", { class: "quiet" }, ago(alert.since))))));
  }));
}
