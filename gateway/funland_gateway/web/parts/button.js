// Buttons that do something that takes a while: they say so, and what went wrong.
import { html, useSignal } from "../lib/html.js";
import { isAbort } from "../lib/problems.js";
import { t } from "../lib/i18n.js";
import { tellProblem } from "../lib/notices.js";
import { Icon } from "./icons.js";

/**
 * `onPress` may give a promise: meanwhile the button is busy, and its failure is told. With `label` alone beside an icon it is the
 * button's name for those who don't see the icon.
 */
export function Button({ icon, label, children, onPress, kind = "", type = "button", disabled, ...rest }) {
  const busy = useSignal(false);
  const press = async (event) => {
    if (busy.value) return;
    try {
      const done = onPress?.(event);
      if (done instanceof Promise) {
        busy.value = true;
        await done;
      }
    } catch (problem) {
      if (!isAbort(problem)) tellProblem(problem);
    } finally {
      busy.value = false;
    }
  };
  const bare = !children;
  return html`<button
    type=${type}
    class="button ${kind} ${bare ? "bare" : ""}"
    aria-label=${bare ? label : undefined}
    title=${bare ? label : undefined}
    aria-busy=${busy.value ? "true" : undefined}
    disabled=${disabled}
    onClick=${press}
    ...${rest}
  >${icon && html`<${Icon} name=${icon} />`}${children}</button>`;
}

/** Copies a text, and says so. */
export function CopyButton({ text, label, children }) {
  const copied = useSignal(false);
  const copy = async () => {
    await copyText(typeof text === "function" ? text() : text);
    copied.value = true;
    setTimeout(() => (copied.value = false), 1600);
  };
  const name = copied.value ? t("copied") : (label ?? t("copy"));
  return html`<${Button} icon=${copied.value ? "check" : "copy"} label=${name} onPress=${copy}>${children && (copied.value ? t("copied") : children)}<//>`;
}

/** Without TLS, and not on this machine, browsers have no clipboard for pages: then the old way. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
