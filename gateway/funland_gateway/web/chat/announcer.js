// Reads an answer out to those who don't see it: by whole sentences, and not while the last is being spoken.
import { effect, html, useEffect, useSignal } from "../lib/html.js";
import { sentences } from "./tree.js";

const PAUSE_MS = 2000;

export function Announcer({ talk }) {
  const said = useSignal("");
  useEffect(() => {
    let end = 0;
    let entry = null;
    let timer = null;
    const speak = () => {
      timer = null;
      if (!entry) return;
      const text = entry.text.peek();
      const next = entry.about.peek().state === "IN_PROGRESS" ? sentences(text, end) : { text: text.slice(end), end: text.length };
      end = next.end;
      if (next.text.trim()) said.value = next.text;
    };
    const stop = effect(() => {
      const now = talk.answering.value;
      if (now && now !== entry) {
        entry = now;
        end = 0;
      }
      entry?.text.value;
      entry?.about.value;
      if (entry) timer ??= setTimeout(speak, PAUSE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [talk]);
  return html`<div class="sr" aria-live="polite">${said}</div>`;
}
