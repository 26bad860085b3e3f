// Lines and stacked areas over time, drawn by Chart.js, which is loaded when the first of them is shown. The canvas is
// for eyes only: the same numbers stand in a table behind a button.
import { disown, el, owned, paint } from "./dom.js";
import { timeOf } from "./format.js";
import { table } from "./table.js";
import { text } from "./texts.js";
import { timeAxis } from "./time_axis.js";
import { hideTip, showTip } from "./tip.js";

export const kColours = 10;
const kLegend = 12;

export const colour = (index) => `var(--c${index % kColours + 1})`;

let library = null;
function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = el("script", { src: "./chart.js" });
    script.addEventListener("load", () => resolve(globalThis.Chart));
    script.addEventListener("error", () => { library = null; script.remove(); reject(new Error(text("chartAway"))); });
    document.head.append(script);
  });
  return library;
}

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const faded = (hex, alpha) => hex + Math.round(alpha * 255).toString(16).padStart(2, "0");

// What stands below the axis: as much of the time as tells two steps apart.
function tickOf(t, step, long) {
  const day = { month: "short", day: "numeric" };
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return timeOf(t, step >= 86400 ? day : long ? { ...day, ...clock } : clock);
}

const charts = new Map(); // id: {figure, options, hidden: names, chart, asTable}

export function forgetCharts() {
  for (const one of charts.values()) one.chart?.destroy();
  charts.clear();
  disown();
  hideTip();
}

const shades = (one) => one.options.series.map((series, index) => (series.rest ? token("--rest") : token(`--c${(series.colour ?? index) % kColours + 1}`)));

// Sums of a few long steps are no curve: they are bars.
const few = ({ stacked, times }) => stacked && times.length < 8;

// A value without neighbours makes no line: it is a dot.
const alone = (values, at) => values[at] != null && values[at - 1] == null && values[at + 1] == null;

function dataOf(one) {
  const { options, hidden } = one;
  const hues = shades(one);
  const card = token("--card");
  const datasets = options.series.map((series, index) => ({
    // More given back than spent would be drawn upside down, over the others.
    label: series.name, data: options.stacked ? series.values.map((value) => Math.max(0, value)) : series.values, hidden: hidden.has(series.name), yAxisID: series.axis === "right" ? "right" : "y",
    borderColor: options.stacked ? card : hues[index], backgroundColor: options.stacked ? faded(hues[index], 0.82) : faded(hues[index], 0.12),
    ...(few(options) ? { type: "bar", borderRadius: 3, maxBarThickness: 72 } : {}), borderWidth: options.stacked ? 1 : 1.8, borderDash: series.dash ? [5, 4] : [], fill: options.stacked ? (index === 0 ? "origin" : "-1") : series.fill ?? false,
    pointRadius: ({ dataIndex: at }) => (alone(series.values, at) ? 2.5 : 0), pointHoverRadius: options.stacked ? 0 : 3.5, pointHoverBackgroundColor: hues[index], tension: 0.25,
    cubicInterpolationMode: "monotone", spanGaps: false, order: index,
  }));
  return { labels: options.times, datasets };
}

function axisOf(format, position, max) {
  return { position, beginAtZero: true, stacked: false, suggestedMax: max, border: { display: false },
    grid: { color: position === "left" ? token("--line") : "transparent", drawBorder: false, drawTicks: false },
    ticks: { color: token("--quiet"), maxTicksLimit: 6, padding: 8, callback: (value) => format(value).replace(/\.00$/, "") } };
}

function scalesOf(one) {
  const { options } = one;
  const long = options.times.length > 1 && options.times.at(-1) - options.times[0] > 86400 * 1.5;
  const right = options.series.find(({ axis }) => axis === "right");
  const left = axisOf(options.format, "left", 0);
  left.stacked = Boolean(options.stacked);
  return {
    x: { offset: few(options), stacked: Boolean(options.stacked), grid: { display: false, drawBorder: false }, ticks: { color: token("--quiet"), maxRotation: 0, autoSkipPadding: 24, padding: 4,
      callback(value) { return tickOf(options.times[value], options.step, long); } } },
    y: options.scale === "time" ? timeAxis(left, options.series.flatMap(({ values }) => values)) : left, ...(right ? { right: axisOf(right.format ?? options.format, "right", 0) } : {}),
  };
}

// The panel beside the pointer: the largest first, and last what was given back.
function tell(one, { chart, tooltip }) {
  const { options } = one;
  if (tooltip.opacity === 0 || !tooltip.dataPoints?.length) return hideTip();
  const at = tooltip.dataPoints[0].dataIndex;
  const t = options.times[at];
  const rows = options.series.map((series, index) => ({ series, index, value: series.values[at] }))
    .filter(({ series, value }) => !one.hidden.has(series.name) && value != null);
  if (options.stacked) rows.sort((a, b) => b.value - a.value);
  const shown = rows.filter(({ value }, index) => index < 10 && (!options.stacked || value !== 0));
  const format = (series) => series.format ?? options.format;
  const total = options.stacked && rows.length > 1 ? rows.reduce((sum, { value }) => sum + value, 0) : null;
  const box = chart.canvas.getBoundingClientRect();
  showTip(box.left + tooltip.caretX, box.top + chart.chartArea.top, timeOf(t, { weekday: "short", month: "short", day: "numeric",
    ...(options.step >= 86400 ? {} : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) }),
  shown.map(({ series, index, value }) => ({ name: series.name, value: format(series)(value), colour: series.rest ? "var(--rest)" : colour(series.colour ?? index) })),
  total === null ? null : { name: text("total"), value: options.format(total) });
}

