// Dialogs, as the browser has them: it keeps the focus within, and Escape closes.
import { html, useEffect, useId, useRef } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Icon } from "./icons.js";
import { tellProblem } from "../lib/notices.js";

export function Dialog({ title, onClose, children, wide }) {
  const ref = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const outside = (event) => event.target === ref.current && onClose();
  return html`<dialog
    ref=${ref}
    class="dialog ${wide ? "wide" : ""}"
    aria-labelledby=${id}
    onCancel=${(event) => {
      event.preventDefault();
      onClose();
    }}
    onMouseDown=${outside}
  >
    <div class="dialog-box">
      <header>
        <h2 id=${id}>${title}</h2>
        <button type="button" class="button bare" aria-label=${t("close")} onClick=${onClose}><${Icon} name="close" /></button>
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** Asks before what can't be undone. `onYes` may fail, which is told. */
export function Confirm({ title, text, action, onYes, onClose }) {
  const yes = async () => {
    onClose();
    try {
      await onYes();
    } catch (problem) {
      tellProblem(problem);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <footer>
      <button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="button danger" onClick=${yes}>${action}</button>
    </footer>
  <//>`;
}
