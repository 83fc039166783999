// One run: its curve as it grows, and what can be done with it.
import { html, useSignal } from "../lib/html.js";
import { blob, path, post, remove } from "../lib/api.js";
import { bytes, number, span, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useWatch } from "../lib/loading.js";
import { ApiError } from "../lib/problems.js";
import { go, href } from "../lib/router.js";
import { saveAs } from "../lib/saving.js";
import { onFrame } from "../chat/frames.js";
import { Button } from "../parts/button.js";
import { Chart } from "../parts/chart.js";
import { Confirm } from "../parts/dialog.js";
import { Problem } from "../parts/notices.js";
import { Frame } from "../parts/page.js";
import { Facts, Loading, Progress, State } from "../parts/showing.js";

const POINTS = 600; // of a curve that are drawn

export function Run({ id }) {
  const run = useSignal(null);
  const steps = useSignal([]);
  const problem = useSignal(null);
  const sure = useSignal(false);
  const at = path("training", id);
  const coming = useSignal(null);
  coming.value ??= [];
  useWatch(`${at}:watch`, {
    begin: () => ({ after_step: last(steps.peek(), coming.peek()) }),
    onMessage(event) {
      if (event.run) run.value = event.run;
      if (event.step) {
        coming.peek().push(event.step);
        onFrame(take);
      }
    },
    onProblem: (failed) => (problem.value = failed),
  });
  const take = () => {
    steps.value = [...steps.peek(), ...coming.peek().splice(0)];
  };
  if (problem.value) return html`<${Frame} title=${t("page.training")}><${Problem} problem=${problem.value} /><//>`;
  if (!run.value) return html`<${Frame} title=${t("page.training")}><${Loading} /><//>`;
  const of = run.value;
  const does = (verb) => async () => (run.value = await post(`${at}:${verb}`));
  const rests = ["PAUSED", "FAILED", "CANCELLED"].includes(of.state);
  const goes = ["PENDING", "RUNNING"].includes(of.state);
  const shown = thinned(steps.value, POINTS);
  const evaluations = steps.value.filter((each) => each.evaluation_loss !== undefined && each.evaluation_loss !== null);
  return html`<${Frame} title=${of.name} actions=${html`
    ${goes && html`<${Button} icon="pause" onPress=${does("pause")}>${t("pause")}<//>`}
    ${rests && html`<${Button} icon="play" onPress=${does("resume")}>${t("resume")}<//>`}
    ${goes && html`<${Button} onPress=${does("cancel")}>${t("cancel")}<//>`}
    ${of.step > 0 && html`<${Button} icon="downloads" onPress=${async () => saveAs(await blob(`${at}:export`), `${of.adapter_id || of.result_model_id}.gguf`)}>${t("training.export")}<//>`}
    <${Button} icon="trash" label=${t("delete")} onPress=${() => (sure.value = true)} />`}>
    <p><a href=${href("training")}>‹ ${t("training.all")}</a></p>
    <div class="row"><${State} value=${of.state} /><span class="muted nums">${t("training.steps", { step: number(of.step ?? 0), all: number(of.total_steps) })}</span>${of.estimated_end_time && html`<span class="muted">${t("training.until", { time: time(of.estimated_end_time) })}</span>`}</div>
    ${goes && html`<${Progress} value=${of.total_steps ? of.step / of.total_steps : undefined} label=${of.name} />`}
    ${of.error?.message && html`<${Problem} problem=${new ApiError(of.error)} />`}
    <section class="card"><h2>${t("training.loss")}</h2>
      <${Chart} label=${t("training.loss")} height=${260} showY=${(value) => number(value, 2)} series=${[
        { name: t("training.loss"), points: shown.map((each) => [Number(each.step), each.loss]) },
        ...(evaluations.length ? [{ name: t("training.evaluation"), points: evaluations.map((each) => [Number(each.step), each.evaluation_loss]), dots: evaluations.length < 60 }] : []),
      ]} /></section>
    <section class="card"><h2>${t("training.rate")}</h2>
      <${Chart} label=${t("training.rate")} height=${120} showY=${(value) => value.toExponential(1)} series=${[{ name: t("training.rate"), points: shown.map((each) => [Number(each.step), each.learning_rate]) }]} /></section>
    <${Facts} of=${[
      [t("model"), of.model_id], [t("training.dataset"), `${of.dataset_id} v${of.dataset_version}`], [t("training.template"), of.template_id],
      [t("training.result"), of.adapter_id || of.result_model_id], [t("device"), `${of.backend} · ${of.device_id}`],
      [t("training.first.loss"), number(of.initial_loss, 3)], [t("training.last.loss"), number(of.last?.loss, 3)], [t("training.best.loss"), number(of.best_loss, 3)],
      [t("training.best.evaluation"), of.best_evaluation_loss !== undefined && of.best_evaluation_loss !== null ? number(of.best_evaluation_loss, 3) : undefined],
      [t("training.speed"), of.last && t("tokens.rate", { n: number(of.last.tokens_per_second) })], [t("memory"), bytes(of.measured_memory_bytes ?? of.estimate?.memory_bytes)],
      [t("tasks.took"), of.begin_time && of.end_time ? span((Date.parse(of.end_time) - Date.parse(of.begin_time)) / 1000) : undefined],
    ]} />
    ${sure.value && html`<${Confirm} title=${t("training.delete")} text=${t("training.delete.sure", { name: of.name })} action=${t("delete")} onClose=${() => (sure.value = false)} onYes=${async () => { await remove(at); go("training"); }} />`}
  <//>`;
}

const last = (...lists) => lists.flat().at(-1)?.step ?? 0;

/** At most so many of a list, evenly, the last among them. Pure. */
export function thinned(list, most) {
  if (list.length <= most) return list;
  const step = list.length / most;
  return Array.from({ length: most }, (_, at) => list[Math.min(list.length - 1, Math.ceil((at + 1) * step) - 1)]);
}
