// The text of a message: Markdown, of which only whole blocks are set while it grows, and no more than five times a second.
import { effect, html, useEffect, useRef } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { closedLength, elements } from "../lib/markdown.js";

const PAUSE_MS = 200;
const labels = () => ({ copy: t("copy") });

/** What an answer says; `entry` is an `Entry`. */
export function AnswerText({ entry }) {
  const ref = useRef(null);
  const state = entry.about.value.state;
  useEffect(() => (state === "IN_PROGRESS" ? grow(ref.current, entry.text) : settle(ref.current, entry.text)), [entry, state]);
  return html`<div class="prose" ref=${ref}></div>`;
}

function settle(box, text) {
  return effect(() => box.replaceChildren(elements(text.value, labels())));
}

function grow(box, text) {
  const open = document.createElement("div");
  open.className = "open-block";
  box.replaceChildren(open);
  let done = 0;
  let before = "";
  let timer = null;
  const set = () => {
    timer = null;
    const now = text.peek();
    if (!now.startsWith(before)) {
      box.replaceChildren(open);
      done = 0;
    }
    before = now;
    const closed = closedLength(now.slice(done));
    if (closed) {
      open.before(elements(now.slice(done, done + closed), labels()));
      done += closed;
    }
    open.textContent = now.slice(done);
  };
  const stop = effect(() => {
    text.value;
    timer ??= setTimeout(set, PAUSE_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
