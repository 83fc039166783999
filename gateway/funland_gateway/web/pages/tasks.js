// What the server does that nobody waits for.
import { html, useSignal } from "../lib/html.js";
import { get, path, post, remove } from "../lib/api.js";
import { number, span, time } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead, useWatch } from "../lib/loading.js";
import { ApiError } from "../lib/problems.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { SelectField } from "../parts/fields.js";
import { Problem } from "../parts/notices.js";
import { Frame, Read, Section } from "../parts/page.js";
import { Empty, Facts, Meter, Progress, State } from "../parts/showing.js";

const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const STATES = ["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"];
const PAGE = 100;

export function Page() {
  const wanted = useSignal("");
  const changed = useSignal(new Map()); // what came since the list was read; null: deleted
  const shown = useSignal("");
  const list = useRead(
    async (signal) => {
      const page = await get("/tasks", { page_size: PAGE, states: wanted.value }, { signal });
      changed.value = new Map();
      return page;
    },
    [wanted.value],
  );
  const lanes = useRead((signal) => get("/lanes", {}, { signal }), [changed.value]);
  useWatch("/tasks:watch", {
    onMessage(event) {
      const next = new Map(changed.value);
      if (event.task) next.set(event.task.task_id, event.task);
      if (event.deleted_task_id) next.set(event.deleted_task_id, null);
      changed.value = next;
    },
  });
  return html`<${Frame} title=${t("page.tasks")}>
    <${Section} title=${t("tasks.lanes")}>
      <${Read} of=${lanes}>${({ lanes: all }) => html`<div class="fills">${all.map((each) => html`<${Lane} key=${each.name} lane=${each} />`)}</div>`}<//>
    <//>
    <${Section} title=${t("tasks.list")} actions=${html`<div class="narrow"><${SelectField} label=${t("state")} value=${wanted} options=${[["", t("all")], ...STATES.map((each) => [each, named("state", each)])]} /></div>`}>
      <${Read} of=${list}>${(page) => html`<${List} tasks=${merged(page.tasks, changed.value, wanted.value)} onShow=${(id) => (shown.value = id)} />`}<//>
    <//>
    ${shown.value && html`<${Details} id=${shown.value} revision=${changed.value.get(shown.value)?.revision} onClose=${() => (shown.value = "")} />`}
  <//>`;
}

/** A list with what came since: the newest first. Pure. */
export function merged(tasks, changed, wanted) {
  const byId = new Map(tasks.map((each) => [each.task_id, each]));
  for (const [id, task] of changed) {
    if (task) byId.set(id, task);
    else byId.delete(id);
  }
  return [...byId.values()]
    .filter((each) => !wanted || each.state === wanted)
    .sort((a, b) => String(b.create_time).localeCompare(String(a.create_time)));
}

function Lane({ lane }) {
  const running = lane.running ?? 0;
  return html`<div class="fill"><span>${named("lane", lane.name)}</span><${Meter} value=${running / (lane.limit || 1)} label=${named("lane", lane.name)} />
    <span>${t("tasks.lane", { running: number(running), limit: number(lane.limit), waiting: number(lane.waiting ?? 0) })}</span></div>`;
}

function List({ tasks, onShow }) {
  if (tasks.length === 0) return html`<${Empty} title=${t("tasks.none")}><p>${t("tasks.none.hint")}</p><//>`;
  return html`<div class="table-box"><table class="table">
    <thead><tr><th scope="col">${t("tasks.kind")}</th><th scope="col">${t("state")}</th><th scope="col" class="wide-only">${t("model")}</th><th scope="col" class="wide-only">${t("tasks.made")}</th><th scope="col" class="num wide-only">${t("tasks.took")}</th><th><span class="sr">${t("actions")}</span></th></tr></thead>
    <tbody>${tasks.map((each) => html`<${Row} key=${each.task_id} task=${each} onShow=${onShow} />`)}</tbody>
  </table></div>`;
}

function Row({ task, onShow }) {
  const at = path("tasks", task.task_id);
  const part = task.progress_percent;
  return html`<tr>
    <td class="name">${named("task", task.kind)}<div class="fine"><code>${task.task_id}</code></div></td>
    <td><${State} value=${task.state} />${task.state === "PROCESSING" && html`<${Progress} value=${part === undefined || part === null ? undefined : part / 100} label=${named("task", task.kind)} />`}<div class="fine">${task.progress_text}</div></td>
    <td class="wide-only">${task.model || "–"}</td>
    <td class="nowrap wide-only">${time(task.create_time)}</td>
    <td class="num wide-only">${task.begin_time && task.end_time ? span((Date.parse(task.end_time) - Date.parse(task.begin_time)) / 1000) : "–"}</td>
    <td><div class="actions">
      <${Button} onPress=${() => onShow(task.task_id)}>${t("details")}<//>
      ${!ENDED.has(task.state) && html`<${Button} onPress=${() => post(`${at}:cancel`)}>${t("cancel")}<//>`}
      ${(task.state === "FAILED" || task.state === "CANCELLED") && html`<${Button} onPress=${() => post(`${at}:retry`)}>${t("retry")}<//>`}
      ${ENDED.has(task.state) && html`<${Button} icon="trash" label=${t("delete")} onPress=${() => remove(at)} />`}
    </div></td>
  </tr>`;
}

function Details({ id, revision, onClose }) {
  const task = useRead((signal) => get(path("tasks", id), {}, { signal }), [id, revision]);
  return html`<${Dialog} title=${t("tasks.one")} onClose=${onClose} wide><${Read} of=${task}>${(of) => html`<div class="stack">
    <${Facts} of=${[
      [t("tasks.kind"), named("task", of.kind)], [t("state"), html`<${State} value=${of.state} />`], [t("tasks.lane.name"), named("lane", of.lane)],
      [t("model"), of.model], [t("tasks.made"), time(of.create_time)], [t("tasks.begun"), of.begin_time && time(of.begin_time)], [t("tasks.ended"), of.end_time && time(of.end_time)],
      [t("tasks.position"), of.position === undefined || of.position === null ? undefined : number(of.position)], [t("tasks.attempts"), number(of.attempts ?? 0)], [t("tasks.forgotten"), of.expire_time && time(of.expire_time)],
    ]} />
    ${of.error?.message && html`<${Problem} problem=${new ApiError(of.error)} />`}
    ${of.work && html`<h3>${t("tasks.work")}</h3><pre class="json" tabindex="0">${JSON.stringify(tidy(of.work), null, 2)}</pre>`}
    ${of.result && html`<h3>${t("tasks.result")}</h3><pre class="json" tabindex="0">${JSON.stringify(tidy(of.result), null, 2)}</pre>`}
  </div>`}<//><//>`;
}

/** Without what is not set, which JSON of the API shows. */
function tidy(value) {
  if (Array.isArray(value)) return value.map(tidy);
  if (!value || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null && each !== "" && !(Array.isArray(each) && each.length === 0) && !String(each).endsWith("_UNSPECIFIED"));
  return Object.fromEntries(kept.map(([name, each]) => [name, tidy(each)]));
}
