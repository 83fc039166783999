// What every page but the conversations is framed by.
import { html } from "../lib/html.js";
import { Problem } from "./notices.js";
import { Loading } from "./showing.js";

export function Frame({ title, actions, children }) {
  return html`<div class="page">
    <header class="page-head"><h1>${title}</h1>${actions}</header>
    ${children}
  </div>`;
}

export function Section({ title, actions, children }) {
  return html`<section class="section">
    <header class="section-head"><h2>${title}</h2>${actions}</header>
    ${children}
  </section>`;
}

/** What was read, once it is there; its problem where it is not. `of` is what `useRead` gives. */
export function Read({ of, children }) {
  if (of.problem.value && of.value.value === undefined) return html`<${Problem} problem=${of.problem.value} />`;
  return of.value.value === undefined ? html`<${Loading} />` : children(of.value.value);
}

/** Ways to look at a page: `places` are pairs of an address and a name. */
export function Tabs({ label, places, current }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${places.map(([href, name]) => html`<a key=${href} href=${href} aria-current=${href === current ? "page" : undefined}>${name}</a>`)}
  </nav>`;
}
