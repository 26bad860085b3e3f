// A small panel below a button: the browser closes it by Escape or a click elsewhere and gives the focus back.
import { el } from "./dom.js";

const kEdge = 8;

function place(panel, button) {
  const box = button.getBoundingClientRect();
  const width = panel.offsetWidth;
  panel.style.left = `${Math.max(kEdge, Math.min(box.left, innerWidth - width - kEdge))}px`;
  const below = box.bottom + 6;
  panel.style.top = `${below + panel.offsetHeight > innerHeight ? Math.max(kEdge, innerHeight - panel.offsetHeight - kEdge) : below}px`;
}

// fill(close) gives the content; it is made anew each time. The panel stands beside what is painted, so it stays open meanwhile.
export function popup(button, label, fill) {
  const panel = el("div", { class: "popup", popover: "auto", role: "dialog", "aria-label": label });
  const close = () => panel.hidePopover();
  panel.append(...[fill(close)].flat(Infinity).filter((node) => node != null));
  panel.addEventListener("toggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "closed") panel.remove();
  });
  document.body.append(panel);
  panel.showPopover();
  place(panel, button);
  panel.querySelector("[autofocus], input, select, button, a")?.focus();
  return () => place(panel, button);
}
