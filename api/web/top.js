// The bar at the top: the way home, and the other language.
import { LANGUAGES, lang, setLanguage, words } from "/web/words.js";
import { element } from "/web/dom.js";
import { slice } from "/web/slice.js";

/** Fill the bar; `onLanguage` is called when another language was chosen. */
export function topBar(onLanguage) {
  const buttons = Object.entries(LANGUAGES).filter(([code]) => code !== lang()).map(([code, name]) =>
    element("button", { type: "button", class: "quiet", lang: code, onclick: () => chosen(code, onLanguage) }, name));
  const nav = element("nav", { "aria-label": words("otherLanguage"), lang: lang() === "en" ? "fr" : "en" }, buttons);
  const home = element("a", { class: "brand", href: "#", "aria-label": words("home") }, slice(8, 17, "mark"), element("span", {}, "Fruits!"));
  document.getElementById("top").replaceChildren(home, nav);
}

function chosen(code, onLanguage) {
  setLanguage(code, { keep: true });
  topBar(onLanguage);
  document.querySelector("#top button").focus();
  onLanguage();
}
