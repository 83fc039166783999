// The devices of the machine, what they do now, and how fast models are on them.
import { html, signal, useEffect, useMemo, useSignal } from "../lib/html.js";
import { get, path, stream } from "../lib/api.js";
import { bytes, number, percent, time } from "../lib/format.js";
import { named, t } from "../lib/i18n.js";
import { useRead, useWatch } from "../lib/loading.js";
import { ApiError } from "../lib/problems.js";
import { Button } from "../parts/button.js";
import { Chart } from "../parts/chart.js";
import { tellProblem } from "../lib/notices.js";
import { Problem } from "../parts/notices.js";
import { Frame, Read, Section } from "../parts/page.js";
import { Facts, Loading, Meter, Progress, State, Tag } from "../parts/showing.js";

const KEPT_MS = 3_600_000; // as the server does

export function Page() {
  const devices = useSignal(null);
  useWatch("/devices:watch", {
    onMessage({ device }) {
      devices.value = new Map(devices.value ?? []).set(device.device_id, device);
    },
  });
  const problems = useRead((signal) => get("/devices", {}, { signal }));
  const machine = useRead((signal) => get("/resources", {}, { signal }), [devices.value]);
  const acceleration = useRead((signal) => get("/acceleration", {}, { signal }));
  return html`<${Frame} title=${t("page.devices")}>
    ${problems.value.value?.problems?.map((each) => html`<p class="fine" key=${each.reader}><strong>${each.reader}</strong>: ${each.message}</p>`)}
    ${!devices.value ? html`<${Loading} />` : html`<div class="devices">${[...devices.value.values()].map((each) => html`<${Device} key=${each.device_id} device=${each} />`)}</div>`}
    <${Section} title=${t("devices.machine")}>
      <${Read} of=${machine}>${(of) => html`<${Machine} of=${of} />`}<//>
    <//>
    <${Read} of=${acceleration}>${(of) => html`<p class="fine">${t("devices.next", { devices: of.effective_device_ids?.join(", ") || "–" })}</p>`}<//>
  <//>`;
}

