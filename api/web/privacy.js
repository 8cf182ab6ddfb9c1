// What happens to a photo: here, in the page's own words; on the server, as the service itself says it.
import { BACK } from "/web/icons.js";
import { element, icon } from "/web/dom.js";
import { MOST_ANSWERS } from "/web/memory.js";
import { words } from "/web/words.js";

/** Draw the screen. `notice` is what `/privacy` answered, or null: then the page says the heart of it itself. */
export function privacyScreen({ notice, onBack }) {
  const here = ["privacyDevice1", "privacyDevice2", "privacyDevice3"];
  return [
    element("section", { class: "reading" },
      element("h1", { tabindex: -1 }, words("privacyTitle")),
      element("h2", {}, words("privacyOnDevice")),
      here.map((key) => element("p", {}, words(key, { count: MOST_ANSWERS }))),
      element("h2", {}, words("privacyOnServer")),
      notice ? told(notice) : ["privacyServer1", "privacyServer2"].map((key) => element("p", {}, words(key))),
      element("div", { class: "buttons" },
        element("button", { type: "button", class: "quiet", onclick: onBack }, icon(...BACK), words("back")))),
  ];
}

function told({ lang, summary, statements, contact }) {
  return element("div", { lang },
    element("p", {}, summary),
    statements.map(({ title, text, kept }) => [
      element("h3", {}, title),
      element("p", {}, text),
      kept && element("p", { class: "hint" }, words("privacyKept", { kept })),
    ]),
    contact && element("p", {}, words("privacyContact", { contact })));
}
