// A list of runs, of which some can be compared.
import { html, useSignal } from "../lib/html.js";
import { get } from "../lib/api.js";
import { number, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { go, href } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Read } from "../parts/page.js";
import { Empty, Progress, State } from "../parts/showing.js";
import { MOST } from "./comparing.js";
import { NewRun } from "./new_run.js";

/** `project` is the id of the one whose runs they are; none: all. They are read again when `datasets` changes. */
export function Runs({ project = "", datasets = 0, canBegin = true }) {
  const asked = useSignal(false);
  const chosen = useSignal([]);
  const runs = useRead((signal) => get("/training", { page_size: 100, project_id: project }, { signal }), [project, datasets]);
  const choose = (id, on) => {
    const others = chosen.value.filter((each) => each !== id);
    chosen.value = on ? [...others, id].slice(-MOST) : others;
  };
  return html`
    <div class="row">${canBegin && html`<${Button} icon="plus" kind="primary" onPress=${() => (asked.value = true)}>${t("training.new")}<//>`}
      <${Button} disabled=${chosen.value.length < 2} onPress=${() => go("training", "compare", ...chosen.value)}>${t("training.compare")}<//>
      <span class="hint">${t("training.compare.hint", { n: MOST })}</span></div>
    <${Read} of=${runs}>${({ runs: all }) =>
      all.length === 0
        ? html`<${Empty} title=${t("training.none")}><p>${t("training.none.hint")}</p><//>`
        : html`<div class="table-box"><table class="table">
            <thead><tr><th><span class="sr">${t("training.compare")}</span></th><th scope="col">${t("training.run")}</th><th scope="col">${t("state")}</th><th scope="col" class="wide-only">${t("model")}</th><th scope="col" class="num">${t("training.loss")}</th><th scope="col" class="wide-only">${t("tasks.made")}</th></tr></thead>
            <tbody>${all.map((each) => html`<${Row} key=${each.run_id} run=${each} isChosen=${chosen.value.includes(each.run_id)} onChoose=${choose} />`)}</tbody>
          </table></div>`}<//>
    ${asked.value && html`<${NewRun} project=${project} onClose=${() => (asked.value = false)} />`}`;
}

function Row({ run, isChosen, onChoose }) {
  return html`<tr>
    <td><input type="checkbox" checked=${isChosen} aria-label=${t("training.compare.one", { name: run.name })} onChange=${(event) => onChoose(run.run_id, event.target.checked)} /></td>
    <td class="name"><a href=${href("training", run.run_id)}>${run.name}</a></td>
    <td><${State} value=${run.state} />${run.state === "RUNNING" && html`<${Progress} value=${run.step / run.total_steps} label=${run.name} />`}</td>
    <td class="wide-only">${run.model_id}</td>
    <td class="num">${number(run.last?.loss, 3)}</td>
    <td class="nowrap wide-only">${time(run.create_time)}</td>
  </tr>`;
}
