// How the server is, what it writes, and what was done with it.
import { html, useSignal } from "../lib/html.js";
import { get } from "../lib/api.js";
import { bytes, number, span, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead } from "../lib/loading.js";
import { Button } from "../parts/button.js";
import { CheckField } from "../parts/fields.js";
import { Frame, Read, Section } from "../parts/page.js";
import { Empty, Facts, State } from "../parts/showing.js";
import { LogLines } from "../logs/lines.js";

export function Page() {
  const status = useRead((signal) => get("/status", {}, { signal }));
  const report = useRead((signal) => get("/health/report", {}, { signal }));
  const again = () => Promise.all([status.again(), report.again()]);
  return html`<${Frame} title=${t("page.logs")} actions=${html`<${Button} icon="again" label=${t("logs.again")} onPress=${again} />`}>
    <${Section} title=${t("logs.server")}>
      <${Read} of=${status}>${(of) => html`<${Facts} of=${[
        [t("logs.version"), of.version], [t("logs.uptime"), span(of.uptime)], [t("logs.calls"), number(of.active_calls)],
        [t("logs.memory"), bytes(of.server_memory_bytes)], [t("logs.generations"), of.performance && number(of.performance.generations)],
        [t("logs.rate"), of.performance?.tokens_per_second && t("tokens.rate", { n: number(of.performance.tokens_per_second) })],
      ]} />`}<//>
      <${Read} of=${report}>${({ parts }) => html`<div class="table-box"><table class="table"><caption class="sr">${t("logs.health")}</caption>
        <tbody>${parts.map((each) => html`<tr key=${each.name}><th scope="row">${each.name}</th><td><${State} value=${each.state} /></td><td class="grow">${each.message}</td></tr>`)}</tbody></table></div>`}<//>
    <//>
    <${LogLines} />
    <${Audit} />
  <//>`;
}

function Audit() {
  const failed = useSignal(false);
  const events = useRead((signal) => get("/audit", { page_size: 50, failed_only: failed.value }, { signal }), [failed.value]);
  return html`<${Section} title=${t("logs.audit")} actions=${html`<${CheckField} label=${t("logs.failed")} value=${failed} />`}>
    <${Read} of=${events}>${({ events: all }) =>
      all.length === 0
        ? html`<${Empty} title=${t("logs.audit.none")}><p>${t("logs.audit.hint")}</p><//>`
        : html`<div class="table-box"><table class="table">
            <thead><tr><th scope="col">${t("time")}</th><th scope="col">${t("logs.call")}</th><th scope="col">${t("logs.end")}</th><th scope="col">${t("logs.about")}</th><th scope="col">${t("logs.who")}</th></tr></thead>
            <tbody>${all.map((each) => html`<tr key=${each.event_id}><td class="nowrap">${time(each.time)}</td><td>${each.rpc}</td><td>${each.code}${each.reason && html` <code>${each.reason}</code>`}</td><td>${each.subject}</td><td>${each.user_id || each.address}</td></tr>`)}</tbody>
          </table></div>`}<//>
  <//>`;
}
