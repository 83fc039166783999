// Fields of forms, each with its label.
import { html, useId } from "../lib/html.js";

export function Field({ label, hint, children }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children(id, hint ? `${id}-hint` : undefined)}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

/** `value` is a signal that has the text. */
export function TextField({ label, hint, value, area, ...rest }) {
  return html`<${Field} label=${label} hint=${hint}>${(id, described) =>
    area
      ? html`<textarea id=${id} aria-describedby=${described} value=${value.value} onInput=${(event) => (value.value = event.target.value)} ...${rest}></textarea>`
      : html`<input id=${id} aria-describedby=${described} type="text" value=${value.value} onInput=${(event) => (value.value = event.target.value)} ...${rest} />`}<//>`;
}

export function NumberField({ label, hint, value, ...rest }) {
  return html`<${TextField} label=${label} hint=${hint} value=${value} type="number" inputmode="decimal" ...${rest} />`;
}

/** `options` are pairs of a value and its text. */
export function SelectField({ label, hint, value, options, onChange, ...rest }) {
  const change = (event) => {
    value.value = event.target.value;
    onChange?.(event.target.value);
  };
  return html`<${Field} label=${label} hint=${hint}>${(id, described) => html`<select id=${id} aria-describedby=${described} value=${value.value} onChange=${change} ...${rest}>
    ${options.map(([each, text]) => html`<option key=${each} value=${each} selected=${each === value.value}>${text}</option>`)}
  </select>`}<//>`;
}

export function CheckField({ label, value, hint }) {
  const id = useId();
  return html`<div class="check">
    <input id=${id} type="checkbox" checked=${value.value} onChange=${(event) => (value.value = event.target.checked)} />
    <label for=${id}>${label}${hint && html`<span class="hint">${hint}</span>`}</label>
  </div>`;
}

/** The number that a field's text is; undefined: it is empty. */
export const numberOf = (text) => (String(text).trim() === "" ? undefined : Number(text));
