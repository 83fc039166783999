// Who works on a project, and what they may do there.
import { html, useSignal } from "../lib/html.js";
import { path, put, remove } from "../lib/api.js";
import { named, t } from "../lib/i18n.js";
import { Button } from "../parts/button.js";
import { SelectField, TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Section } from "../parts/page.js";

const ROLES = ["READER", "EDITOR", "OWNER"];

export function Members({ project, onChange }) {
  const name = useSignal("");
  const role = useSignal("EDITOR");
  const member = (username) => path("projects", project.project_id, "members", username);
  const add = async () => {
    onChange(await put(member(name.value.trim()), { role: role.value }));
    name.value = "";
  };
  const members = project.members ?? [];
  return html`<${Section} title=${t("projects.members")}>
    ${members.length === 0 && html`<p class="muted">${t("projects.members.none")}</p>`}
    ${members.length > 0 && html`<div class="table-box"><table class="table">
      <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("users.role")}</th><th><span class="sr">${t("actions")}</span></th></tr></thead>
      <tbody>${members.map((each) => html`<tr key=${each.user_id}>
        <td class="name">${each.username}</td><td>${named("member", each.role)}</td>
        <td><div class="actions"><${Button} icon="trash" label=${t("projects.remove", { name: each.username })} onPress=${async () => onChange(await remove(member(each.username)))} /></div></td>
      </tr>`)}</tbody>
    </table></div>`}
    <${Form} class="inline" onSend=${add}>
      <${TextField} label=${t("users.name")} value=${name} autocomplete="off" maxlength="64" required />
      <${SelectField} label=${t("users.role")} value=${role} options=${ROLES.map((each) => [each, named("member", each)])} />
      <${Button} type="submit" disabled=${!name.value.trim()}>${t("projects.add")}<//>
    <//>
  <//>`;
}
