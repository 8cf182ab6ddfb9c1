// How photos come in: from the camera, from files, dropped on the page or pasted into it.
import { CAMERA, PICTURE } from "/web/icons.js";
import { element, icon } from "/web/dom.js";
import { words } from "/web/words.js";

// Some systems name HEIC files by their ending alone.
const ACCEPTED = "image/*,.heic,.heif,.avif";

/** Buttons that take a photo (on a phone) or choose some; `onFiles` is given what was picked. */
export function photoButtons(onFiles) {
  return element("div", { class: "buttons pick" },
    button("takePhoto", CAMERA, "main camera", onFiles, { capture: "environment" }),
    button("choosePhoto", PICTURE, "files", onFiles, { multiple: true }));
}

/** A single quieter button that chooses further photos. */
export function addButton(onFiles) {
  return button("addPhoto", CAMERA, "", onFiles, { multiple: true });
}

/** Take photos that are dropped on the page or pasted into it, on every screen. */
export function watchPage(onFiles) {
  const cover = (shown) => document.body.classList.toggle("dropping", shown);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.dataset.drop = words("dropNow");
    cover(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? cover(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    cover(false);
    given(event.dataTransfer, onFiles);
  });
  document.addEventListener("paste", (event) => given(event.clipboardData, onFiles));
}

function button(key, sign, look, onFiles, options) {
  const input = element("input", { type: "file", accept: ACCEPTED, hidden: true, ...options });
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same photo can be picked again
    if (files.length) onFiles(files);
  });
  const press = element("button", { type: "button", class: look, onclick: () => input.click() }, icon(...sign), words(key));
  return element("span", { class: "picker" }, press, input);
}

function given(transfer, onFiles) {
  const files = [...(transfer?.files ?? [])];
  if (files.length) onFiles(files);
}
