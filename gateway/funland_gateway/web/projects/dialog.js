// What a project is called and about.
import { html, useSignal } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";

export function ProjectDialog({ title, of, onSave, onClose }) {
  const name = useSignal(of.name ?? "");
  const description = useSignal(of.description ?? "");
  const save = async () => {
    await onSave({ name: name.value, description: description.value });
    onClose();
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><${Form} class="stack" onSend=${save}>
    <${TextField} label=${t("name")} value=${name} maxlength="200" required autofocus />
    <${TextField} label=${t("projects.about")} value=${description} area rows="3" maxlength="4000" />
    <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} type="submit" kind="primary" disabled=${!name.value.trim()}>${t("save")}<//></footer>
  <//><//>`;
}
