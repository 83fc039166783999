// The datasets of a project.
import { html, useSignal } from "../lib/html.js";
import { get, path, remove } from "../lib/api.js";
import { number, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { Button } from "../parts/button.js";
import { Confirm } from "../parts/dialog.js";
import { Read, Section } from "../parts/page.js";
import { State } from "../parts/showing.js";
import { NewDataset } from "../training/new_dataset.js";

export function Datasets({ project, onMade }) {
  const ending = useSignal(null);
  const datasets = useRead((signal) => get("/datasets", { project_id: project, page_size: 1000 }, { signal }), [project]);
  const made = async () => {
    await datasets.again();
    onMade();
  };
  const erase = async () => {
    await remove(path("datasets", ending.value.dataset_id));
    await datasets.again();
  };
  return html`<${Section} title=${t("projects.datasets")}>
    <${Read} of=${datasets}>${({ datasets: all }) =>
      all.length === 0
        ? html`<p class="muted">${t("projects.datasets.none")}</p>`
        : html`<div class="table-box"><table class="table">
            <thead><tr><th scope="col">${t("name")}</th><th scope="col">${t("state")}</th><th scope="col" class="num">${t("projects.rows")}</th><th scope="col" class="wide-only">${t("projects.changed")}</th><th><span class="sr">${t("actions")}</span></th></tr></thead>
            <tbody>${all.map((each) => html`<tr key=${each.dataset_id}>
              <td class="name">${each.name}</td><td><${State} value=${each.status} /></td>
              <td class="num">${number(each.versions?.at(-1)?.row_count)}</td><td class="nowrap wide-only">${time(each.update_time)}</td>
              <td><div class="actions"><${Button} icon="trash" label=${t("projects.dataset.delete", { name: each.name })} onPress=${() => (ending.value = each)} /></div></td>
            </tr>`)}</tbody>
          </table></div>`}<//>
    <${NewDataset} project=${project} onMade=${made} />
    ${ending.value && html`<${Confirm} title=${t("projects.dataset.delete", { name: ending.value.name })} text=${t("projects.dataset.sure")} action=${t("delete")} onYes=${erase} onClose=${() => (ending.value = null)} />`}
  <//>`;
}
