// One friendly screen for each way in which there is no answer.
import { CLOUD_OFF } from "/web/icons.js";
import { element, icon } from "/web/dom.js";
import { words } from "/web/words.js";
import { photoButtons } from "/web/pick.js";

// Those where the same photo may well be answered a little later.
const PASSING = new Set(["offline", "unreachable", "slow", "busy", "notReady", "failed"]);
const OF_THE_NETWORK = new Set(["offline", "unreachable", "slow"]);

/** Draw the screen of a Trouble. */
export function troubleScreen({ trouble, onRetry, onFiles }) {
  const { kind, requestId, waitSeconds } = trouble;
  const text = kind === "busy" && waitSeconds ? "busyTextSeconds" : `${kind}Text`;
  return [
    element("section", { class: "trouble" },
      OF_THE_NETWORK.has(kind) && icon(...CLOUD_OFF),
      element("h1", { tabindex: -1 }, words(`${kind}Title`)),
      element("p", { class: "lead" }, words(text, { seconds: waitSeconds })),
      PASSING.has(kind)
        ? element("div", { class: "buttons" }, element("button", { type: "button", class: "main", onclick: onRetry }, words("tryAgain")))
        : photoButtons(onFiles),
      kind === "failed" && requestId && element("p", { class: "hint" }, words("requestId", { id: requestId }))),
  ];
}
