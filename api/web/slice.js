// A slice of citrus: the page's sign, and, with a segment a month, its picture of a year.
import { drawn } from "/web/dom.js";

/** Draw a slice with so many segments, `gap` units of 200 apart, as decoration that screen readers pass over. */
export function slice(segments, gap, look) {
  const step = 360 / segments;
  const parts = Array.from({ length: segments }, (_, index) =>
    drawn("path", { d: segment(step * index, step * (index + 1), { outer: 74, gap }) }));
  return drawn("svg", { class: `slice ${look}`, viewBox: "-100 -100 200 200", "aria-hidden": "true", focusable: "false" },
    drawn("circle", { class: "rind", r: 92 }), parts);
}

/**
 * The outline of the segment between two angles, in degrees clockwise from the top.
 * Its sides run parallel to its neighbours', half of `gap` inside the angles.
 */
export function segment(from, to, { outer, gap }) {
  const radians = Math.PI / 180;
  const margin = Math.asin(gap / 2 / outer) / radians;
  const tip = gap / 2 / Math.sin((to - from) / 2 * radians);
  const [a, b, c] = [point(outer, from + margin), point(outer, to - margin), point(tip, (from + to) / 2)];
  return `M${a} A${outer} ${outer} 0 0 1 ${b} L${c} Z`;
}

/** The point at a distance from the centre and an angle in degrees clockwise from the top, as "x y". */
export function point(radius, degrees) {
  const angle = (degrees - 90) * Math.PI / 180;
  return [radius * Math.cos(angle), radius * Math.sin(angle)].map((value) => value.toFixed(2)).join(" ");
}
