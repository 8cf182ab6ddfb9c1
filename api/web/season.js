// The year as a ring of twelve segments, cut like a slice of citrus: the months of the season are filled.
import { list, month, words } from "/web/words.js";
import { point, segment } from "/web/slice.js";
import { drawn } from "/web/dom.js";

const OUTER = 86;
const GAP = 8; // rounded corners take half of it

/** Draw the ring of a season; `now` is the month to mark, 1 to 12. */
export function ring(months, now) {
  const label = words("seasonLabel", { months: spans(months) });
  const segments = Array.from({ length: 12 }, (_, index) => drawnMonth(index + 1, months.includes(index + 1), index + 1 === now));
  return drawn("svg", { class: "ring", viewBox: "-102 -102 204 204", role: "img", "aria-label": label }, ...segments);
}

/** Say months as spans, over the turn of the year too: "August to April". */
export function spans(months) {
  if (months.length === 12) return words("seasonAll");
  const has = new Set(months);
  const before = (number) => (number + 10) % 12 + 1;
  const after = (number) => number % 12 + 1;
  const starts = months.filter((number) => !has.has(before(number))).sort((a, b) => a - b);
  return list(starts.map((start) => {
    let end = start;
    while (has.has(after(end))) end = after(end);
    return start === end ? month(start) : words("seasonSpan", { from: month(start), to: month(end) });
  }));
}

function drawnMonth(number, inSeason, isNow) {
  const [from, to] = [30 * (number - 1), 30 * number];
  const [x, y] = point(67, (from + to) / 2).split(" ");
  return drawn("g", { class: inSeason ? "month in" : "month" },
    drawn("path", { d: segment(from, to, { outer: OUTER, gap: GAP }) }),
    drawn("text", { x, y, "text-anchor": "middle", "dominant-baseline": "central" }, month(number, "narrow")),
    isNow && drawn("path", { class: "now", d: arc(OUTER + 11, from + 3, to - 3) }));
}

function arc(radius, from, to) {
  return `M${point(radius, from)} A${radius} ${radius} 0 0 1 ${point(radius, to)}`;
}
