// Makes elements. Text goes in as text nodes only, never as markup: what the server or a photo says cannot run.
const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element: `element("p", { class: "lead", onclick: f }, "text", child)`. Empty children are left out. */
export function element(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** Make an SVG element. */
export function drawn(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Make a picture from `d` strings on a 24 x 24 grid, drawn as strokes and hidden from screen readers. */
export function icon(...paths) {
  const box = { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" };
  return drawn("svg", box, ...paths.map((d) => drawn("path", { d })));
}

/** Say something to screen readers without moving the focus. */
export function say(text) {
  document.getElementById("spoken").textContent = text;
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
}
