// A form: what it does may take a while, and may fail, which is told in it.
import { html, useSignal } from "../lib/html.js";
import { isAbort } from "../lib/problems.js";
import { Problem } from "./notices.js";

export function Form({ onSend, children, ...rest }) {
  const problem = useSignal(null);
  const busy = useSignal(false);
  const send = async (event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    problem.value = null;
    try {
      await onSend();
    } catch (failed) {
      if (!isAbort(failed)) problem.value = failed;
    } finally {
      busy.value = false;
    }
  };
  return html`<form onSubmit=${send} aria-busy=${busy.value ? "true" : undefined} ...${rest}>
    ${children}
    ${problem.value && html`<div role="alert"><${Problem} problem=${problem.value} /></div>`}
  </form>`;
}
