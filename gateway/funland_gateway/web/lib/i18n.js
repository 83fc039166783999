// The words of the page, in the reader's language.
import { signal } from "./html.js";
import { keep, kept } from "./kept.js";

export const LANGUAGES = { en: "English", zh: "中文" };

/** Which language is shown: a key of LANGUAGES. */
export const language = signal(preferred(kept("language"), navigator.languages ?? [navigator.language]));

const words = signal({});

/** The language of a reader who chose one, or else of their browser. */
export function preferred(chosen, wanted) {
  if (chosen && Object.hasOwn(LANGUAGES, chosen)) return chosen;
  for (const each of wanted) {
    const name = (each ?? "").toLowerCase().split("-")[0];
    if (Object.hasOwn(LANGUAGES, name)) return name;
  }
  return "en";
}

export async function speak(name) {
  const loaded = await import(`../i18n/${name}.js`);
  words.value = loaded.default;
  language.value = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : name;
}

export async function choose(name) {
  keep("language", name);
  await speak(name);
}

/** The text of a key, with `{names}` filled in. A key that has no text is shown as it is. */
export function t(key, values) {
  const text = words.value[key];
  if (text === undefined) return key;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text;
}

/** The text of a value of an enum, such as `state.LOADED`; one that is newer than the page is shown as it is. */
export function named(kind, value) {
  const key = `${kind}.${value}`;
  const text = t(key);
  return text === key ? String(value ?? "") : text;
}
