// Numbers and times as people of the page's language write them, times in the operator's zone.
import { el } from "./dom.js";
import { locale, text } from "./texts.js";

const kNone = "–";
const is = (n) => typeof n === "number" && Number.isFinite(n);

const formats = new Map();
function formatted(kind, options, language = locale()) {
  const key = `${language} ${kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(language, options));
  return formats.get(key);
}
const write = (n, options) => formatted(Intl.NumberFormat, options).format(n);

export const number = (n) => (is(n) ? write(n, { maximumFractionDigits: 2 }) : kNone);

const kSteps = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]];

// Three digits that count: 987, 1.23K, 45.6M.
export function compact(n) {
  if (!is(n)) return kNone;
  const size = Math.abs(n);
  if (size < 1000) return write(n, { maximumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0 });
  const at = kSteps.findIndex(([step]) => size >= step * 0.9995);
  return write(n / kSteps[at][0], { maximumSignificantDigits: 3 }) + kSteps[at][1];
}

export const counted = (n) => el("span", { title: is(n) && Math.abs(n) >= 1000 ? number(n) : null }, compact(n));

export function percent(rate, digits = 2) {
  if (!is(rate)) return kNone;
  const shown = rate * 100;
  if (shown > 0 && shown < 0.01) return "<0.01%";
  return `${write(shown, { maximumFractionDigits: Math.abs(shown) >= 10 ? Math.min(1, digits) : digits })}%`;
}

export const share = (rate) => percent(rate, 1);

export function money(x, currency) {
  if (!is(x)) return kNone;
  const size = Math.abs(x);
  const symbol = currency?.symbol ?? "$";
  const digits = size === 0 || size >= 0.1 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(size)));
  const shown = size >= 99999.5 ? compact(size) : write(size, { minimumFractionDigits: 2, maximumFractionDigits: digits });
  return `${x < 0 ? "−" : ""}${symbol}${shown}`;
}

export const cost = (x, currency) => el("span", { title: is(x) && x !== 0
  ? `${write(x, { maximumFractionDigits: 8 })} ${currency?.code ?? ""}`.trim() : null }, money(x, currency));

export function ms(n) {
  if (!is(n)) return kNone;
  if (n < 999.5) return `${write(n, { maximumFractionDigits: 0 })} ms`;
  if (n < 59950) return `${write(n / 1000, { maximumFractionDigits: n < 9995 ? 2 : 1 })} s`;
  return duration(n / 1000);
}

export function duration(seconds) {
  if (!is(seconds)) return kNone;
  const unit = (n, name) => write(n, { style: "unit", unit: name, unitDisplay: "narrow" });
  const whole = Math.max(0, Math.round(seconds));
  for (const [large, big, small, name] of [[86400, "day", 3600, "hour"], [3600, "hour", 60, "minute"], [60, "minute", 1, "second"]]) {
    if (whole < large) continue;
    const rest = Math.floor(whole % large / small);
    return unit(Math.floor(whole / large), big) + (rest ? ` ${unit(rest, name)}` : "");
  }
  return unit(whole, "second");
}

export function bytes(n) {
  if (!is(n)) return kNone;
  const at = n < 1 ? 0 : Math.min(4, Math.floor(Math.log(n) / Math.log(1024)));
  return `${write(n / 1024 ** at, { maximumSignificantDigits: 3 })} ${["B", "KiB", "MiB", "GiB", "TiB"][at]}`;
}

// --- times: Unix seconds, or ISO 8601 ---

let operatorZone;
export const zone = () => operatorZone;

export function setZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    operatorZone = name;
  } catch { /* a zone that this browser does not know: its own */ }
}

function dateOf(t) {
  const date = is(t) ? new Date(t * 1000) : new Date(t ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

const kDay = { year: "numeric", month: "short", day: "numeric" };
const kTime = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

// The same as text, with the parts that are asked for: Intl's options.
export function timeOf(t, options) {
  const date = dateOf(t);
  return date === null ? kNone : formatted(Intl.DateTimeFormat, { timeZone: operatorZone, ...options }).format(date);
}

const isoDay = (date) => formatted(Intl.DateTimeFormat, { timeZone: operatorZone }, "sv").format(date);

export const timeText = (t) => timeOf(t, kTime);
export const dayText = (t) => timeOf(t, kDay);
export const fullText = (t) => timeOf(t, { ...kDay, ...kTime, timeZoneName: "short" });

// The day is left out where it is today.
export function dateTimeText(t) {
  const date = dateOf(t);
  if (date === null) return kNone;
  const today = isoDay(date) === isoDay(new Date());
  const thisYear = isoDay(date).slice(0, 4) === isoDay(new Date()).slice(0, 4);
  return timeOf(t, today ? kTime : { month: "short", day: "numeric", ...(thisYear ? {} : { year: "numeric" }), ...kTime });
}

export function agoText(t) {
  const date = dateOf(t);
  if (date === null) return kNone;
  const age = (Date.now() - date) / 1000;
  if (Math.abs(age) < 5) return text("now");
  const [size, name] = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]].find(([unit]) => Math.abs(age) >= unit) ?? [1, "second"];
  return formatted(Intl.RelativeTimeFormat, { style: "short", numeric: "always" }).format(-Math.round(age / size), name);
}

function timeNode(t, shown, title) {
  const date = dateOf(t);
  return date === null ? el("span", {}, kNone) : el("time", { datetime: date.toISOString(), title }, shown);
}

export const dateTime = (t) => timeNode(t, dateTimeText(t), fullText(t));
export const time = (t) => timeNode(t, timeText(t), fullText(t));
export const day = (t) => timeNode(t, dayText(t), fullText(t));
export const ago = (t) => timeNode(t, agoText(t), fullText(t));

// "2026-11-22T13:05": what a datetime-local input takes and the API reads, both in the operator's zone.
export const localInput = (t) => formatted(Intl.DateTimeFormat, { timeZone: operatorZone, year: "numeric", month: "2-digit", day: "2-digit",
  hour: "2-digit", minute: "2-digit" }, "sv").format(dateOf(t) ?? new Date()).replace(" ", "T");