// The line below the pointer.
const cursorLine = { id: "cursorLine", afterDatasetsDraw(chart) {
  const [active] = chart.tooltip?.getActiveElements() ?? [];
  if (!active) return;
  const { ctx, chartArea } = chart;
  ctx.save();
  ctx.strokeStyle = token("--quiet");
  ctx.setLineDash([2, 3]);
  ctx.beginPath();
  ctx.moveTo(active.element.x, chartArea.top);
  ctx.lineTo(active.element.x, chartArea.bottom);
  ctx.stroke();
  ctx.restore();
} };

async function draw(one) {
  let Chart;
  try { Chart = await loadLibrary(); } catch (error) {
    one.asTable = true;
    one.figure.querySelector(".trouble").textContent = error.message;
    return paintFigure(one);
  }
  if (!one.figure.isConnected || one.asTable) return;
  if (one.chart) {
    one.chart.data = dataOf(one);
    one.chart.options.scales = scalesOf(one);
    one.chart.update("none");
    return;
  }
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  one.chart = new Chart(one.figure.querySelector("canvas"), { type: "line", data: dataOf(one), plugins: [cursorLine], options: {
    animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false }, normalized: true,
    plugins: { legend: { display: false }, tooltip: { enabled: false, external: (context) => tell(one, context) }, decimation: { enabled: false } },
    scales: scalesOf(one), layout: { padding: { top: 6 } } } });
}

function toggle(one, name) {
  const all = one.options.series.map((series) => series.name);
  if (one.hidden.has(name)) one.hidden.delete(name);
  else if (one.hidden.size < all.length - 1) one.hidden.add(name);
  else one.hidden.clear();
  paintFigure(one);
  draw(one);
}

function legend(one) {
  if (one.options.series.length < 2 && !one.options.legend) return null;
  return el("ul", { class: "legend" }, one.options.series.slice(0, kLegend).map((series, index) => {
    const swatch = el("span", { class: series.dash ? "swatch dash" : "swatch" });
    swatch.style.color = series.rest ? "var(--rest)" : colour(series.colour ?? index);
    return el("li", {}, el("button", { type: "button", "aria-pressed": String(!one.hidden.has(series.name)), onclick: () => toggle(one, series.name) }, swatch, series.name,
      series.total == null ? null : el("span", { class: "quiet" }, (series.format ?? one.options.format)(series.total))));
  }));
}

function asTable({ options }) {
  const rows = options.times.map((t, at) => ({ t, at })).reverse();
  return table({ caption: options.caption, key: ({ t }) => t, rows, columns: [
    { name: text("time"), value: ({ t }) => tickOf(t, options.step, true) },
    ...options.series.map((series) => ({ name: series.name, kind: "number",
      value: ({ at }) => (series.values[at] == null ? "–" : (series.format ?? options.format)(series.values[at])) }))] });
}

function paintFigure(one) {
  const { figure, options } = one;
  const [canvas, numbers, foot] = [figure.querySelector(".canvas"), figure.querySelector(".numbers"), figure.querySelector(".chart-foot")];
  figure.querySelector("figcaption").textContent = options.caption;
  canvas.hidden = one.asTable;
  canvas.style.height = `${options.height ?? 260}px`;
  canvas.firstChild.setAttribute("aria-label", options.caption);
  paint(numbers, one.asTable ? [asTable(one)] : []);
  paint(foot, [legend(one) ?? el("span"), el("button", { type: "button", class: "plain", "aria-pressed": String(one.asTable), onclick: () => {
    one.asTable = !one.asTable;
    hideTip();
    paintFigure(one);
    if (!one.asTable) draw(one);
  } }, text(one.asTable ? "showChart" : "showTable"))]);
}

function chart(options) {
  const name = `chart-${options.id}`;
  let one = charts.get(options.id);
  if (!one) {
    one = { options, hidden: new Set(), chart: null, asTable: false };
    charts.set(options.id, one);
  }
  one.options = options;
  const node = owned(name, () => el("figure", { class: "chart" }, el("figcaption", { class: "hidden" }), el("p", { class: "trouble" }),
    el("div", { class: "canvas" }, el("canvas", { role: "img" })), el("div", { class: "numbers" }), el("div", { class: "chart-foot" })));
  if (node.classList.contains("chart")) one.figure = node;
  paintFigure(one);
  requestAnimationFrame(() => draw(one));
  return node;
}

export const lineChart = (options) => chart(options);
export const areaChart = (options) => chart({ ...options, stacked: true });

document.addEventListener("themechange", () => {
  for (const one of charts.values()) {
    one.chart?.destroy();
    one.chart = null;
    draw(one);
  }
});
export { bars, donut, sparkline } from "./small_charts.js";
