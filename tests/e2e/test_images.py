"""Pictures over gRPC and native REST, by a real model."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from PIL import Image as Pillow

from funland.v1.files_pb2 import UploadFileRequest
from funland.v1.images_pb2 import GenerateImagesRequest, Image, ImageEvent
from funland.v1.models_pb2 import (
    AttachAdapterRequest,
    DetachAdapterRequest,
    EstimateModelRequest,
    GetModelRequest,
    ImportModelRequest,
    UnloadModelRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.adaptable_pictures import LAYERS, safetensors, write_adaptable
from tests.e2e.wires import Refused, Wire, wire_to
from tests.processes import children
from tests.server.conftest import METHODS, call

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL: Final = "tiny-picture"
SLOW: Final = "slow-picture"
Picture = NDArray[np.uint8]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    picture_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Server]:
    home = tmp_path_factory.mktemp("home")
    slow = write_adaptable(picture_model, tmp_path_factory.mktemp("models") / SLOW, work=160)
    server = Server(
        ServerSettings(home=home, port=0, image_pixels=65536, image_blocked_terms=("dragon",))
    )
    await server.start()
    for path, model_id in ((picture_model, MODEL), (slow, SLOW)):
        await call(server, "ImportModel", ImportModelRequest(path=str(path), model_id=model_id))
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["gRPC", "REST"])
async def wire(server: Server, request: pytest.FixtureRequest) -> AsyncGenerator[Wire]:
    async with wire_to(server, request.param) as wire:
        yield wire


def asked(**fields: Any) -> GenerateImagesRequest:
    said: dict[str, Any] = {"prompt": "a cat", "steps": 3, "seed": 5, "model": MODEL, **fields}
    return GenerateImagesRequest(**said)


def pixels(image: Image) -> Picture:
    return np.array(Pillow.open(io.BytesIO(image.data)))


def png(side: int, seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(noise).save(file, "PNG")
    return file.getvalue()


async def test_pictures_are_painted_and_told_how(wire: Wire) -> None:
    answer = await wire.call("GenerateImages", asked(n=2, width=64, height=48))
    again = await wire.call("GenerateImages", asked(seed=6, width=64, height=48))
    jpeg = await wire.call("GenerateImages", asked(format=Image.JPEG, quality=80))
    own = await wire.call("GenerateImages", GenerateImagesRequest(prompt="a cat", steps=2))
    another = await wire.call("GenerateImages", GenerateImagesRequest(prompt="a cat", steps=2))

    assert [pixels(image).shape for image in answer.images] == [(48, 64, 3)] * 2
    first = answer.images[0]
    assert (first.format, first.media_type, first.seed) == (Image.PNG, "image/png", 5)
    assert (first.painted_width, first.painted_height) == (64, 48)
    assert (answer.model, answer.steps, answer.guidance_scale) == (MODEL, 3, 7.5)
    assert list(answer.device_ids) == ["cpu_0"]
    assert 0 < answer.timings.step_ms < answer.timings.total_ms
    assert again.images[0].data == answer.images[1].data
    assert (jpeg.images[0].media_type, jpeg.images[0].data[:2]) == ("image/jpeg", b"\xff\xd8")
    # Nothing is asked for but a prompt: its own size, and another seed each time, which is told.
    assert pixels(own.images[0]).shape == (32, 32, 3)
    assert own.images[0].seed != another.images[0].seed


async def test_a_stream_tells_of_steps_and_brings_each_picture_when_it_is_done(
    wire: Wire,
) -> None:
    # Slow steps: of quick ones the library may tell none before the picture is done.
    request = asked(model=SLOW, n=2, steps=10, width=64, height=64, preview_steps=2)

    events: list[ImageEvent] = await wire.call("StreamGenerateImages", request)
    alone = await wire.call("GenerateImages", request)

    kinds = [event.WhichOneof("event") for event in events]
    assert (kinds[0], kinds[-1], kinds.count("image")) == ("start", "finish", 2)
    start = events[0].start
    assert (start.model, start.n, start.steps) == (SLOW, 2, 10)
    told = [(one.progress.index, one.progress.step) for one in events if one.HasField("progress")]
    assert told == sorted(told)
    assert {(0, 10), (1, 10)} <= {*told}
    previews = [one.progress.preview for one in events if one.progress.HasField("preview")]
    assert {pixels(one).shape for one in previews} == {(64, 64, 3)}
    assert kinds.index("image") < told.index((1, 10)) + len(previews) + 2
    images = [one.image.image.data for one in events if one.HasField("image")]
    assert images == [one.data for one in alone.images]
    assert events[-1].finish.guidance_scale == 7.5


@pytest.mark.parametrize(("steps", "previews"), [(4, 3), (10, 2), (2, 8)])
async def test_so_many_previews_come_of_each_picture_as_are_asked_for(
    wire: Wire, steps: int, previews: int
) -> None:
    request = asked(model=SLOW, n=2, steps=steps, previews=previews)

    events: list[ImageEvent] = await wire.call("StreamGenerateImages", request)
    alone = await wire.call("GenerateImages", request)

    told = [one.progress for one in events if one.progress.HasField("preview")]
    each = min(previews, steps - 1)
    assert [one.index for one in told] == [0] * each + [1] * each
    images = [one.image.image.data for one in events if one.HasField("image")]
    assert images == [one.data for one in alone.images]
    assert len({*images, *(one.preview.data for one in told)}) == 2 * (each + 1)


async def test_previews_are_asked_for_in_one_way(wire: Wire) -> None:
    with pytest.raises(Refused) as raised:
        await wire.call("StreamGenerateImages", asked(previews=1, preview_steps=1))

    assert (raised.value.reason, raised.value.fields) == ("FIELD_INVALID", ["previews"])


async def test_what_is_kept_is_begun_with(wire: Wire, server: Server) -> None:
    data = png(32)

    async def parts() -> AsyncGenerator[UploadFileRequest]:
        yield UploadFileRequest(name="a.png", data=data)

    kept = await server.channel.collect(METHODS["UploadFile"], parts(), (), None)
    file_id = kept.file_id  # type: ignore[attr-defined]  # it is a `File`
    by_file = await wire.call("GenerateImages", asked(image_file_id=file_id, strength=0.7))
    by_bytes = await wire.call("GenerateImages", asked(image=data, strength=0.7))

    assert by_file.images[0].data == by_bytes.images[0].data
    assert by_file.steps == 2


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"prompt": ""}, "FIELD_INVALID", "prompt"),
        ({"width": 8}, "FIELD_INVALID", "width"),
        ({"width": 33}, "FIELD_INVALID", "width"),
        ({"width": 1024, "height": 1024, "upscale": True}, "FIELD_INVALID", "width"),
        ({"steps": 0}, "FIELD_INVALID", "steps"),
        ({"previews": 9}, "FIELD_INVALID", "previews"),
        ({"strength": 0.5}, "FIELD_INVALID", "strength"),
        ({"mask": b"x"}, "IMAGE_INVALID", None),
        ({"image": b"x"}, "IMAGE_INVALID", None),
        ({"image": png(300)}, "IMAGE_INVALID", None),
        ({"image": b"x", "image_file_id": "file-1"}, "FIELD_INVALID", "image_file_id"),
        ({"image_file_id": "file-1"}, "FILE_NOT_FOUND", None),
        ({"adapters": [{"adapter_id": "ink"}]}, "ADAPTER_NOT_FOUND", None),
        ({"prompt": "a DRAG\u200bON"}, "PROMPT_REFUSED", None),
        ({"model": "funland-tiny"}, "MODEL_KIND_WRONG", None),
        ({"model": "nobody"}, "MODEL_NOT_FOUND", None),
    ],
)
async def test_what_can_not_be_painted_is_refused(
    server: Server, fields: dict[str, Any], reason: str, field: str | None
) -> None:
    for kind in ("gRPC", "REST"):
        async with wire_to(server, kind) as wire:
            for name in ("GenerateImages", "StreamGenerateImages"):
                with pytest.raises(Refused) as raised:
                    await wire.call(name, asked(**fields))

                assert raised.value.reason == reason
                assert raised.value.fields == ([field] if field else [])


async def test_what_it_takes_of_the_memory_is_estimated(server: Server) -> None:
    async with wire_to(server, "gRPC") as wire:
        await wire.call("GenerateImages", asked(width=64, height=64))
        told = await wire.call("EstimateModel", EstimateModelRequest(model_id=MODEL))
        model = await wire.call("GetModel", GetModelRequest(model_id=MODEL))

    assert 0 < model.loaded.memory_bytes <= told.footprint.total_bytes
    assert told.footprint.total_bytes < 2 * model.loaded.memory_bytes


async def test_callers_at_once_get_their_own_pictures(wire: Wire) -> None:
    alone = [await wire.call("GenerateImages", asked(seed=seed)) for seed in range(4)]

    together = await asyncio.gather(
        *(wire.call("GenerateImages", asked(seed=seed)) for seed in range(4))
    )

    for one, other in zip(alone, together, strict=True):
        assert one.images[0].data == other.images[0].data


async def test_who_leaves_makes_room_for_the_next(wire: Wire) -> None:
    """Two hundred steps of a slow model take minutes."""
    long = asked(model=SLOW, steps=200, n=16, width=64, height=64)
    async with aclosing(wire.watch("StreamGenerateImages", long)) as events:
        async for event in events:
            if event.HasField("progress"):
                break

    async with asyncio.timeout(120):
        answer = await wire.call("GenerateImages", asked(model=SLOW, steps=1))

    assert len(answer.images) == 1


async def test_a_model_that_is_unloaded_by_force_leaves_its_picture(
    wire: Wire, server: Server
) -> None:
    """Two hundred steps of a slow model take minutes."""
    long = asked(model=SLOW, steps=200, n=16, width=64, height=64)
    begun = asyncio.Event()

    async def paint() -> None:
        async with aclosing(wire.watch("StreamGenerateImages", long)) as events:
            async for event in events:
                if event.HasField("progress"):
                    begun.set()

    painting = asyncio.create_task(paint())
    async with asyncio.timeout(120):
        await begun.wait()
        await call(server, "UnloadModel", UnloadModelRequest(model_id=SLOW, force=True))
        with pytest.raises(Refused) as refused:
            await painting

    assert refused.value.reason == "MODEL_UNLOADED"


async def test_an_adapter_is_attached_and_painted_with(
    wire: Wire, server: Server, tmp_path: Path
) -> None:
    name = f"unet.{LAYERS[0]}.lora_{{}}.weight"
    tensors = {name.format("A"): np.ones((2, 8), np.float32)}
    path = tmp_path / "ink.safetensors"
    path.write_bytes(safetensors(tensors))
    attach = AttachAdapterRequest(model_id=SLOW, path=str(path), adapter_id="ink")
    with pytest.raises(Refused) as raised:
        await wire.call("AttachAdapter", attach)
    assert raised.value.reason == "ADAPTER_INVALID"
    assert "no pair" in raised.value.message
    plain = await wire.call("GenerateImages", asked(model=SLOW, steps=2))

    path.write_bytes(safetensors({**tensors, name.format("B"): np.ones((8, 2), np.float32)}))
    await wire.call("AttachAdapter", attach)
    with_it = asked(model=SLOW, steps=2, adapters=[{"adapter_id": "ink"}])
    inked = await wire.call("GenerateImages", with_it)
    without = await wire.call("GenerateImages", asked(model=SLOW, steps=2))
    await wire.call("DetachAdapter", DetachAdapterRequest(model_id=SLOW, adapter_id="ink"))

    assert inked.images[0].data != plain.images[0].data == without.images[0].data
    with pytest.raises(Refused) as raised:
        await wire.call("GenerateImages", with_it)
    assert raised.value.reason == "ADAPTER_NOT_FOUND"


async def test_a_worker_that_is_killed_amid_a_picture_fails_it_and_comes_back(
    server: Server,
) -> None:
    long = asked(model=SLOW, steps=200, n=16, width=64, height=64)
    async with wire_to(server, "gRPC") as wire:
        events = wire.watch("StreamGenerateImages", long)
        while not (await anext(events)).HasField("progress"):
            pass

        for worker in children():
            worker.kill()

        with pytest.raises(Refused) as raised:
            _ = [event async for event in events]
        assert raised.value.reason == "WORKER_LOST"
        assert (await wire.call("GenerateImages", asked(model=SLOW, steps=1))).images
