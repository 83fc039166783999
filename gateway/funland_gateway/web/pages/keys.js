// Access keys, the caller's password, and how programs call this server.
import { html, useSignal } from "../lib/html.js";
import { forget, loginNeeded, me } from "../lib/auth.js";
import { get, post } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { chatModels } from "../lib/models.js";
import { Button, CopyButton } from "../parts/button.js";
import { TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Frame, Read, Section } from "../parts/page.js";
import { Keys } from "../keys/keys.js";
import { LANGUAGES, snippet } from "../keys/snippets.js";

export function Page() {
  const secret = useSignal("");
  const health = useRead((signal) => get("/health", {}, { signal }));
  return html`<${Frame} title=${t("page.keys")}>
    <${Read} of=${health}>${({ identity_required: needed }) => html`
      ${needed ? html`<${Keys} secret=${secret} /><${Password} />` : html`<p class="muted">${t("keys.not.needed")}</p>`}
      <${Snippets} secret=${secret.value} needed=${needed} />`}<//>
  <//>`;
}

function Password() {
  const old = useSignal("");
  const fresh = useSignal("");
  if (!me.value?.user || me.value.key) return null; // who shows a key has no password to change
  const change = async () => {
    await post("/auth/me:changePassword", { old_password: old.value, new_password: fresh.value });
    forget(); // all logins have ended
    loginNeeded.value = true;
  };
  return html`<${Section} title=${t("password.title")}><${Form} class="card" onSend=${change}>
    <div class="columns">
      <${TextField} label=${t("password.old")} value=${old} type="password" autocomplete="current-password" required />
      <${TextField} label=${t("password.new")} hint=${t("password.hint")} value=${fresh} type="password" autocomplete="new-password" minlength="10" required />
    </div>
    <div class="row"><${Button} type="submit">${t("password.change")}<//><span class="hint">${t("password.ends")}</span></div>
  <//><//>`;
}

function Snippets({ secret, needed }) {
  const chosen = useSignal("curl");
  const text = snippet(chosen.value, { origin: location.origin, model: chatModels.value[0]?.model_id ?? "funland-tiny", key: needed ? secret || "$FUNLAND_KEY" : "" });
  return html`<${Section} title=${t("keys.snippets")}>
    <div class="segments" role="group" aria-label=${t("keys.snippets")}>${Object.entries(LANGUAGES).map(([each, label]) => html`<button key=${each} type="button" aria-pressed=${String(chosen.value === each)} onClick=${() => (chosen.value = each)}>${label}</button>`)}</div>
    <div class="snippet"><pre tabindex="0">${text}</pre><${CopyButton} text=${text} /></div>
    <p class="fine">${t("keys.more")} <a href="/docs">/docs</a></p>
  <//>`;
}
