// The files of a message that is being written, each with what it looks like.
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Icon } from "../parts/icons.js";

export function Attachments({ files, onDrop }) {
  return html`<ul class="attachments" aria-label=${t("attach.files")}>
    ${files.map((each) => html`<li key=${each.url}>
      ${each.kind === "image" ? html`<img src=${each.url} alt="" />` : html`<${Icon} name="speech" />`}
      <span class="attachment-name">${each.file.name}</span>
      <button type="button" class="button bare" aria-label=${t("attach.remove", { name: each.file.name })} onClick=${() => onDrop(each)}><${Icon} name="close" /></button>
    </li>`)}
  </ul>`;
}
