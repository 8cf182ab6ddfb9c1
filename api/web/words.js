// The page's own words: which language, and how numbers, dates and sentences are said in it.
import en from "/web/words.en.js";
import fr from "/web/words.fr.js";

const TABLES = { en, fr };
const KEPT_AS = "language";

/** Codes of the page's languages, each with its own name. */
export const LANGUAGES = { en: "English", fr: "Français" };

const HOME = { en: "en-GB", fr: "fr-FR" };

let language = "en";
let locale = HOME.en; // the language as it is written where the user lives, if the browser says

/** The code of the language in use. */
export const lang = () => language;

/** Take up the language chosen here before, else the first of the browser's that the page has, else English. */
export function startLanguage() {
  const wanted = [kept(), ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  setLanguage(wanted.find((code) => code in TABLES) ?? "en");
}

/** Use a language, and remember it when a person asked for it. */
export function setLanguage(code, { keep = false } = {}) {
  language = code;
  locale = navigator.languages.find((tag) => tag.startsWith(`${code}-`)) ?? HOME[code];
  document.documentElement.lang = code;
  if (keep) try { localStorage.setItem(KEPT_AS, code); } catch { /* storage is shut: the choice holds until the page is closed */ }
}

/** Say something: `words("sending", { percent: "45 %" })`. */
export function words(key, values = {}) {
  const sentence = TABLES[language][key];
  if (sentence === undefined) throw new Error(`No words for ${key} in ${language}`);
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The name of something that the service lists, such as a nutrient; as the service calls it where there is none here. */
export function nameOf(key, plain) {
  return TABLES[language][key] ?? plain.replaceAll("_", " ");
}

/** A share of 1 as a whole percentage; what is not nothing is never said to be 0, nor what is not sure to be 100. */
export function percent(share) {
  const whole = Math.min(99, Math.max(1, Math.round(share * 100)));
  return new Intl.NumberFormat(locale, { style: "percent" }).format(whole / 100);
}

/** A number with at most 3 significant digits, but all of those before the decimal sign. */
export function number(value) {
  const options = Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return new Intl.NumberFormat(locale, options).format(value);
}

/** The name of a month, 1 to 12: `long` or `narrow`. */
export function month(number, width = "long") {
  return new Intl.DateTimeFormat(locale, { month: width, timeZone: "UTC" }).format(Date.UTC(2026, number - 1, 15));
}

/** A moment, in milliseconds, as day and time. */
export function moment(at) {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/** Several things as one phrase: "a, b and c". */
export function list(parts) {
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(parts);
}

function kept() {
  try { return localStorage.getItem(KEPT_AS); } catch { return null; }
}
