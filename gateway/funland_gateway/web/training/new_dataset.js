// Makes a dataset of a file.
import { html, useSignal } from "../lib/html.js";
import { path, post, upload } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { ApiError } from "../lib/problems.js";
import { watch } from "../lib/watch.js";
import { Button } from "../parts/button.js";
import { Field } from "../parts/fields.js";
import { Form } from "../parts/form.js";

/** The file is sent, kept and read; then `onMade` gets the id. */
export function NewDataset({ project = "", onMade }) {
  const file = useSignal(null);
  const make = async () => {
    const kept = await upload("/files", { name: file.value.name, purpose: "fine-tune" }, file.value);
    const dataset = await post("/datasets", { name: file.value.name, project_id: project, source: { file_id: kept.file_id } });
    const read = await end(dataset.dataset_id);
    if (read.status === "FAILED") throw new ApiError(read.error ?? {});
    await onMade(dataset.dataset_id);
  };
  return html`<${Form} class="inline" onSend=${make}>
    <${Field} label=${t("training.dataset.new")} hint=${t("training.dataset.hint")}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="file" accept=".jsonl,.json,.csv,.parquet,.txt" onChange=${(event) => (file.value = event.target.files[0] ?? null)} />`}<//>
    <${Button} type="submit" disabled=${!file.value}>${t("training.dataset.add")}<//>
  <//>`;
}

/** The dataset once it was read. */
function end(id) {
  return new Promise((resolve, reject) => {
    const stop = watch(`${path("datasets", id)}:watch`, {
      onMessage({ dataset }) {
        if (!dataset || dataset.status === "PREPARING") return;
        stop();
        resolve(dataset);
      },
      onProblem: reject,
    });
  });
}
