// Making elements. What comes from outside only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; null and false are left out, functions listen. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(key.replace(/^on/, ""), value);
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(node, child);
    else if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}

/** Put these in the place of all that is in a node. */
export function replace(node, ...children) {
  node.replaceChildren();
  add(node, children);
  return node;
}

/** Change a text only when it is another: layout is not asked for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The same for an attribute; null takes it away. */
export function setAttribute(node, name, value) {
  if (value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** A button. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

const ICONS = {
  needs: "M12 3 22 20.5H2ZM12 10v4.5M12 17.4v.2",
  working: "M12 3a9 9 0 1 1-9 9",
  resting: "M5 12h14",
  error: "M6 6l12 12M18 6 6 18",
  asleep: "M20 14.5A8.5 8.5 0 1 1 10 4a7 7 0 0 0 10 10.5Z",
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  send: "M12 20V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7Z",
  theme: "M12 4a8 8 0 1 0 0 16ZM12 4a8 8 0 0 1 0 16",
  more: "M5 12h.1M12 12h.1M19 12h.1",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM16 16l4.5 4.5",
  check: "M5 12.5 10 17.5 19.5 7",
  other: "M12 5v14M5 12h14M7 7l10 10M17 7 7 17",
  execute: "M5 7l5 5-5 5M12.500 17H19",
  edit: "M4 20h4L19.500 8.500l-4-4L4 16ZM13 7l4 4",
  read: "M6 4h8l4 4v12H6ZM9.500 12h5M9.500 16h5",
  fetch: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM3 12h18M12 3c4 4.500 4 13.500 0 18M12 3c-4 4.500-4 13.500 0 18",
  think: "M12 4a6 6 0 0 1 3 11v2H9v-2a6 6 0 0 1 3-11ZM10 20h4",
  list: "M4 6h16M4 12h16M4 18h10",
  chart: "M5 20V11M12 20V4M19 20v-6",
  book: "M5 4h14v16H5ZM9 4v16",
  key: "M7.500 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM11.500 12H21v4M17 12v3",
  server: "M4 5h16v6H4ZM4 13h16v6H4ZM7.500 8h.1M7.500 16h.1",
};

/** Whether there is a drawing of that name. */
export const hasIcon = (name) => Object.hasOwn(ICONS, name);

/** One of our own drawings, for the eye only. */
export function icon(name, className = "") {
  return svg(
    "svg",
    { class: `icon ${className}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }),
  );
}
