// The first screen: take a photo, and what was answered last.
import { CLOUD_OFF } from "/web/icons.js";
import { element, icon } from "/web/dom.js";
import { moment, words } from "/web/words.js";
import { photoButtons } from "/web/pick.js";
import { slice } from "/web/slice.js";

/** Draw the first screen. `forgotten` offers to bring back answers that were just forgotten. */
export function homeScreen({ answers, forgotten, onFiles, onForget, onRestore }) {
  return [
    element("section", { class: "hero" },
      slice(12, 10, "picture"),
      element("h1", { tabindex: -1 }, words("homeTitle")),
      element("p", { class: "lead" }, words("homeLead")),
      !navigator.onLine && element("p", { class: "note" }, icon(...CLOUD_OFF), words("offlineNote")),
      photoButtons(onFiles),
      element("p", { class: "hint desk" }, words("dropHint")),
      element("p", { class: "hint" }, words("several")),
      element("p", { class: "promise" }, words("promise")),
      element("p", {}, element("a", { class: "more", href: "#privacy" }, words("promiseMore")))),
    forgotten.length > 0 && element("section", { class: "note" },
      element("p", {}, words("forgotten")),
      element("button", { type: "button", class: "quiet", onclick: onRestore }, words("undo"))),
    answers.length > 0 && lastAnswers(answers, onForget),
  ];
}

function lastAnswers(answers, onForget) {
  return element("section", { class: "last", "aria-labelledby": "last" },
    element("div", { class: "title-row" },
      element("h2", { id: "last" }, words("lastAnswers")),
      element("button", { type: "button", class: "quiet", onclick: onForget }, words("forget"))),
    element("p", { class: "hint" }, words("lastAnswersNote")),
    element("ul", { class: "tiles" }, answers.map(tile)));
}

function tile(entry) {
  const name = (entry.choice ?? entry.body.answer).name;
  const picture = entry.thumbnail
    ? element("img", { src: entry.thumbnail, alt: "", loading: "lazy" })
    : element("span", { class: "no-picture" });
  return element("li", {},
    element("a", { href: `#answer-${entry.id}` }, picture,
      element("span", { class: "tile-name", lang: entry.lang }, name),
      element("span", { class: "when" }, moment(entry.at))));
}
