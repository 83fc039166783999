// Numbers as people read them. All take what JSON has: numbers, numbers as strings, or nothing.
import { language, t } from "./i18n.js";

export const NOTHING = "–";

const known = (value) => value !== undefined && value !== null && value !== "" && Number.isFinite(Number(value));
const locale = () => (language.value === "zh" ? "zh-CN" : "en");

export function number(value, digits = 0) {
  if (!known(value)) return NOTHING;
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(Number(value));
}

export function percent(value, digits = 0) {
  return known(value) ? `${number(value, digits)} %` : NOTHING;
}

/** Bytes with three digits and a binary unit. */
export function bytes(value) {
  if (!known(value)) return NOTHING;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let rest = Number(value);
  let unit = 0;
  while (Math.abs(rest) >= 1000 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${number(rest, rest < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** A count as 1.2 K, 494 M, 7.6 B: as models' sizes are told. */
export function count(value) {
  if (!known(value)) return NOTHING;
  const units = ["", " K", " M", " B", " T"];
  let rest = Number(value);
  let unit = 0;
  while (Math.abs(rest) >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return number(rest, rest < 100 && unit > 0 ? 1 : 0) + units[unit];
}

/** Seconds of a protobuf duration such as `"3.5s"`, or of a number. NaN: there is none. */
export function seconds(value) {
  return typeof value === "string" ? Number.parseFloat(value) : Number(value ?? NaN);
}

/** How long something takes: 840 ms, 12 s, 3 min 20 s, 2 h 5 min. */
export function span(value) {
  const all = seconds(value);
  if (!Number.isFinite(all)) return NOTHING;
  if (all < 1) return t("span.ms", { ms: number(all * 1000) });
  if (all < 60) return t("span.s", { s: number(all, all < 10 ? 1 : 0) });
  const whole = Math.round(all);
  if (whole < 3600) return t("span.min", { min: Math.floor(whole / 60), s: whole % 60 });
  if (whole < 86400) return t("span.h", { h: Math.floor(whole / 3600), min: Math.floor((whole % 3600) / 60) });
  return t("span.d", { d: Math.floor(whole / 86400), h: Math.floor((whole % 86400) / 3600) });
}

export function time(value) {
  if (!value) return NOTHING;
  const when = new Date(value);
  const today = when.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(locale(), style).format(when);
}

/** Tokens a second of a finished answer: those after the first, by the time that they took. NaN: too few to say. */
export function tokenRate(usage, timings) {
  const made = Number(usage?.completion_tokens ?? 0) - 1;
  const ms = Number(timings?.decode_ms ?? 0);
  return made > 0 && ms > 0 ? (made * 1000) / ms : NaN;
}
