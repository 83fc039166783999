// Small things that show something: how far, how full, which state.
import { html } from "../lib/html.js";
import { named, t } from "../lib/i18n.js";
import { number } from "../lib/format.js";

/** How far something is, from 0 to 1; undefined: that is not known. */
export function Progress({ value, label }) {
  return html`<progress class="progress" value=${value === undefined ? undefined : Math.min(1, value)} max="1" aria-label=${label}></progress>`;
}

/** How full something is, from 0 to 1. */
export function Meter({ value, label }) {
  const part = Math.max(0, Math.min(1, value || 0));
  return html`<span class="meter ${part > 0.9 ? "high" : ""}" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(part * 100)}>
    <span style=${{ width: `${part * 100}%` }}></span>
  </span>`;
}

const TONES = {
  LOADED: "good", COMPLETED: "good", AVAILABLE: "good", HEALTHY: "good", READY: "good", RUNNING: "busy", LOADING: "busy",
  DOWNLOADING: "busy", INSTALLING: "busy", PROCESSING: "busy", PREPARING: "busy", FAILED: "bad", BACKING_OFF: "bad", UNAVAILABLE: "bad",
  DEGRADED: "warn", WAITING: "warn", PAUSED: "warn", UNSUPPORTED: "warn", CUT_OFF: "warn", INCOMPLETE: "warn",
};

/** A state by name, in its colour. */
export function State({ value }) {
  return html`<span class="state ${TONES[value] ?? ""}">${named("state", value)}</span>`;
}

export function Tag({ children, tone = "" }) {
  return html`<span class="tag ${tone}">${children}</span>`;
}

/** Pairs of a name and what it is; those that are not known are left out. */
export function Facts({ of }) {
  return html`<dl class="facts">
    ${of.filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** What is shown where there is nothing yet, and what to do about it. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children}</div>`;
}

export function Loading() {
  return html`<p class="muted" role="status">${t("loading")}</p>`;
}

export const tokens = (value) => t("tokens", { n: number(value) });
