// What is shown while a photo is on its way.
import { element, say } from "/web/dom.js";
import { percent, words } from "/web/words.js";

/** Draw the waiting screen; returns { nodes, tell }, and `tell(stage, share)` moves it on. */
export function workingScreen({ pictures, onCancel }) {
  const title = element("h1", { tabindex: -1 });
  const bar = element("progress", { max: 1, "aria-label": words("looking") });
  const cancel = element("button", { type: "button", class: "quiet", onclick: onCancel }, words("cancel"));
  const section = element("section", { class: "working" }, photoStrip(pictures), title, bar, element("div", { class: "buttons" }, cancel));
  let told = null;
  function tell(stage, share) {
    title.textContent = words(stage, { percent: percent(share) });
    if (stage === "sending") bar.value = share;
    else bar.removeAttribute("value");
    if (told !== null && stage !== told) say(title.textContent); // once a stage, not once a percent; the first has the focus
    told = stage;
  }
  return { nodes: [section], tell };
}

/** The photos of a question, side by side; nothing for those that this browser cannot show. */
export function photoStrip(pictures) {
  const shown = pictures.filter(Boolean);
  if (!shown.length) return null;
  const label = words(shown.length > 1 ? "yourPhotos" : "yourPhoto");
  const images = shown.map((src, index) => element("img", { src, alt: index ? "" : label }));
  return element("div", { class: `photos of-${shown.length}` }, images);
}
