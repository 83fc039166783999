// Asks who somebody is, where the server has accounts.
import { html, useSignal } from "../lib/html.js";
import { useLogin } from "../lib/auth.js";
import { post } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { TextField } from "./fields.js";
import { Problem } from "./notices.js";

export function Login() {
  const name = useSignal("");
  const password = useSignal("");
  const key = useSignal("");
  const byKey = useSignal(false);
  const problem = useSignal(null);
  const busy = useSignal(false);
  const enter = async (event) => {
    event.preventDefault();
    busy.value = true;
    try {
      if (byKey.value) useLogin({ access_token: key.value.trim() }, t("login.key"));
      else useLogin(await post("/auth/token", { password: { username: name.value, password: password.value } }), name.value);
    } catch (failed) {
      problem.value = failed;
    } finally {
      busy.value = false;
    }
  };
  return html`<main class="login">
    <form class="card" onSubmit=${enter}>
      <h1>Funland</h1>
      <p class="muted">${t("login.why")}</p>
      ${byKey.value
        ? html`<${TextField} key="key" label=${t("login.key")} value=${key} type="password" autocomplete="off" required />`
        : html`<${TextField} key="name" label=${t("login.name")} value=${name} autocomplete="username" required autofocus />
            <${TextField} key="password" label=${t("login.password")} value=${password} type="password" autocomplete="current-password" required />`}
      ${problem.value && html`<div role="alert"><${Problem} problem=${problem.value} /></div>`}
      <footer>
        <button type="button" class="button plain" onClick=${() => (byKey.value = !byKey.value)}>${t(byKey.value ? "login.by.password" : "login.by.key")}</button>
        <button type="submit" class="button primary" disabled=${busy.value}>${t("login")}</button>
      </footer>
    </form>
  </main>`;
}
