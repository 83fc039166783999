// Downloads: how far they are, how fast, and that what came is right.
import { html, useEffect, useSignal } from "../lib/html.js";
import { get, path, post, remove } from "../lib/api.js";
import { bytes, NOTHING, span, time } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { watchAll } from "../lib/collection.js";
import { useRead } from "../lib/loading.js";
import { href } from "../lib/router.js";
import { ApiError } from "../lib/problems.js";
import { HUBS } from "../models/find.js";
import { Button } from "../parts/button.js";
import { TextField } from "../parts/fields.js";
import { Form } from "../parts/form.js";
import { Icon } from "../parts/icons.js";
import { Problem } from "../parts/notices.js";
import { Frame, Read } from "../parts/page.js";
import { Empty, Facts, Loading, Progress, State, Tag } from "../parts/showing.js";

const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

export function Page() {
  const downloads = useSignal(new Map());
  const known = useSignal(false);
  useEffect(
    () =>
      watchAll("/downloads:watch", {
        one: "download",
        deleted: "deleted_download_id",
        id: "download_id",
        into: downloads,
        onKnown: () => (known.value = true),
      }),
    [],
  );
  const storage = useRead((signal) => get("/storage", {}, { signal }), [downloads.value.size]);
  const all = known.value && [...downloads.value.values()].sort((a, b) => String(b.create_time).localeCompare(String(a.create_time)));
  return html`<${Frame} title=${t("page.downloads")}>
    <${Start} />
    <${Read} of=${storage}>${(disk) => html`<${Facts} of=${[
      [t("downloads.free"), bytes(disk.free_bytes)], [t("downloads.models"), bytes(disk.models_bytes)], [t("downloads.unfinished"), bytes(disk.downloads_bytes)],
    ]} />`}<//>
    ${!all
      ? html`<${Loading} />`
      : all.length === 0
        ? html`<${Empty} title=${t("downloads.none")}><p><a href=${href("models", "find")}>${t("models.find")}</a></p><//>`
        : html`<ul class="stack">${all.map((each) => html`<${Download} key=${each.download_id} of=${each} />`)}</ul>`}
  <//>`;
}

function Start() {
  const source = useSignal("");
  const start = async () => {
    await post("/downloads", { source: source.value.trim() });
    source.value = "";
  };
  return html`<${Form} class="inline" onSend=${start}>
    <${TextField} label=${t("downloads.source")} hint=${t("downloads.source.hint")} value=${source} spellcheck=${false} />
    <${Button} type="submit" kind="primary" icon="downloads" disabled=${!source.value.trim()}>${t("download")}<//>
  <//>`;
}

function Download({ of }) {
  const at = path("downloads", of.download_id);
  const done = Number(of.downloaded_bytes ?? 0);
  const all = of.total_bytes === undefined ? undefined : Number(of.total_bytes);
  const running = of.state === "DOWNLOADING";
  const does = (verb) => () => post(`${at}:${verb}`);
  return html`<li class="card">
    <div class="row">
      <strong class="grow">${of.source}</strong>
      <${State} value=${of.state} />
      ${of.verified && html`<${Tag} tone="good"><${Icon} name="check" />${t("downloads.verified")}<//>`}
    </div>
    ${!ENDED.has(of.state) && html`<${Progress} value=${all ? done / all : undefined} label=${of.source} />`}
    <div class="row fine">
      <span class="grow nums">
        ${bytes(done)} / ${bytes(all)}
        ${running && html` · ${bytes(of.bytes_per_second)}/s · ${of.remaining ? t("downloads.left", { time: span(of.remaining) }) : NOTHING}`}
        ${of.state === "WAITING" && of.wait_until && html` · ${t("downloads.until", { time: time(of.wait_until) })}`}
        ${of.state === "QUEUED" && of.queue_position && html` · ${t("downloads.turn", { n: of.queue_position })}`}
        ${" · "}${HUBS[of.origin?.hub] ?? ""} ${of.origin?.variant ?? ""}
      </span>
      ${(running || of.state === "QUEUED" || of.state === "WAITING") && html`<${Button} icon="pause" onPress=${does("pause")}>${t("pause")}<//>`}
      ${(of.state === "PAUSED" || of.state === "WAITING") && html`<${Button} icon="play" onPress=${does("resume")}>${t("resume")}<//>`}
      ${(of.state === "FAILED" || of.state === "CANCELLED") && html`<${Button} icon="again" onPress=${does("retry")}>${t("retry")}<//>`}
      ${ENDED.has(of.state) ? html`<${Button} icon="trash" label=${t("downloads.forget")} onPress=${() => remove(at)} />` : html`<${Button} onPress=${does("cancel")}>${t("cancel")}<//>`}
    </div>
    ${of.error?.message && html`<${Problem} problem=${new ApiError(of.error)} />`}
    ${of.reason && html`<p class="fine">${of.reason}</p>`}
  </li>`;
}
