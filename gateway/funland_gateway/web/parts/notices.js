// What went wrong or was done, told in a corner until it is read.
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { drop, notices } from "../lib/notices.js";
import { asText, LostError } from "../lib/problems.js";
import { CopyButton } from "./button.js";
import { Icon } from "./icons.js";

export function Notices() {
  return html`<div class="notices" role="region" aria-label=${t("notices")}>
    ${notices.value.map(
      ({ id, text, problem }) => html`<div key=${id} class="notice ${problem ? "bad" : ""}" role=${problem ? "alert" : "status"}>
        <div class="grow">${problem ? html`<${Problem} problem=${problem} />` : text}</div>
        <button type="button" class="button bare" aria-label=${t("close")} onClick=${() => drop(id)}><${Icon} name="close" /></button>
      </div>`,
    )}
  </div>`;
}

/** A problem with what helps to solve it: the reason, the fields, the request's id. */
export function Problem({ problem }) {
  if (problem instanceof LostError) return html`<p class="problem">${t("lost.short")}</p>`;
  return html`<div class="problem">
    <p>${problem.message}</p>
    ${problem.violations?.length > 0 &&
    html`<ul>${problem.violations.map((each) => html`<li><code>${each.field}</code> ${each.description}</li>`)}</ul>`}
    <p class="fine">
      ${problem.reason && html`<code>${problem.reason}</code>`}
      ${problem.requestId && html` <span>${t("problem.request")} <code>${problem.requestId}</code></span>`}
      <${CopyButton} text=${() => asText(problem)} label=${t("problem.copy")} />
    </p>
  </div>`;
}
