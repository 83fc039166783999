"""What may come in a request for pictures: a worker refuses it or paints, and lives."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image as Pillow

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.models_pb2 import Model
from funland.worker.v1.worker_pb2 import Job, PaintImages
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from tests.processes import children
from tests.server.home_files import files_of

REQUESTS: Final = 500
EXPECTED: Final = {
    "FIELD_INVALID",
    "IMAGE_INVALID",
    "ADAPTER_NOT_FOUND",
    "paints",
    "painting",
    "painted",
    "artefact",
    "result",
}
NUMBERS: Final = (-(2**31), -1, 0, 1, 2, 3, 15, 16, 33, 64, 200, 201, 4096, 2**31 - 1)
REALS: Final = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e-30, 0.3, 1.0, 7.5, 1e30)
TEXTS: Final = (
    "",
    "a cat",
    "\0",
    "\u732b \U0001f600",
    " " * 999,
    "<s></s>",
    "x" * 32000,
    "\ufffd\u200b",
)


@pytest.fixture
async def models(settings: ServerSettings, picture_model: Path) -> AsyncIterator[Models]:
    metrics = Metrics()
    devices = Devices(settings, metrics, ())
    models = Models(
        Live(settings),
        metrics,
        devices,
        Accelerations(settings.home, devices),
        files=files_of(settings),
    )
    await devices.start()
    await models.start()
    await models.catalog.import_file(str(picture_model), "painter", (), "")
    yield models
    await models.stop()
    await devices.stop()


def picture(chance: random.Random) -> bytes:
    """One that may be whole, of a few kinds and sizes."""
    mode = chance.choice(["RGB", "RGBA", "L", "P", "1"])
    size = chance.choice([1, 3, 16, 32, 33, 64]), chance.choice([1, 16, 32, 48])
    noise = np.random.default_rng(chance.randrange(2**32)).integers(0, 256, (*size, 4), np.uint8)
    file = io.BytesIO()
    image = Pillow.fromarray(noise).convert("RGB" if mode != "RGBA" else mode).convert(mode)
    image.save(file, chance.choice(["PNG", "WEBP"]) if mode != "1" else "PNG")
    data = bytearray(file.getvalue())
    match chance.randrange(4):
        case 0:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 1:
            del data[chance.randrange(len(data)) :]
        case _:
            pass
    return bytes(data)


FIELDS: Final[dict[str, Callable[[random.Random], Any]]] = {
    "prompt": lambda chance: chance.choice(TEXTS),
    "negative_prompt": lambda chance: chance.choice(TEXTS),
    "width": lambda chance: chance.choice(NUMBERS),
    "height": lambda chance: chance.choice(NUMBERS),
    "steps": lambda chance: chance.choice(NUMBERS),
    "guidance_scale": lambda chance: chance.choice(REALS),
    "n": lambda chance: chance.choice(NUMBERS),
    "scheduler": lambda chance: chance.randrange(-1, 9),
    "image": picture,
    "mask": picture,
    "strength": lambda chance: chance.choice(REALS),
    "adapters": lambda chance: [
        {"adapter_id": chance.choice(TEXTS), "scale": chance.choice(REALS)}
    ],
    "format": lambda chance: chance.randrange(-1, 6),
    "quality": lambda chance: chance.choice(NUMBERS),
    "upscale": lambda chance: chance.random() < 0.5,
    "preview_steps": lambda chance: chance.choice(NUMBERS),
    "previews": lambda chance: chance.choice(NUMBERS),
}


def request(chance: random.Random) -> GenerateImagesRequest:
    """A small one with up to four fields that may be anything."""
    fields: dict[str, Any] = {"prompt": "a cat", "steps": 2, "width": 32, "height": 32}
    for name in chance.sample(sorted(FIELDS), chance.randint(1, 4)):
        fields[name] = FIELDS[name](chance)
    return GenerateImagesRequest(**fields, seed=chance.randrange(2**32))


async def test_no_request_takes_the_worker_with_it(models: Models) -> None:
    """None of the contract's rules stands before the worker here, so it is its own that hold."""
    chance = random.Random(20261129)  # noqa: S311 - the same requests each time
    painter = await models.loader.worker("painter", Model.IMAGE)
    [worker] = children()
    ends: Counter[str] = Counter()

    for _ in range(REQUESTS):
        paint = PaintImages(request=request(chance), most_pixels=128 * 128)
        try:
            async for event in painter.run_job(Job(paint=paint)):
                ends[event.WhichOneof("event") or ""] += event.HasField("result")
        except FunlandError as error:
            ends[ErrorReason.Name(error.reason)] += 1

    assert [worker] == children()
    assert {*ends} <= EXPECTED
    assert ends["result"] > REQUESTS / 20
    assert ends["FIELD_INVALID"] > REQUESTS / 5
    assert ends["IMAGE_INVALID"] > REQUESTS / 100
    assert ends["ADAPTER_NOT_FOUND"] > REQUESTS / 100
