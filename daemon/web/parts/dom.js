// Data only ever becomes text nodes and known attributes, so nothing in it can become markup.
const kEvents = ["onclick", "onchange", "oninput", "onkeydown", "onsubmit", "onpointermove", "onpointerleave", "onfocus", "onblur"];
const kSvg = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(kSvg, tag), attributes, children);

// --- painting in place ---

// Nodes that keep a life of their own (charts): found again by data-own, and never looked into.
const alive = new Map();

export function owned(id, make) {
  const known = alive.get(id);
  if (known?.isConnected) return el(known.tagName, { "data-own": id });
  if (known) return known;
  const node = make();
  node.dataset.own = id;
  alive.set(id, node);
  return node;
}

export const disown = () => alive.clear();

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key ?? node.dataset.own : undefined);
const alike = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function takeAttributes(node, fresh) {
  for (const { name } of [...node.attributes]) if (name !== "style" && !fresh.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== "style" && node.getAttribute(name) !== value) node.setAttribute(name, value);
  // The attribute itself is what the content security policy forbids.
  if (node.style.cssText !== fresh.style.cssText) node.style.cssText = fresh.style.cssText;
  for (const name of kEvents) if (node[name] !== fresh[name]) node[name] = fresh[name];
  if ("value" in node && node.tagName === "INPUT" && document.activeElement !== node && node.value !== fresh.value) node.value = fresh.value;
  if ("checked" in node) node.checked = fresh.checked;
  if ("selected" in node && node.selected !== fresh.selected) node.selected = fresh.selected;
}

function morph(node, fresh) {
  if (node === fresh) return;
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== fresh.nodeValue) node.nodeValue = fresh.nodeValue;
    return;
  }
  if (node.dataset.own !== undefined) return;
  takeAttributes(node, fresh);
  morphChildren(node, [...fresh.childNodes]);
}

// A node that is moved loses its focus.
function move(node, target, place) {
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  target.insertBefore(node, place);
  focused?.focus({ preventScroll: true });
}

function morphChildren(target, nodes) {
  const byKey = new Map();
  const wanted = new Set(nodes.map(keyOf));
  for (const child of [...target.childNodes]) {
    const key = keyOf(child);
    if (key === undefined) continue;
    if (wanted.has(key)) byKey.set(key, child);
    else child.remove(); // so that what stands behind it need not be moved
  }
  let place = target.firstChild;
  for (const fresh of nodes) {
    const key = keyOf(fresh);
    const known = key === undefined ? place : byKey.get(key);
    if (known && alike(known, fresh)) {
      byKey.delete(key);
      if (known === place) place = place.nextSibling;
      else move(known, target, place);
      morph(known, fresh);
    } else if (place !== fresh) {
      target.insertBefore(fresh, place);
    } else {
      place = place.nextSibling;
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

// Makes the target's content what the nodes say and touches only what differs: focus, selection and scrolling stay.
export function paint(target, nodes) {
  const fresh = document.createDocumentFragment();
  fresh.append(...[nodes].flat(Infinity).filter((node) => node != null && node !== false));
  morphChildren(target, [...fresh.childNodes]);
  for (const stub of target.querySelectorAll("[data-own]")) {
    const real = alive.get(stub.dataset.own);
    if (real && real !== stub) stub.replaceWith(real);
  }
}
