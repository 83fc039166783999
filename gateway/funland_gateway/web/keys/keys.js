// Access keys: which there are, how one is made and revoked.
import { html, useSignal } from "../lib/html.js";
import { get, path, post } from "../lib/api.js";
import { number, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { Button, CopyButton } from "../parts/button.js";
import { Confirm, Dialog } from "../parts/dialog.js";
import { CheckField, NumberField, numberOf, TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Read, Section } from "../parts/page.js";
import { Empty, Tag } from "../parts/showing.js";

const SCOPES = ["read", "infer", "manage", "admin"];
const DAY_MS = 86_400_000;

/** The keys of a user by id, or with none the caller's, of which an admin has all. `secret` is a signal that shows a new one. */
export function Keys({ secret, user = "" }) {
  const asked = useSignal(false);
  const ending = useSignal(null);
  const keys = useRead((signal) => get("/keys", { page_size: 200, user_id: user }, { signal }));
  const revoke = async () => {
    await post(`${path("keys", ending.value.key_id)}:revoke`);
    ending.value = null;
    await keys.again();
  };
  return html`<${Section} title=${t("keys.title")} actions=${html`<${Button} icon="plus" kind="primary" onPress=${() => (asked.value = true)}>${t("keys.new")}<//>`}>
    ${secret.value && html`<div class="card"><p><strong>${t("keys.once")}</strong></p><div class="snippet"><pre tabindex="0">${secret.value}</pre><${CopyButton} text=${secret.value} /></div></div>`}
    <${Read} of=${keys}>${({ keys: all }) =>
      all.length === 0
        ? html`<${Empty} title=${t("keys.none")}><p>${t("keys.none.hint")}</p><//>`
        : html`<div class="table-box"><table class="table">
            <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("keys.scopes")}</th><th scope="col">${t("keys.used")}</th><th scope="col">${t("keys.ends")}</th><th scope="col" class="num">${t("keys.tokens")}</th><th><span class="sr">${t("actions")}</span></th></tr></thead>
            <tbody>${all.map((each) => html`<tr key=${each.key_id}>
              <td class="name">${each.name}<div class="fine"><code>${each.key_id}</code></div></td>
              <td><div class="row">${each.scopes.map((scope) => html`<${Tag} key=${scope}>${scope}<//>`)}</div></td>
              <td class="nowrap">${time(each.use_time)}</td><td class="nowrap">${each.expire_time ? time(each.expire_time) : t("keys.never")}</td>
              <td class="num">${number(each.usage?.tokens_in_day ?? 0)}</td>
              <td><div class="actions"><${Button} kind="danger" onPress=${() => (ending.value = each)}>${t("keys.revoke")}<//></div></td>
            </tr>`)}</tbody>
          </table></div>`}<//>
    ${asked.value && html`<${NewKey} user=${user} onClose=${() => (asked.value = false)} onMade=${(key) => { secret.value = key.secret; keys.again(); }} />`}
    ${ending.value && html`<${Confirm} title=${t("keys.revoke")} text=${t("keys.revoke.sure", { name: ending.value.name })} action=${t("keys.revoke")} onYes=${revoke} onClose=${() => (ending.value = null)} />`}
  <//>`;
}

function NewKey({ user, onMade, onClose }) {
  const name = useSignal("");
  const scopes = Object.fromEntries(SCOPES.map((each) => [each, useSignal(each === "infer" || each === "read")]));
  const days = useSignal("");
  const minute = useSignal("");
  const make = async () => {
    const expires = numberOf(days.value);
    const key = await post("/keys", {
      name: name.value,
      user_id: user,
      scopes: SCOPES.filter((each) => scopes[each].value),
      ...(expires && { expire_time: new Date(Date.now() + expires * DAY_MS).toISOString() }),
      ...(numberOf(minute.value) && { limits: { requests_per_minute: numberOf(minute.value) } }),
    });
    onMade(key);
    onClose();
  };
  return html`<${Dialog} title=${t("keys.new")} onClose=${onClose}><${Form} class="stack" onSend=${make}>
    <${TextField} label=${t("name")} value=${name} required autofocus />
    <fieldset class="row"><legend>${t("keys.scopes")}</legend>${SCOPES.map((each) => html`<${CheckField} key=${each} label=${each} value=${scopes[each]} />`)}</fieldset>
    <div class="columns"><${NumberField} label=${t("keys.days")} hint=${t("keys.days.hint")} value=${days} min="1" step="1" /><${NumberField} label=${t("keys.minute")} hint=${t("keys.minute.hint")} value=${minute} min="1" step="1" /></div>
    <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} type="submit" kind="primary" disabled=${!name.value.trim()}>${t("keys.make")}<//></footer>
  <//><//>`;
}