function Device({ device }) {
  const points = useMemo(() => signal([]), []); // of metrics, the oldest first
  const details = useRead((signal) => get(path("devices", device.device_id), {}, { signal }), [device.device_id]);
  useEffect(() => {
    get(`${path("devices", device.device_id)}/metrics`, { history_size: 360 })
      .then(({ history = [] }) => (points.value = joined([...history].reverse(), points.value)))
      .catch(tellProblem);
  }, [device.device_id]);
  useEffect(() => {
    if (device.metrics?.time) points.value = joined(points.value, [device.metrics]);
  }, [device.metrics?.time]);
  const { metrics = {} } = device;
  const used = Number(metrics.memory_used_bytes);
  const all = Number(metrics.memory_total_bytes);
  const more = details.value.value;
  return html`<section class="card" aria-label=${device.device_id}>
    <div class="row"><h2 class="grow">${device.name}</h2><${State} value=${device.state} /></div>
    <div class="row"><${Tag} tone="accent">${device.device_id}<//><${Tag}>${device.kind}<//>${device.vendor && html`<${Tag}>${device.vendor}<//>`}${device.emulated && html`<${Tag}>${t("devices.emulated")}<//>`}</div>
    ${device.state_reason && html`<p class="fine">${device.state_reason}</p>`}
    <${Chart} label=${t("devices.use")} height=${150} low=${0} high=${100} showY=${(value) => percent(value)} showX=${(value) => time(value)} series=${[
      { name: t("devices.utilization"), points: series(points.value, (each) => each.utilization_percent) },
      { name: t("memory"), points: series(points.value, (each) => (each.memory_total_bytes ? (100 * each.memory_used_bytes) / each.memory_total_bytes : undefined)) },
    ]} />
    ${all > 0 && html`<div class="fill"><span>${t("memory")}</span><${Meter} value=${used / all} label=${t("memory")} /><span>${bytes(used)} / ${bytes(all)}</span></div>`}
    <${Facts} of=${[
      [t("devices.utilization"), known(metrics.utilization_percent, percent)], [t("devices.temperature"), known(metrics.temperature_celsius, (value) => `${number(value)} °C`)],
      [t("devices.power"), known(metrics.power_watts, (value) => `${number(value)} W`)], [t("devices.clock"), known(metrics.clock_mhz, (value) => `${number(value)} MHz`)],
      [t("devices.driver"), device.driver_version], [t("devices.engines"), device.engines?.map((each) => named("engine", each.engine)).join(", ")],
      [t("devices.cores"), more?.cpu && `${number(more.cpu.cores)} / ${number(more.cpu.threads)}`],
    ]} />
    ${more?.cpu?.instruction_sets?.length > 0 && html`<p class="fine">${t("devices.instructions")}: ${more.cpu.instruction_sets.join(", ")}</p>`}
    ${device.state === "AVAILABLE" && html`<${Benchmark} id=${device.device_id} />`}
  </section>`;
}

function Benchmark({ id }) {
  const progress = useSignal(null);
  const result = useSignal(null);
  const kept = useRead((signal) => get("/recommendations", {}, { signal }), [id]);
  const run = async () => {
    progress.value = { phase: "WAITING", fraction: 0 };
    try {
      for await (const event of stream("POST", `${path("devices", id)}:benchmark`, { body: {} })) {
        if (event.progress) progress.value = event.progress;
        if (event.result) result.value = event.result;
      }
    } finally {
      progress.value = null;
    }
  };
  const shown = result.value ?? kept.value.value?.recommendations?.find((each) => each.device_id === id)?.benchmark;
  return html`<div class="stack">
    ${progress.value
      ? html`<div class="phase"><span>${named("phase", progress.value.phase)}</span><${Progress} value=${progress.value.fraction} label=${t("devices.benchmark")} /></div>`
      : html`<div class="row"><${Button} onPress=${run}>${t("devices.benchmark")}<//>${shown && html`<span class="fine">${shown.model_id} · ${time(shown.time)}</span>`}</div>`}
    ${shown?.error?.message && html`<${Problem} problem=${new ApiError(shown.error)} />`}
    ${shown && !shown.error?.message && html`<${Facts} of=${[
      [t("devices.prompt"), t("tokens.rate", { n: number(shown.prompt_tokens_per_second) })], [t("devices.one"), t("tokens.rate", { n: number(shown.tokens_per_second) })],
      [t("devices.eight"), t("tokens.rate", { n: number(shown.tokens_per_second_8_streams) })],
    ]} />`}
  </div>`;
}

function Machine({ of }) {
  return html`<div class="fills">
    <div class="fill"><span>${t("devices.cpu")}</span><${Meter} value=${(of.cpu?.utilization_percent ?? 0) / 100} label=${t("devices.cpu")} /><span>${percent(of.cpu?.utilization_percent)}</span></div>
    <div class="fill"><span>${t("memory")}</span><${Meter} value=${of.memory.used_bytes / of.memory.total_bytes} label=${t("memory")} /><span>${bytes(of.memory.used_bytes)} / ${bytes(of.memory.total_bytes)}</span></div>
    ${of.disks?.map((disk) => html`<div class="fill" key=${disk.purposes.join()}><span>${t("devices.disk")}</span><${Meter} value=${disk.used_bytes / disk.total_bytes} label=${t("devices.disk")} /><span>${bytes(disk.free_bytes)} ${t("free")}</span></div>`)}
  </div>`;
}

const known = (value, show) => (value === undefined || value === null ? undefined : show(value));

const series = (points, of) => points.map((each) => [Date.parse(each.time), number_(of(each))]);
const number_ = (value) => (value === undefined || value === null ? undefined : Number(value));

/** Samples in their order, each time once, as far back as is kept. */
function joined(before, after) {
  const byTime = new Map([...before, ...after].filter((each) => each.time).map((each) => [each.time, each]));
  const since = Date.now() - KEPT_MS;
  return [...byTime.values()].filter((each) => Date.parse(each.time) > since).sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}
