// Pictures and sounds of a message that was said.
import { html, useEffect, useSignal } from "../lib/html.js";
import { blob, path } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { fromBase64 } from "../lib/saving.js";

/** The parts of a message that are shown or played. Pure. */
export const mediaOf = (message) => (message?.parts ?? []).filter((each) => each.image || each.audio);

export function Shown({ media }) {
  return html`<div class="shown">${media.map((each, at) => html`<${One} key=${at} part=${each} />`)}</div>`;
}

function One({ part }) {
  const url = useSignal("");
  const failed = useSignal(false);
  const { data, file_id: file, url: address } = part.image ?? part.audio;
  useEffect(() => {
    let made = "";
    let gone = false;
    const show = (content) => {
      if (!gone) url.value = made = URL.createObjectURL(content);
    };
    const fail = () => (failed.value = true);
    if (data) show(fromBase64(data, ""));
    else if (file) blob(`${path("files", file)}/content`).then(show, fail);
    else fail();
    return () => {
      gone = true;
      URL.revokeObjectURL(made);
    };
  }, []);
  // What lies elsewhere is named, not fetched: the page asks nothing of other servers.
  if (failed.value) return html`<span class="fine">${address ?? t("attach.gone")}</span>`;
  if (!url.value) return null;
  return part.image
    ? html`<img src=${url.value} alt=${t("attach.picture")} onError=${() => (failed.value = true)} />`
    : html`<audio controls src=${url.value} aria-label=${t("attach.sound")}></audio>`;
}
