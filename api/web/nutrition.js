// What 100 g of a fruit hold: the few values that most people look for, the rest behind a tap.
import { card, pairs, paragraph } from "/web/facts.js";
import { element } from "/web/dom.js";
import { nameOf, number, words } from "/web/words.js";

const FIRST = ["energy_kcal", "sugars_g", "fibre_g", "vitamin_c_mg", "potassium_mg"];

/** The card on nutrition; nothing where no food table lists the fruit. */
export function nutritionCard(sheet) {
  const { nutrition } = sheet;
  if (!nutrition) return null;
  const held = nutrition.per_100_g;
  const first = FIRST.filter((name) => name in held);
  const more = Object.keys(held).filter((name) => !first.includes(name));
  return card(words("nutrition"), sheet, nutrition,
    values(nutrition, first),
    paragraph(nutrition.note, "hint"),
    (more.length > 0 || nutrition.other_portions.length > 0) && element("details", {},
      element("summary", {}, words("allValues")),
      values(nutrition, [...first, ...more], nutrition.refuse),
      nutrition.other_portions.map((other) => values(other, Object.keys(other.per_100_g)))));
}

function values({ portion, per_100_g: held }, names, refuse) {
  const rows = names.map((name) => [nameOf(name, name), amount(held[name])]);
  if (refuse) rows.push([words("refuse"), amount(refuse)]);
  return [element("p", { class: "hint portion" }, element("span", { lang: portion.lang }, portion.text), `, ${words("per100")}`), pairs(rows)];
}

function amount({ value, less_than: limit, unit }) {
  const said = (shown) => `${number(shown)}\u00a0${unit}`;
  return value === null || value === undefined ? words("lessThan", { value: said(limit) }) : said(value);
}
