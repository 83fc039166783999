// Runs beside each other: their curves in one picture, what came of them, and in which settings they differ.
import { html, useEffect } from "../lib/html.js";
import { get, path } from "../lib/api.js";
import { number } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { href } from "../lib/router.js";
import { Chart } from "../parts/chart.js";
import { Frame, Read } from "../parts/page.js";
import { State } from "../parts/showing.js";
import { differences, distinctNames, MOST } from "./comparing.js";

const POINTS = 400; // of a curve
const AGAIN_MS = 3000; // while one still goes
const SETTINGS = { model_id: "model", dataset_id: "training.dataset", template_id: "training.template" };
const setting = (name) => (SETTINGS[name] ? t(SETTINGS[name]) : named("hyper", name));

export function Compare({ ids }) {
  const asked = ids.slice(0, MOST);
  const read = useRead(
    async (signal) => {
      const [{ curves }, ...runs] = await Promise.all([
        get("/training/metrics", { run_ids: asked, points: POINTS }, { signal }),
        ...asked.map((each) => get(path("training", each), {}, { signal })),
      ]);
      return { curves, runs };
    },
    [asked.join()],
  );
  const goes = read.value.value?.runs.some((each) => ["PENDING", "RUNNING"].includes(each.state));
  useEffect(() => {
    if (!goes) return undefined;
    const timer = setInterval(() => document.hidden || read.again(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [goes, read]);
  return html`<${Frame} title=${t("training.compare.title")}>
    <p><a href=${href("training")}>‹ ${t("training.all")}</a></p>
    <${Read} of=${read}>${(found) => html`<${Curves} of=${found} /><${Table} runs=${found.runs} />`}<//>
  <//>`;
}

function Curves({ of: { curves, runs } }) {
  const names = distinctNames(runs);
  const series = (field) => curves.map(({ steps = [] }, at) => ({
    name: names[at],
    points: steps.filter((each) => Number.isFinite(each[field])).map((each) => [Number(each.step), each[field]]),
  }));
  const evaluations = series("evaluation_loss");
  return html`
    <section class="card"><h2>${t("training.loss")}</h2><${Chart} label=${t("training.loss")} height=${300} series=${series("loss")} /></section>
    ${evaluations.some((each) => each.points.length) && html`<section class="card"><h2>${t("training.evaluation")}</h2>
      <${Chart} label=${t("training.evaluation")} height=${220} series=${evaluations.map((each) => ({ ...each, dots: each.points.length < 60 }))} /></section>`}`;
}

function Table({ runs }) {
  const names = distinctNames(runs);
  const loss = (value) => number(value, 3);
  const rows = [
    [t("state"), runs.map((each) => html`<${State} value=${each.state} />`)],
    [t("training.total.steps"), runs.map((each) => `${number(each.step ?? 0)} / ${number(each.total_steps)}`)],
    [t("training.first.loss"), runs.map((each) => loss(each.initial_loss))],
    [t("training.last.loss"), runs.map((each) => loss(each.last?.loss))],
    [t("training.best.loss"), runs.map((each) => loss(each.best_loss))],
    [t("training.best.evaluation"), runs.map((each) => loss(each.best_evaluation_loss))],
    [t("training.speed"), runs.map((each) => (each.last ? t("tokens.rate", { n: number(each.last.tokens_per_second) }) : "–"))],
    ...differences(runs).map(({ name, values }) => [setting(name), values.map((each) => String(each ?? "–"))]),
  ];
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${t("training.compare.title")}><table class="table">
    <thead><tr><th><span class="sr">${t("name")}</span></th>${runs.map((each, at) => html`<th scope="col" key=${each.run_id}><span class="legend line-${at}"><a href=${href("training", each.run_id)}>${names[at]}</a></span></th>`)}</tr></thead>
    <tbody>${rows.map(([name, values]) => html`<tr key=${name}><th scope="row">${name}</th>${values.map((each) => html`<td class="nums">${each}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}
