// Charts that need no library.
import { el, svg } from "./dom.js";
import { share } from "./format.js";
import { text } from "./texts.js";
import { hideTip, showTip } from "./tip.js";

const kRound = 15.9155; // a radius whose circle is 100 long
const kGap = 0.7;
const hue = (slice, index) => (slice.rest ? "var(--rest)" : `var(--c${index % 10 + 1})`);

function arc(slice, index, total, before, format) {
  const part = slice.value / total * 100;
  const node = svg("circle", { class: "arc", cx: 21, cy: 21, r: kRound, "stroke-dasharray": `${Math.max(part - kGap, 0.15)} ${100 - Math.max(part - kGap, 0.15)}`,
    "stroke-dashoffset": 25 - before });
  node.style.stroke = hue(slice, index);
  node.onpointermove = (event) => showTip(event.clientX, event.clientY, slice.name, [{ name: share(slice.value / total), value: format(slice.value) }]);
  node.onpointerleave = hideTip;
  return node;
}

// slices: [{name, value, href, rest}]
export function donut({ caption, slices, format, centre }) {
  const total = slices.reduce((sum, { value }) => sum + Math.max(0, value), 0);
  let before = 0;
  const arcs = slices.map((slice, index) => {
    if (!(slice.value > 0)) return null;
    const node = arc(slice, index, total, before, format);
    before += slice.value / total * 100;
    return node;
  });
  const list = slices.map((slice, index) => {
    const swatch = el("span", { class: "swatch" });
    swatch.style.color = hue(slice, index);
    return el("li", { title: format(slice.value) }, swatch, slice.href ? el("a", { href: slice.href }, slice.name) : el("span", {}, slice.name),
      el("span", { class: "number" }, share(total > 0 ? slice.value / total : 0)));
  });
  return el("figure", { class: "donut" }, el("figcaption", { class: "hidden" }, caption),
    el("div", { class: "ring" }, svg("svg", { viewBox: "0 0 42 42", "aria-hidden": "true" }, svg("circle", { class: "groove", cx: 21, cy: 21, r: kRound }), arcs),
      el("p", {}, el("b", {}, centre ?? format(total)), el("small", {}, text("total")))),
    el("ul", { class: "legend list" }, list));
}

// rows: [{name, value, href, note}], each as long as its part of the largest.
export function bars({ caption, rows, format }) {
  const most = Math.max(...rows.map(({ value }) => value), 0);
  return el("ul", { class: "bars", "aria-label": caption }, rows.map(({ name, value, href, note }) => {
    const fill = el("span", { class: "fill" });
    fill.style.width = `${most > 0 ? Math.max(0, value / most) * 100 : 0}%`;
    return el("li", {}, el("span", { class: "name" }, href ? el("a", { href }, name) : name), el("span", { class: "number" }, format(value), note ? el("small", { class: "quiet" }, ` ${note}`) : null),
      el("span", { class: "track", "aria-hidden": "true" }, fill));
  }));
}

// A line without axes, as wide as its box; null leaves a gap.
export function sparkline(values, { label } = {}) {
  const known = values.filter((value) => value != null);
  const most = Math.max(...known, 0) || 1;
  const x = (at) => (values.length > 1 ? at / (values.length - 1) * 100 : 0).toFixed(1);
  const y = (value) => (27 - value / most * 25).toFixed(1);
  const points = values.map((value, at) => (value == null ? null : `${x(at)} ${y(value)}`)).filter(Boolean);
  if (points.length < 2) return null;
  const line = `M${points.join("L")}`;
  return svg("svg", { class: "spark", viewBox: "0 0 100 28", preserveAspectRatio: "none", ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) },
    svg("path", { class: "area", d: `${line}L${points.at(-1).split(" ")[0]} 28L${points[0].split(" ")[0]} 28Z` }), svg("path", { class: "line", d: line, "vector-effect": "non-scaling-stroke" }));
}
