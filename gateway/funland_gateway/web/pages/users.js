// Who may call: users, what they may do, and each one's keys.
import { html, signal, useMemo, useSignal } from "../lib/html.js";
import { get, patch, path, post, remove } from "../lib/api.js";
import { accounts, me } from "../lib/auth.js";
import { time } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { href } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Confirm, Dialog } from "../parts/dialog.js";
import { SelectField, TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Menu } from "../parts/menu.js";
import { tell } from "../lib/notices.js";
import { Frame, Read } from "../parts/page.js";
import { Empty, Tag } from "../parts/showing.js";
import { UserKeys } from "../users/user.js";

const ROLES = ["MEMBER", "VIEWER", "ADMIN"];
const roles = () => ROLES.map((each) => [each, named("role", each)]);

export function Page({ rest: [id = ""] }) {
  return id ? html`<${UserKeys} key=${id} id=${id} />` : html`<${Users} />`;
}

function Users() {
  const asked = useSignal(null); // {what, user}
  const users = useRead((signal) => get("/users", { page_size: 1000 }, { signal }));
  const close = () => (asked.value = null);
  const ask = (what, user) => () => (asked.value = { what, user });
  const change = async (user, what) => {
    await patch(path("users", user.user_id), what);
    await users.again();
  };
  const erase = async () => {
    await remove(path("users", asked.value.user.user_id));
    await users.again();
  };
  const { what, user } = asked.value ?? {};
  return html`<${Frame} title=${t("page.users")} actions=${html`<${Button} icon="plus" kind="primary" onPress=${ask("new")}>${t("users.new")}<//>`}>
    ${!accounts.value && html`<p class="muted">${t("users.off")}</p>`}
    <${Read} of=${users}>${({ users: all }) =>
      all.length === 0
        ? html`<${Empty} title=${t("users.none")} />`
        : html`<div class="table-box"><table class="table">
            <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("users.role")}</th><th scope="col">${t("state")}</th><th scope="col" class="wide-only">${t("users.login")}</th><th><span class="sr">${t("actions")}</span></th></tr></thead>
            <tbody>${all.map((each) => html`<${Row} key=${each.user_id} user=${each} onAsk=${ask} onChange=${change} />`)}</tbody>
          </table></div>`}<//>
    ${what === "new" && html`<${NewUser} onMade=${users.again} onClose=${close} />`}
    ${what === "password" && html`<${NewPassword} user=${user} onClose=${close} />`}
    ${what === "role" && html`<${NewRole} user=${user} onChange=${change} onClose=${close} />`}
    ${what === "delete" && html`<${Confirm} title=${t("users.delete")} text=${t("users.delete.sure", { name: user.username })} action=${t("delete")} onYes=${erase} onClose=${close} />`}
  <//>`;
}

function Row({ user, onAsk, onChange }) {
  const mine = me.value?.user?.user_id === user.user_id;
  return html`<tr>
    <td class="name"><a href=${href("users", user.user_id)}>${user.username}</a>${mine && html` <${Tag}>${t("users.you")}<//>`}<div class="fine">${user.email}</div></td>
    <td>${named("role", user.role)}</td>
    <td><${Tag} tone=${user.is_active ? "good" : "bad"}>${t(user.is_active ? "users.active" : "users.disabled")}<//></td>
    <td class="nowrap wide-only">${user.login_time ? time(user.login_time) : t("users.never")}</td>
    <td><div class="actions"><${Menu} label=${t("users.menu", { name: user.username })} items=${[
      [t("users.role.change"), onAsk("role", user)],
      [t("users.password"), onAsk("password", user)],
      [t(user.is_active ? "users.disable" : "users.enable"), () => onChange(user, { is_active: !user.is_active })],
      [t("delete"), onAsk("delete", user), "danger"],
    ]} /></div></td>
  </tr>`;
}

function NewUser({ onMade, onClose }) {
  const asked = useMemo(() => ({ username: signal(""), password: signal(""), email: signal(""), role: signal("MEMBER") }), []);
  const make = async () => {
    await post("/users", Object.fromEntries(Object.entries(asked).map(([name, each]) => [name, each.value])));
    onClose();
    await onMade();
  };
  return html`<${Dialog} title=${t("users.new")} onClose=${onClose}><${Form} class="stack" onSend=${make}>
    <${TextField} label=${t("users.name")} value=${asked.username} autocomplete="off" maxlength="64" required autofocus />
    <${TextField} label=${t("login.password")} hint=${t("password.hint")} value=${asked.password} type="password" autocomplete="new-password" minlength="10" required />
    <div class="columns"><${TextField} label=${t("users.email")} value=${asked.email} type="email" /><${SelectField} label=${t("users.role")} value=${asked.role} options=${roles()} /></div>
    <p class="hint">${t("users.roles")}</p>
    <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} type="submit" kind="primary" disabled=${!asked.username.value}>${t("users.make")}<//></footer>
  <//><//>`;
}

function NewPassword({ user, onClose }) {
  const password = useSignal("");
  const save = async () => {
    await patch(path("users", user.user_id), { password: password.value });
    onClose();
    tell(t("password.changed"));
  };
  return html`<${Dialog} title=${t("users.password")} onClose=${onClose}><${Form} class="stack" onSend=${save}>
    <${TextField} label=${t("users.password.of", { name: user.username })} hint=${t("password.hint")} value=${password} type="password" autocomplete="new-password" minlength="10" required autofocus />
    <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} type="submit" kind="primary">${t("save")}<//></footer>
  <//><//>`;
}

function NewRole({ user, onChange, onClose }) {
  const role = useSignal(user.role);
  const save = async () => {
    await onChange(user, { role: role.value });
    onClose();
  };
  return html`<${Dialog} title=${t("users.role.change")} onClose=${onClose}><${Form} class="stack" onSend=${save}>
    <${SelectField} label=${t("users.role.of", { name: user.username })} hint=${t("users.roles")} value=${role} options=${roles()} />
    <footer><${Button} onPress=${onClose}>${t("cancel")}<//><${Button} type="submit" kind="primary">${t("save")}<//></footer>
  <//><//>`;
}
