// Brings the screens together: what is shown, what is asked, and where the browser's Back leads.
import * as memory from "/web/memory.js";
import { answerScreen, kindOf } from "/web/answer.js";
import { fruitOf, privacyNotice, sheetOf, translated } from "/web/sheets.js";
import { lang, startLanguage, words } from "/web/words.js";
import { Question } from "/web/question.js";
import { Trouble } from "/web/identify.js";
import { homeScreen } from "/web/home.js";
import { privacyScreen } from "/web/privacy.js";
import { say } from "/web/dom.js";
import { stayOnDevice } from "/web/install.js";
import { topBar } from "/web/top.js";
import { troubleScreen } from "/web/trouble.js";
import { watchPage } from "/web/pick.js";
import { workingScreen } from "/web/working.js";

const WORTH_KEEPING = new Set(["named", "family", "chosen"]);
const screen = document.getElementById("screen");
let redraw = () => {}; // draws the present screen anew, in another language
let question = new Question();
let entry = null; // the answer that is or was last on the screen
let forgotten = [];

function show(nodes, again) {
  redraw = again;
  screen.replaceChildren(...nodes.flat().filter((node) => node instanceof Node));
  document.body.classList.toggle("with-bar", screen.querySelector(".caution-bar") !== null);
  document.title = `${screen.querySelector("h1").textContent} – Fruits!`;
}

function focusTitle() {
  screen.querySelector("h1").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function showHome() {
  const answers = memory.all();
  show(homeScreen({ answers, forgotten, onFiles: ask, onForget: forget, onRestore: restore }), showHome);
  document.title = "Fruits!";
}

async function showPrivacy() {
  const draw = (notice) => show(privacyScreen({ notice, onBack: () => history.back() }), showPrivacy);
  draw(null);
  const notice = await privacyNotice();
  if (!notice || location.hash !== "#privacy") return;
  const reading = screen.contains(document.activeElement);
  draw(notice);
  if (reading) focusTitle();
}

function showAnswer() {
  const live = question.answers === entry.id;
  show(answerScreen({
    entry,
    pictures: live ? question.pictures : [entry.thumbnail],
    canAdd: live && question.canGrow,
    onChoose: choose,
    onFiles: ask,
    onAdd: (files) => ask(files, question),
    onAnother: () => go(""),
  }), retell);
}

/** Say the present answer in the present language. */
async function retell() {
  showAnswer();
  const before = entry;
  const after = await translated(before);
  if (entry !== before || after === before) return;
  remember(after);
  if (location.hash === `#answer-${entry.id}`) showAnswer();
}

function showTrouble(trouble) {
  show(troubleScreen({ trouble, onRetry: send, onFiles: ask }), () => showTrouble(trouble));
  focusTitle();
}

async function ask(files, earlier = null) {
  question.end();
  question = new Question(earlier);
  go("#photo");
  const here = question;
  showWaiting(here);
  focusTitle();
  await settled(here, async () => {
    await here.add(files);
    if (here === question) await send();
  });
}

async function send() {
  const here = question;
  const tell = showWaiting(here);
  focusTitle();
  await settled(here, async () => {
    const body = await here.ask(() => here === question && tell());
    if (!here.over) answered(here, body);
  });
}

/** Work on a question until it ends; trouble with it is shown unless a newer question has taken its place. */
async function settled(here, work) {
  try {
    await work();
  } catch (trouble) {
    if (here.over) return;
    showTrouble(trouble instanceof Trouble ? trouble : new Trouble("failed"));
    if (!(trouble instanceof Trouble)) throw trouble;
  }
}

function showWaiting(here) {
  let waiting;
  const draw = () => {
    waiting = workingScreen({ pictures: here.pictures, onCancel: () => history.back() });
    waiting.tell(here.stage, here.share);
    show(waiting.nodes, draw);
  };
  draw();
  return () => waiting.tell(here.stage, here.share);
}

function answered(here, body) {
  const at = Date.now();
  here.answers = at.toString(36);
  const thumbnail = here.pictures.find(Boolean) ?? null;
  remember({ id: here.answers, at, lang: lang(), body, thumbnail, choice: null, sheet: null });
  history.replaceState(null, "", `#answer-${entry.id}`);
  showAnswer();
  focusTitle();
}

async function choose(choice) {
  const here = entry;
  const sheet = choice && (fruitOf(choice.id) === here.body.fruit?.id ? here.body.fruit : await sheetOf(fruitOf(choice.id)));
  if (entry !== here) return;
  remember({ ...here, choice: choice && { id: choice.id, name: choice.name }, sheet });
  showAnswer();
  focusTitle();
  if (choice) say(words("chosen", { name: choice.name }));
}

/** Make an answer the present one, and keep it on the device if it says something or was kept before. */
function remember(next) {
  entry = next;
  if (WORTH_KEEPING.has(kindOf(entry)) || memory.find(entry.id)) memory.keep(entry);
}

function forget() {
  forgotten = memory.forget();
  entry = null;
  homeAgain("forgotten");
}

function restore() {
  memory.restore(forgotten);
  forgotten = [];
  homeAgain("restored");
}

function homeAgain(key) {
  showHome();
  focusTitle();
  say(words(key));
}

function go(hash) {
  if (hash !== location.hash) history.pushState(null, "", hash || "/");
  if (hash !== "") return;
  followAddress();
  focusTitle();
}

function followAddress() {
  question.end();
  const id = location.hash.replace("#answer-", "");
  const found = entry?.id === id ? entry : memory.find(id);
  if (location.hash === "#privacy") showPrivacy();
  else if (found) {
    entry = found;
    retell();
  } else {
    if (location.hash) history.replaceState(null, "", "/");
    showHome();
  }
}

function start() {
  startLanguage();
  topBar(() => redraw());
  followAddress();
  window.addEventListener("popstate", () => {
    followAddress();
    focusTitle();
  });
  watchPage((files) => ask(files));
  for (const change of ["online", "offline"]) {
    window.addEventListener(change, () => {
      if (redraw === showHome) showHome();
      say(words(change === "online" ? "backOnline" : "offlineNote"));
    });
  }
  stayOnDevice();
}

start();
