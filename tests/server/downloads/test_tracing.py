"""What is done for a download is a trace that tells of the call that asked for it."""

from __future__ import annotations

from pathlib import Path

from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import ErrorReason
from funland_server.models.errors import ModelExistsError
from funland_server.tracing.exporting import ExportedTraces
from funland_server.tracing.spans import enter
from tests.collector import collecting
from tests.hubs.server import FakeHub
from tests.server.downloads.depot import Depot


async def test_fetching_and_installing_are_traces(hub: FakeHub, tmp_path: Path) -> None:
    hub.huggingface.add("o/one", {"model.gguf": b"GGUF"})
    hub.huggingface.add("o/two", {"model.gguf": b"GGUF too"})
    with collecting() as (collector, url):
        tracing = ExportedTraces(url, None)
        depot = Depot(hub, tmp_path, tracing=tracing)
        await depot.start()
        asking = tracing.begin("asking", kind="server")
        enter(asking)
        good = await depot.begin("o/one")
        tracing.enter(None)
        await depot.reaches(good, Download.COMPLETED)
        depot.shelf.refuse = ModelExistsError("secret")
        bad = await depot.begin("o/two")
        await depot.reaches(bad, Download.FAILED)
        asking.end()
        await depot.stop()
        await tracing.close(10)

        spans = collector.until(lambda spans: len(spans) == 5)

    told = [
        (one.name, one.attributes.get("funland.download_id"), one.attributes.get("error.type"))
        for one in spans
    ]
    refused = ErrorReason.Name(ModelExistsError.reason)
    assert told == [
        ("download fetch", good.download_id, None),
        ("download install", good.download_id, None),
        ("download fetch", bad.download_id, None),
        ("download install", bad.download_id, refused),
        ("asking", None, None),
    ]
    links = [[link.trace_id.hex() for link in one.span.links] for one in spans]
    assert links == [[asking.trace_id], [asking.trace_id], [], [], []]
    assert len({one.trace_id for one in spans}) == 5
    assert not any(b"secret" in raw for raw in collector.raw)
