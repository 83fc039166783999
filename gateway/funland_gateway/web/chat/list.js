// The messages of a branch. Only some of them are in the document: layout of thousands would take a third of the processor's time.
import { html, useEffect, useLayoutEffect, useRef, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { copyText } from "../parts/button.js";
import { Icon } from "../parts/icons.js";
import { Announcer } from "./announcer.js";
import { Message } from "./message.js";
import { moved } from "./tree.js";

const SIZE = 80; // messages in the document
const STEP = 40; // that come and go at once
const NEAR_PX = 600; // of the border, when more are fetched
const END_PX = 60; // so near to the end that one follows it

export function MessageList({ talk, onEdit }) {
  const box = useRef(null);
  const content = useRef(null);
  const ids = talk.branch.value;
  const window_ = useSignal({ from: Math.max(0, ids.length - SIZE), to: ids.length });
  const following = useSignal(true);
  const held = useRef(null); // where a message was before others came before it

  // What is new is shown to those who are at the end.
  const { from } = window_.value;
  const to = following.value ? ids.length : Math.min(window_.value.to, ids.length);
  const first = following.value ? Math.max(from, to - SIZE, 0) : Math.min(from, Math.max(0, to - 1));
  const visible = ids.slice(first, to);

  const shift = (by) => {
    const next = moved({ from: first, to }, by, ids.length, SIZE);
    if (next.from === first && next.to === to) return;
    const mark = content.current.children[by < 0 ? 0 : content.current.children.length - 1];
    held.current = mark && { id: mark.dataset.id, top: mark.getBoundingClientRect().top };
    window_.value = next;
  };

  useLayoutEffect(() => {
    const { current } = held;
    held.current = null;
    if (!current) return;
    const mark = content.current.querySelector(`[data-id="${CSS.escape(current.id)}"]`);
    if (mark) box.current.scrollTop += mark.getBoundingClientRect().top - current.top;
  }, [window_.value]);

  const toEnd = () => {
    following.value = true;
    window_.value = { from: Math.max(0, ids.length - SIZE), to: ids.length };
    requestAnimationFrame(() => box.current && (box.current.scrollTop = box.current.scrollHeight));
  };

  useEffect(toEnd, [talk]);

  // The end is followed when anything grows, whatever it was.
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (following.value && box.current) box.current.scrollTop = box.current.scrollHeight;
    });
    observer.observe(content.current);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [talk]);

  const last = useRef(0);
  const scrolled = () => {
    if (!box.current) return; // one has left before the browser told
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    const up = scrollTop < last.current;
    last.current = scrollTop;
    const atEnd = to === ids.length && scrollHeight - scrollTop - clientHeight < END_PX;
    if (atEnd) {
      if (!following.value) window_.value = { from: first, to };
      following.value = true;
    } else if (up && following.value) {
      window_.value = { from: first, to };
      following.value = false;
    }
    if (scrollTop < NEAR_PX && first > 0 && !following.value) shift(-STEP);
    else if (scrollHeight - scrollTop - clientHeight < NEAR_PX && to < ids.length) shift(STEP);
  };

  const pressed = async (event) => {
    const button = event.target.closest(".code-copy");
    if (!button) return;
    await copyText(button.closest(".code").querySelector("pre").textContent.replace(/\n$/, ""));
    button.textContent = t("copied");
    setTimeout(() => (button.textContent = t("copy")), 1600);
  };

  return html`<div class="messages-frame">
    <div class="messages" ref=${box} onScroll=${scrolled} onClick=${pressed} tabindex="0" role="region" aria-label=${t("chat.messages")}>
      <div class="messages-column" ref=${content} role="list" data-first=${first}>
        ${visible.map((id, at) => html`<div key=${id} class="message-row" role="listitem" data-id=${id} aria-posinset=${first + at + 1} aria-setsize=${ids.length}>
          <${Message} talk=${talk} entry=${talk.entry(id)} onEdit=${onEdit} />
        </div>`)}
      </div>
    </div>
    ${!following.value && html`<button type="button" class="button to-end" onClick=${toEnd}><${Icon} name="down" />${t("chat.to.end")}</button>`}
    <${Announcer} talk=${talk} />
  </div>`;
}
