// How well each model answered, for customers: nothing but names and rates comes here.
const words = {
  en: {
    html: "en", title: "Status of the models", other: "中文", otherLabel: "切换到中文", dark: "Dark", light: "Light",
    day: "24 hours", week: "7 days", windows: "Time shown", rate: "{rate} answered", none: "no requests",
    strip: "{name}: {rate} of requests answered, {from} to {to}. Lowest part: {worst}.", empty: "No model had requests in this time.",
    updated: "As of {at}", away: "The status cannot be loaded at the moment; it is tried again.",
    good: "99 % and more", fair: "90 to 99 %", bad: "below 90 %", quiet: "no requests",
  },
  zh: {
    html: "zh-CN", title: "模型状态", other: "English", otherLabel: "Switch to English", dark: "深色", light: "浅色",
    day: "24 小时", week: "7 天", windows: "时间范围", rate: "成功 {rate}", none: "没有请求",
    strip: "{name}：{from} 至 {to}，请求成功率 {rate}，最低时段 {worst}。", empty: "这段时间内没有模型收到请求。",
    updated: "更新于 {at}", away: "暂时无法获取状态，稍后会自动重试。",
    good: "99% 及以上", fair: "90% 至 99%", bad: "低于 90%", quiet: "没有请求",
  },
};

const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode: for this visit */ } };
let language = kept("language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in words)) language = "en";
const system = matchMedia("(prefers-color-scheme: dark)");
let theme = kept("theme");
let shown = "24h";
let answer = null; // the last one
let failed = false;
let asked = 0;

const drawing = document.querySelector("svg").namespaceURI;
const at = (id) => document.getElementById(id);
const text = (key, values = {}) => words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const isDark = () => (theme === "dark" || theme === "light" ? theme === "dark" : system.matches);

function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

function drawn(tag, attributes) {
  const made = document.createElementNS(drawing, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const percent = (rate, digits) => (rate === null ? text("none")
  : new Intl.NumberFormat(words[language].html, { style: "percent", maximumFractionDigits: digits }).format(rate));
const moment = (seconds) => new Intl.DateTimeFormat(words[language].html,
  { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);
const grade = (rate) => (rate === null ? "none" : rate >= 0.99 ? "good" : rate >= 0.9 ? "fair" : "bad");

function strip(row) {
  const known = row.slots.filter((rate) => rate !== null);
  const count = row.slots.length;
  const svg = drawn("svg", { viewBox: `0 0 ${count} 1`, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", text("strip", {
    name: row.name, rate: percent(row.rate, 1), from: moment(answer.from), to: moment(answer.to),
    worst: percent(known.length ? Math.min(...known) : null, 0),
  }));
  row.slots.forEach((rate, i) => {
    const bar = drawn("rect", { x: i + 0.08, y: 0, width: 0.84, height: 1, class: grade(rate) });
    const title = drawn("title", {});
    title.textContent = `${moment(answer.from + i * answer.slot)} · ${percent(rate, 0)}`;
    bar.append(title);
    svg.append(bar);
  });
  return svg;
}

function model(row) {
  const item = element("li");
  const line = element("div", "name");
  line.append(element("b", "", row.name), element("span", "", text("rate", { rate: percent(row.rate, 1) })));
  item.append(line, strip(row));
  return item;
}

function legend() {
  at("legend").replaceChildren(...[["good", "good"], ["fair", "fair"], ["bad", "bad"], ["none", "quiet"]].map(([name, key]) => {
    const part = element("span");
    const box = drawn("svg", { viewBox: "0 0 1 1", "aria-hidden": "true" });
    box.append(drawn("rect", { width: 1, height: 1, class: name }));
    part.append(box, text(key));
    return part;
  }));
}

const buttons = [["24h", "day"], ["7d", "week"]].map(([name, key]) => {
  const button = element("button");
  button.type = "button";
  button.addEventListener("click", () => {
    shown = name;
    paint();
    load();
  });
  return { button, name, key };
});

// The same buttons each time: who stands on one stays there when the answer comes.
function windows() {
  at("windows").setAttribute("aria-label", text("windows"));
  for (const { button, name, key } of buttons) {
    button.textContent = text(key);
    button.setAttribute("aria-pressed", String(name === shown));
    if (!button.isConnected) at("windows").append(button);
  }
}

function state() {
  if (failed) return text("away");
  if (answer === null) return "…";
  if (answer.rows.length === 0) return text("empty");
  return text("updated", { at: moment(answer.at) });
}

function paint() {
  const root = document.documentElement;
  root.lang = text("html");
  root.classList.toggle("dark", isDark());
  document.title = at("title").textContent = text("title");
  at("language").textContent = text("other");
  at("language").setAttribute("aria-label", text("otherLabel"));
  at("language").lang = language === "zh" ? "en" : "zh-CN";
  at("theme").textContent = text(isDark() ? "light" : "dark");
  at("language").hidden = at("theme").hidden = false;
  windows();
  legend();
  if (at("state").textContent !== state()) at("state").textContent = state();
  at("models").replaceChildren(...(answer?.rows ?? []).map(model));
  at("legend").hidden = !answer?.rows.length;
}

async function load() {
  const mine = ++asked;
  try {
    const reply = await fetch(`./api/v1/public?window=${shown}`);
    if (!reply.ok) throw new Error(String(reply.status));
    const body = await reply.json();
    if (mine !== asked) return; // another window was chosen meanwhile
    answer = { ...body, at: Date.now() / 1000 };
    failed = false;
  } catch {
    if (mine !== asked) return;
    failed = true;
  }
  paint();
}

at("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  keep("language", language);
  paint();
});
at("theme").addEventListener("click", () => {
  theme = isDark() ? "light" : "dark";
  keep("theme", theme);
  paint();
});
system.addEventListener("change", paint);
setInterval(() => { if (!document.hidden) load(); }, 60_000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
paint();
load();
