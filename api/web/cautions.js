// Cautions stand open with every answer, and their shortest form never leaves the screen.
import { CAUTION } from "/web/icons.js";
import { element, icon } from "/web/dom.js";
import { sourceLink } from "/web/facts.js";
import { words } from "/web/words.js";

const WEIGHT = { high: 0, medium: 1, low: 2 };

/** All cautions of an answer as an open card, the gravest first. */
export function cautionCard(cautions, note) {
  const gravest = [...cautions].sort((a, b) => (WEIGHT[a.severity] ?? 1) - (WEIGHT[b.severity] ?? 1));
  return element("section", { class: "cautions", id: "cautions", "aria-labelledby": "cautions-title" },
    element("h2", { id: "cautions-title", tabindex: -1 }, icon(...CAUTION), words("cautions")),
    element("ul", {}, gravest.map((caution) => element("li", { lang: caution.lang, class: caution.severity }, caution.text))),
    note && element("p", { class: "hint", lang: note.lang }, note.text),
    element("details", {},
      element("summary", {}, words("sources")),
      element("ul", { class: "sources" }, gravest.map((caution) => element("li", {}, sourceLink({ text: caution.source, url: caution.url }))))));
}

/** The line that stays at the foot of the screen; it leads to the card. */
export function cautionBar() {
  const lead = () => document.getElementById("cautions-title")?.focus();
  return element("aside", { class: "caution-bar", "aria-label": words("cautions") },
    icon(...CAUTION),
    element("p", {}, words("cautionShort"), " ",
      element("button", { type: "button", class: "link", onclick: lead }, words("cautionMore"))));
}
