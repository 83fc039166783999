// One user, and their keys.
import { html, useSignal } from "../lib/html.js";
import { get, path } from "../lib/api.js";
import { time } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { href } from "../lib/router.js";
import { Keys } from "../keys/keys.js";
import { Frame, Read } from "../parts/page.js";
import { Facts } from "../parts/showing.js";

export function UserKeys({ id }) {
  const secret = useSignal("");
  const user = useRead((signal) => get(path("users", id), {}, { signal }), [id]);
  return html`<${Frame} title=${user.value.value?.username ?? t("page.users")}>
    <p><a href=${href("users")}>‹ ${t("users.all")}</a></p>
    <${Read} of=${user}>${(of) => html`<${Facts} of=${[
      [t("users.role"), named("role", of.role)], [t("state"), t(of.is_active ? "users.active" : "users.disabled")], [t("users.email"), of.email],
      [t("users.made"), time(of.create_time)], [t("users.login"), of.login_time ? time(of.login_time) : t("users.never")],
    ]} /><${Keys} secret=${secret} user=${id} />`}<//>
  <//>`;
}
