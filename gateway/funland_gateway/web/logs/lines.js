// The lines that the server and its deployments write, as they come.
import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { get, path } from "../lib/api.js";
import { time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useRead, useWatch } from "../lib/loading.js";
import { onFrame } from "../chat/frames.js";
import { SelectField } from "../parts/fields.js";
import { Problem } from "../parts/notices.js";
import { Read, Section } from "../parts/page.js";

const MOST = 500;
const BEGIN = 200;

export function LogLines() {
  const chosen = useSignal("");
  const deployments = useRead((signal) => get("/deployments", { page_size: 100 }, { signal }));
  const from = chosen.value ? `${path("deployments", chosen.value)}/logs:watch` : "/logs:watch";
  return html`<${Section} title=${t("logs.lines")}><${Read} of=${deployments}>${({ deployments: all }) => html`
    ${all.length > 0 && html`<div class="narrow"><${SelectField} label=${t("logs.from")} value=${chosen} options=${[["", t("logs.server")], ...all.map((each) => [each.deployment_id, each.name || each.deployment_id])]} /></div>`}
    <${Lines} key=${from} from=${from} />`}<//><//>`;
}

function Lines({ from }) {
  const lines = useSignal([]);
  const problem = useSignal(null);
  const coming = useRef([]);
  const box = useRef(null);
  const following = useRef(true);
  const take = () => {
    lines.value = [...lines.peek(), ...coming.current.splice(0)].slice(-MOST);
  };
  useWatch(from, {
    begin: () => ({ after: lines.peek().at(-1)?.number ?? 0, lines: BEGIN }),
    onMessage(line) {
      coming.current.push(line);
      onFrame(take);
    },
    onProblem: (failed) => (problem.value = failed),
  });
  useEffect(() => {
    if (box.current && following.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.value]);
  const scrolled = () => {
    if (!box.current) return; // one has left before the browser told
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    following.current = scrollHeight - scrollTop - clientHeight < 40;
  };
  if (problem.value) return html`<${Problem} problem=${problem.value} />`;
  return html`<div class="log" ref=${box} role="log" aria-live="off" aria-label=${t("logs.lines")} tabindex="0" onScroll=${scrolled}>
    ${lines.value.map((each) => html`<div key=${each.number} class="log-line ${each.level}"><time>${time(each.time)}</time><span>${each.text}</span></div>`)}
  </div>`;
}
