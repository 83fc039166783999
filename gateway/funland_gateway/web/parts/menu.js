// A button with a list of things to do.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { Button } from "./button.js";
import { tellProblem } from "../lib/notices.js";

/** `items` are `[text, what to do, tone]`. */
export function Menu({ label, icon = "more", items }) {
  const open = useSignal(false);
  const box = useRef(null);
  useEffect(() => {
    if (!open.value) return undefined;
    box.current.querySelector("[role=menuitem]").focus();
    const outside = (event) => box.current.contains(event.target) || (open.value = false);
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open.value]);
  const close = () => {
    open.value = false;
    box.current.querySelector("button").focus();
  };
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  const pressed = (event) => {
    const all = [...box.current.querySelectorAll("[role=menuitem]")];
    if (event.key === "Escape") close();
    else if (event.key in moves) {
      event.preventDefault();
      all.at((all.indexOf(document.activeElement) + moves[event.key] + all.length) % all.length).focus();
    }
  };
  const choose = async (what) => {
    close();
    try {
      await what();
    } catch (problem) {
      tellProblem(problem);
    }
  };
  return html`<div class="menu" ref=${box} onKeyDown=${open.value ? pressed : undefined}>
    <${Button} icon=${icon} label=${label} aria-haspopup="menu" aria-expanded=${String(open.value)} onPress=${() => (open.value = !open.value)} />
    ${open.value && html`<div class="menu-list" role="menu" aria-label=${label}>
      ${items.map(([text, what, tone = ""]) => html`<button key=${text} type="button" role="menuitem" class=${tone} tabindex="-1" onClick=${() => choose(what)}>${text}</button>`)}
    </div>`}
  </div>`;
}
