// What is known about fruits, fetched from the service, and an answer said again in another language.
import { lang } from "/web/words.js";

/** Fetch everything known about one fruit in the language in use; null where it cannot be had. */
export function sheetOf(fruit) {
  return fetched(`/fruits/${encodeURIComponent(fruit)}?lang=${lang()}`);
}

/** Fetch what happens to a photo, as the service itself says it; null where it cannot be had. */
export function privacyNotice() {
  return fetched(`/privacy?lang=${lang()}`);
}

/** Say an answer in the language in use. Where the service cannot be reached, it stays as it is. */
export async function translated(entry) {
  if (entry.lang === lang()) return entry;
  const { answer, results, fruit, cautions } = entry.body;
  const [answered, chosen, best] = [fruit?.id, entry.choice && fruitOf(entry.choice.id), results[0].fruit];
  const wanted = [...new Set([answered, chosen, best].filter(Boolean))];
  const [names, ...sheets] = await Promise.all([fetched(`/fruits?lang=${lang()}`), ...wanted.map(sheetOf)]);
  if (!names || sheets.includes(null)) return entry;
  const sheet = (id) => sheets.find((one) => one.id === id) ?? null;
  const told = dictionary(names, sheets);
  const general = (cautions ?? []).map((caution) => caution.id);
  const body = {
    ...entry.body,
    answer: renamed(answer, told),
    results: results.map((result) => inWords(result, told)),
    fruit: fruit && sheet(answered),
    cautions: cautions && sheet(best).cautions.filter((caution) => general.includes(caution.id)),
  };
  return { ...entry, lang: lang(), body, choice: renamed(entry.choice, told), sheet: chosen ? sheet(chosen) : null };
}

/** The fruit of a fruit's or a variety's id. */
export const fruitOf = (id) => id.split("/")[0];

function inWords(result, told) {
  const varieties = result.varieties.map((variety) => renamed(variety, told));
  return { ...renamed(result, told, "fruit"), varieties };
}

function dictionary(names, sheets) {
  const told = new Map(names.fruits.map((fruit) => [fruit.id, fruit.name]));
  for (const sheet of sheets) {
    for (const variety of sheet.varieties) told.set(variety.id, variety.name);
    const family = sheet.look_alikes?.family;
    if (family) told.set(family.id, family.name);
  }
  return told;
}

function renamed(named, told, key = "id") {
  return named && { ...named, name: told.get(named[key]) ?? named.name };
}

async function fetched(path) {
  try {
    const response = await fetch(path);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
