// Projects: who works on what, with which datasets and runs.
import { html, useSignal } from "../lib/html.js";
import { get, post } from "../lib/api.js";
import { number, time } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { go, href } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Frame, Read } from "../parts/page.js";
import { Empty, Tag } from "../parts/showing.js";
import { ProjectDialog } from "../projects/dialog.js";
import { Project } from "../projects/project.js";

export function Page({ rest: [id = ""] }) {
  return id ? html`<${Project} key=${id} id=${id} />` : html`<${Projects} />`;
}

function Projects() {
  const asked = useSignal(false);
  const projects = useRead((signal) => get("/projects", { page_size: 1000 }, { signal }));
  const make = async (what) => go("projects", (await post("/projects", what)).project_id);
  return html`<${Frame} title=${t("page.projects")} actions=${html`<${Button} icon="plus" kind="primary" onPress=${() => (asked.value = true)}>${t("projects.new")}<//>`}>
    <${Read} of=${projects}>${({ projects: all }) =>
      all.length === 0
        ? html`<${Empty} title=${t("projects.none")}><p>${t("projects.none.hint")}</p><//>`
        : html`<div class="table-box"><table class="table">
            <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("state")}</th><th scope="col" class="num wide-only">${t("projects.members")}</th><th scope="col" class="wide-only">${t("projects.changed")}</th></tr></thead>
            <tbody>${all.map((each) => html`<tr key=${each.project_id}>
              <td class="name"><a href=${href("projects", each.project_id)}>${each.name}</a><div class="fine">${each.description}</div></td>
              <td><${Tag}>${named("project", each.status)}<//></td>
              <td class="num wide-only">${number(each.members?.length ?? 0)}</td><td class="nowrap wide-only">${time(each.update_time)}</td>
            </tr>`)}</tbody>
          </table></div>`}<//>
    ${asked.value && html`<${ProjectDialog} title=${t("projects.new")} of=${{}} onSave=${make} onClose=${() => (asked.value = false)} />`}
  <//>`;
}
