// The answer: what it is, how sure that is, what it may be instead, cautions and facts.
import { CHECK } from "/web/icons.js";
import { addButton, photoButtons } from "/web/pick.js";
import { cautionBar, cautionCard } from "/web/cautions.js";
import { element, icon } from "/web/dom.js";
import { factCards, paragraph } from "/web/facts.js";
import { fruitOf } from "/web/sheets.js";
import { percent, words } from "/web/words.js";
import { photoStrip } from "/web/working.js";

const SURE_FROM = [[0.95, "sure4"], [0.8, "sure3"], [0.5, "sure2"], [0, "sure1"]];
const WORTH_NAMING = 0.02; // a fruit less probable than this is no look-alike of the photo
const MOST_CHOICES = 6;
const RETAKEN = new Set(["noFruit", "unusable"]); // answers after which another photo is the thing to do
const PROBLEMS = { too_dark: "tooDark", blown_out: "blownOut", blurred: "blurred", tiny: "tiny", only_background: "nothing" };

/** Draw the screen of an answer. `pictures` are addresses of images; `canAdd` whether its photos are still here. */
export function answerScreen({ entry, pictures, canAdd, onChoose, onFiles, onAdd, onAnother }) {
  const { body, choice } = entry;
  const sheet = choice ? entry.sheet : body.fruit;
  const cautions = sheet ?? body;
  return [
    element("div", { class: "answer" },
      element("div", { class: "seen" },
        photoStrip(pictures),
        verdict(entry, sheet, onChoose),
        RETAKEN.has(kindOf(entry)) ? photoButtons(onFiles) : nextButtons({ canAdd, onAdd, onAnother })),
      element("div", { class: "known" },
        cautions.cautions && cautionCard(cautions.cautions, cautions.cautions_note),
        sheet && factCards(sheet),
        choice && !sheet && element("p", { class: "note" }, words("factsMissing")))),
    cautionBar(),
  ];
}

/** The kind of an answer: what its screen says first. */
export function kindOf({ body, choice }) {
  if (choice) return "chosen";
  if (body.photos.every((photo) => !photo.usable)) return "unusable";
  if (!body.is_fruit.binary) return "noFruit";
  return { variety: "named", fruit: "named", family: "family" }[body.answer.rank] ?? "unsure";
}

/** The words for how sure a score from 0 to 1 is. */
export const sureness = (score) => words(SURE_FROM.find(([from]) => score >= from)[1]);

function verdict(entry, sheet, onChoose) {
  const { body } = entry;
  const title = (text, lang) => element("h1", { tabindex: -1, lang }, text);
  const lead = (key) => element("p", { class: "lead" }, words(key));
  const choices = (label, note) => choiceList(entry, label, note, onChoose);
  const shown = {
    chosen: () => [title(entry.choice.name, entry.lang), underName(entry.choice, sheet), chosenNote(entry, onChoose), paragraph(sheet?.description, "lead"), choices("lookAlikes", "lookAlikesNote")],
    named: () => [title(body.answer.name, entry.lang), underName(body.answer, sheet), meter(body.answer.score), photoNotes(body), paragraph(sheet.description, "lead"), choices("lookAlikes", "lookAlikesNote")],
    family: () => [title(words("familyTitle", { name: body.answer.name })), meter(body.answer.score), photoNotes(body), choices("familyLead", "lookAlikesNote")],
    unsure: () => [title(words("unsureTitle")), lead("unsureLead"), photoNotes(body), choices("unsureClosest", "lookAlikesNote")],
    noFruit: () => [title(words("noFruitTitle")), lead("noFruitLead"), photoNotes(body), choices("noFruitMaybe", "lookAlikesNote")],
    unusable: () => [title(unusableTitle(body)), photoNotes(body, "lead"), choices("guesses", "lookAlikesNote")],
  };
  return element("section", { class: "verdict" }, shown[kindOf(entry)]());
}

function nextButtons({ canAdd, onAdd, onAnother }) {
  return element("div", { class: "buttons" },
    element("button", { type: "button", class: "main", onclick: onAnother }, words("another")),
    canAdd && addButton(onAdd));
}

function underName(named, sheet) {
  if (!sheet) return null;
  const common = named.id !== sheet.id && sheet.name;
  const latin = sheet.scientific_name && element("i", { lang: "la" }, sheet.scientific_name);
  return element("p", { class: "under" }, common, common && latin && " · ", latin);
}

function meter(score) {
  const fill = element("span", { class: "fill" });
  fill.style.inlineSize = `${Math.round(100 * score)}%`;
  return element("div", { class: "sure" },
    element("p", {}, element("strong", {}, sureness(score)), " ", element("span", {}, percent(score))),
    element("div", { class: "bar", role: "meter", "aria-label": words("sureLabel"), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(100 * score), "aria-valuetext": `${sureness(score)}, ${percent(score)}` }, fill));
}

function chosenNote({ body }, onChoose) {
  const said = body.answer.name ? words("said", { name: body.answer.name }) : words("saidUnsure");
  return element("div", { class: "note" },
    element("p", {}, icon(...CHECK), said),
    element("button", { type: "button", class: "quiet", onclick: () => onChoose(null) }, words("undoChoice")));
}

function photoNotes(body, look = "note") {
  const messages = new Set(body.photos.flatMap((photo) => photo.advice.map((advice) => advice.message)));
  return [...messages].map((message) => element("p", { class: look }, message));
}

function unusableTitle(body) {
  const codes = new Set(body.photos.flatMap((photo) => photo.advice.map((advice) => advice.code)));
  const [code] = codes;
  return words(codes.size === 1 && code in PROBLEMS ? `${PROBLEMS[code]}Title` : "unusableTitle");
}

function choiceList(entry, label, note, onChoose) {
  const choices = candidates(entry);
  if (!choices.length) return null;
  return element("section", { class: "choices" },
    element("h2", {}, words(label)),
    element("ul", {}, choices.map((choice) => element("li", {},
      element("button", { type: "button", class: "choice", lang: entry.lang, onclick: () => onChoose(choice) },
        choice.name, choice.score >= WORTH_NAMING && element("span", { class: "share" }, percent(choice.score)))))),
    element("p", { class: "hint" }, words(note)));
}

/** What the photo may show instead: other varieties, other fruits by probability, then the family's other fruits. */
function candidates({ body, choice }) {
  const shown = choice?.id ?? body.answer.id;
  const [best] = body.results;
  const varieties = body.answer.rank === "variety" ? best.varieties : [];
  const fruits = body.results.map(({ fruit, name, score }) => ({ id: fruit, name, score }));
  const probable = [...varieties, ...fruits].filter(({ score }) => score >= WORTH_NAMING);
  const family = (body.fruit?.look_alikes?.fruits ?? []).map(({ id, name }) => ({ id, name, score: 0 }));
  const ordered = [...probable, ...family].filter(({ id }, index, all) => all.findIndex((one) => one.id === id) === index);
  const same = choice || !shown ? [shown] : [shown, fruitOf(shown)];
  return ordered.filter(({ id }) => !same.includes(id)).slice(0, MOST_CHOICES);
}
