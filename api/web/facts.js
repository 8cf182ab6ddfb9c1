// The facts of one fruit as cards. A card names its sources behind a tap; what nothing is known about has none.
import { element } from "/web/dom.js";
import { list, nameOf, number, percent, words } from "/web/words.js";
import { ring, spans } from "/web/season.js";
import { nutritionCard } from "/web/nutrition.js";

/** All cards of a sheet, as `GET /fruits/<id>` gives it. */
export function factCards(sheet) {
  const cards = [seasonCard, nutritionCard, keepingCard, ripeningCard, footprintCard, originCard, handlingCard, varietiesCard, nameCard];
  return element("div", { class: "cards" },
    cards.map((card) => card(sheet)),
    sheet.no_sourced_figure_text && element("p", { class: "hint" }, sheet.no_sourced_figure_text));
}

/** A card with a title, contents, and the sources that `topic` names, at any depth. */
export function card(title, sheet, topic, ...contents) {
  const keys = [...new Set(sourceKeys(topic))].filter((key) => key in sheet.sources);
  return element("section", { class: "card" },
    element("h2", {}, title), contents,
    keys.length > 0 && element("details", {},
      element("summary", {}, words(keys.length > 1 ? "sources" : "source")),
      element("ul", { class: "sources" }, keys.map((key) => element("li", {}, sourceLink(sheet.sources[key]))))));
}

/** A source's words, with a link to it and its licence where there are. */
export function sourceLink({ text, url, licence }) {
  const host = /^https?:\/\//.test(url ?? "") ? new URL(url).hostname.replace(/^www\./, "") : null;
  return [
    text, licence && ` (${licence})`, host && " ",
    host && element("a", { href: url, target: "_blank", rel: "noopener noreferrer", "aria-label": words("link", { host }) }, host),
  ];
}

/** A paragraph in whichever language the service had it; nothing for null. */
export function paragraph(said, look) {
  return said?.text ? element("p", { class: look, lang: said.lang }, said.text) : null;
}

/** Names and values side by side; rows without a value are left out. */
export function pairs(rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return shown.length > 0 && element("dl", {}, shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function seasonCard(sheet) {
  const { season } = sheet;
  if (!season) return null;
  const now = new Date().getMonth() + 1;
  const verdict = words(season.months.length === 12 ? "seasonAll" : season.months.includes(now) ? "seasonNow" : "seasonNotNow");
  return card(words("season"), sheet, season,
    element("div", { class: "season" }, ring(season.months, now),
      element("div", {},
        element("p", { class: "figure" }, verdict),
        season.months.length < 12 && element("p", { class: "spans" }, spans(season.months)),
        paragraph(season.note, "hint") ?? (season.country === "FR" && element("p", { class: "hint" }, words("seasonCountry"))))));
}

function keepingCard(sheet) {
  return sheet.storage && card(words("keeping"), sheet, sheet.storage, paragraph(sheet.storage));
}

function ripeningCard(sheet) {
  const { ripening } = sheet;
  if (!ripening) return null;
  return card(words("ripening"), sheet, ripening, paragraph(ripening), pairs([
    [words("ethyleneGives"), level(ripening.ethylene_production)],
    [words("ethyleneFeels"), level(ripening.ethylene_sensitivity)],
  ]));
}

function footprintCard(sheet) {
  const { co2 } = sheet;
  if (!co2) return null;
  const amount = (value) => `${number(value)} ${words("co2Unit")}`;
  const stages = Object.entries(co2.stages ?? {}).filter(([, value]) => value / co2.kg_co2e_per_kg >= 0.01).sort((a, b) => b[1] - a[1]);
  return card(words("co2"), sheet, co2,
    co2.kg_co2e_per_kg !== null && element("p", { class: "figure" }, number(co2.kg_co2e_per_kg), element("small", {}, ` ${words("co2Unit")}`)),
    pairs(stages.map(([name, value]) => [nameOf(`stage_${name}`, name), percent(value / co2.kg_co2e_per_kg)])),
    pairs(co2.variants.map((variant) => [variant.name, amount(variant.kg_co2e_per_kg)])),
    paragraph(co2.note, "hint"), paragraph(co2.method, "hint"));
}

function originCard(sheet) {
  const { diversity } = sheet;
  if (!diversity) return null;
  const { varieties_released: released, genebank_accessions: genebank, svalbard_accessions: svalbard } = diversity;
  const years = released && { from: released.years[0], to: released.years.at(-1) };
  return card(words("diversity"), sheet, diversity,
    diversity.regions.length > 0 && element("p", {}, element("strong", {}, words("regions")), element("br"), list(diversity.regions)),
    paragraph(diversity.threatened_wild_relatives), paragraph(diversity.cultivars),
    pairs([
      [released && words("released", years), released && number(released.count)],
      [words("genebank"), genebank?.species && number(genebank.species)],
      [words("svalbard"), svalbard && number(svalbard)],
    ]));
}

function handlingCard(sheet) {
  const { handling } = sheet;
  if (!handling) return null;
  const harms = (handling.sensitive_to ?? []).map(({ name }) => name);
  return card(words("handling"), sheet, handling,
    texts(handling).map((said) => paragraph(said)),
    harms.length > 0 && element("p", {}, element("strong", {}, words("sensitiveTo")), element("br"), list(harms)));
}

function varietiesCard(sheet) {
  if (!sheet.varieties.length) return null;
  return card(words("varieties"), sheet, sheet.varieties, element("ul", { class: "names" }, sheet.varieties.map((variety) => {
    const said = texts(variety);
    return element("li", {}, said.length ? element("strong", {}, variety.name) : variety.name, said.map((one) => paragraph(one)));
  })));
}

function nameCard(sheet) {
  const { taxonomy } = sheet;
  if (!taxonomy) return null;
  const page = taxonomy.gbif_url ?? taxonomy.gbif_search_url;
  return card(words("taxonomy"), sheet, taxonomy,
    element("p", { class: "latin", lang: "la" }, taxonomy.full_name),
    pairs([[words("family"), taxonomy.family], [words("order"), taxonomy.order]]),
    paragraph(taxonomy.note, "hint"),
    page && element("p", {}, element("a", { href: page, target: "_blank", rel: "noopener noreferrer" }, words("gbif"))));
}

function level(said) {
  if (!said?.level) return null;
  return said.name?.text ?? nameOf(`level_${said.level.replaceAll(" ", "_")}`, said.level);
}

/** Every { text, lang } at or below a part of the sheet. */
function texts(node) {
  if (node === null || typeof node !== "object") return [];
  const below = Object.values(node).flatMap(texts);
  return typeof node.text === "string" && "lang" in node ? [node, ...below] : below;
}

function* sourceKeys(node, key = "") {
  if (typeof node === "string") {
    if (/sources?$/.test(key)) yield node;
  } else if (Array.isArray(node)) {
    for (const child of node) yield* sourceKeys(child, key);
  } else if (node) {
    for (const [name, child] of Object.entries(node)) yield* sourceKeys(child, name);
  }
}
