// The one panel with numbers beside the pointer, for all charts.
import { el, paint } from "./dom.js";

const kGap = 14;
const tip = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });

export const hideTip = () => { tip.hidden = true; };

// rows: [{name, value, colour}]; x and y as in the window.
export function showTip(x, y, title, rows, total = null) {
  const line = ({ name, value, colour }) => {
    const swatch = colour ? el("span", { class: "swatch" }) : null;
    if (swatch) swatch.style.color = colour;
    return el("li", {}, el("span", { class: "name" }, swatch, name), el("span", { class: "number" }, value));
  };
  paint(tip, [el("p", {}, title), el("ul", {}, rows.map(line)), total ? el("ul", { class: "total" }, line(total)) : null]);
  if (!tip.isConnected) document.body.append(tip);
  tip.hidden = false;
  const left = x + kGap + tip.offsetWidth > innerWidth - 8 ? x - kGap - tip.offsetWidth : x + kGap;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, Math.min(y, innerHeight - tip.offsetHeight - 8))}px`;
}

addEventListener("scroll", hideTip, { passive: true, capture: true });
