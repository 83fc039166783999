// One project: its members, its datasets and its runs.
import { html, useSignal } from "../lib/html.js";
import { get, patch, path, remove } from "../lib/api.js";
import { named, t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { go, href } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Confirm } from "../parts/dialog.js";
import { Menu } from "../parts/menu.js";
import { Frame, Read, Section } from "../parts/page.js";
import { Tag } from "../parts/showing.js";
import { Runs } from "../training/runs.js";
import { Datasets } from "./datasets.js";
import { ProjectDialog } from "./dialog.js";
import { Members } from "./members.js";

export function Project({ id }) {
  const asked = useSignal("");
  const at = path("projects", id);
  const project = useRead((signal) => get(at, {}, { signal }), [id]);
  const datasets = useSignal(0); // rises when there is another
  const now = project.value.value;
  const save = async (what) => (project.value.value = await patch(at, what));
  const close = () => (asked.value = "");
  const erase = async () => {
    await remove(at);
    go("projects");
  };
  const archived = now?.status === "ARCHIVED";
  return html`<${Frame} title=${now?.name ?? t("page.projects")} actions=${now && html`<${Menu} label=${t("projects.menu")} items=${[
    [t("rename"), () => (asked.value = "edit")],
    [t(archived ? "projects.take.up" : "projects.archive"), () => save({ status: archived ? "ACTIVE" : "ARCHIVED" })],
    [t("delete"), () => (asked.value = "delete"), "danger"],
  ]} />`}>
    <p><a href=${href("projects")}>‹ ${t("projects.all")}</a></p>
    <${Read} of=${project}>${(of) => html`
      <div class="row"><${Tag}>${named("project", of.status)}<//><span>${of.description}</span></div>
      <${Members} project=${of} onChange=${(changed) => (project.value.value = changed)} />
      <${Datasets} project=${id} onMade=${() => (datasets.value += 1)} />
      <${Section} title=${t("training.runs")}><${Runs} project=${id} datasets=${datasets.value} canBegin=${!archived} /><//>`}<//>
    ${asked.value === "edit" && html`<${ProjectDialog} title=${t("rename")} of=${now} onSave=${save} onClose=${close} />`}
    ${asked.value === "delete" && html`<${Confirm} title=${t("projects.delete")} text=${t("projects.delete.sure", { name: now.name })} action=${t("delete")} onYes=${erase} onClose=${close} />`}
  <//>`;
}
