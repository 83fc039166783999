// Training: runs with their curves, beside each other too, and how one is begun.
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { Frame } from "../parts/page.js";
import { Compare } from "../training/compare.js";
import { Run } from "../training/run.js";
import { Runs } from "../training/runs.js";

export function Page({ rest: [id = "", ...others] }) {
  if (id === "compare") return html`<${Compare} key=${others.join()} ids=${others} />`;
  return id ? html`<${Run} key=${id} id=${id} />` : html`<${Frame} title=${t("page.training")}><${Runs} /><//>`;
}
