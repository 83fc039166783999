"""A model that paints, as its worker runs it."""

from __future__ import annotations

import asyncio
import io
import json
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest, GenerateImagesResponse, Image
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import EmbedTexts, Job, JobEvent, Launch, PaintImages
from funland_worker.engines.protocol import EngineError
from funland_worker.images.engine import PaintingEngine
from funland_worker.images.facts import read_facts, read_wishes
from funland_worker.images.loading import load
from funland_worker.images.painter import Painter
from funland_worker.images.pipelines import Pipelines
from funland_worker.images.plan import Defaults
from funland_worker.images.previews import Previews
from funland_worker.images.pulse import Pulse
from funland_worker.images.steps import Steps
from tests.adaptable_pictures import write_adaptable

PIXELS = 4 * 1024**2
SECONDS = 120
SCHEDULERS = ("LCM", "DDIM", "EULER_DISCRETE", "EULER_ANCESTRAL_DISCRETE", "PNDM")
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def engine(picture_model: Path) -> PaintingEngine:
    return load(launch(picture_model))


@pytest.fixture(scope="module")
def slow_engine(picture_model: Path, tmp_path_factory: pytest.TempPathFactory) -> PaintingEngine:
    """Whose steps take as long as a thread may wait for its turn, and more."""
    folder = tmp_path_factory.mktemp("models") / "slow"
    return load(launch(write_adaptable(picture_model, folder, work=160)))


def launch(folder: Path) -> Launch:
    return Launch(model_path=str(folder), format=Model.OPENVINO_IR, kind=Model.IMAGE)


def job(**fields: Any) -> Job:
    fields = {"prompt": "a cat", "steps": 4, "seed": 3, **fields}
    request = GenerateImagesRequest(**fields)
    return Job(paint=PaintImages(request=request, most_pixels=PIXELS))


@dataclass(slots=True)
class Made:
    """What a job told."""

    pictures: list[Picture] = field(default_factory=list[Picture])
    events: list[JobEvent] = field(default_factory=list[JobEvent])
    answer: GenerateImagesResponse = field(default_factory=GenerateImagesResponse)


async def made(engine: PaintingEngine, **fields: Any) -> Made:
    told, files = Made(), dict[str, bytes]()
    async with aclosing(engine.run(job(**fields))) as events:
        async for event in events:
            told.events.append(event)
            if event.HasField("artefact"):
                name = event.artefact.name
                files[name] = files.get(name, b"") + event.artefact.data
            if event.HasField("result"):
                told.answer = event.result.paint
    told.pictures = [seen(one) for one in files.values()]
    return told


def seen(data: bytes) -> Picture:
    return np.array(Pillow.open(io.BytesIO(data)).convert("RGB"))


def png(pixels: Picture) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


async def test_it_tells_how_it_paints(engine: PaintingEngine) -> None:
    told = await made(engine, n=2)

    kinds = [event.WhichOneof("event") for event in told.events]
    assert kinds[0] == "paints"
    assert kinds[-1] == "result"
    assert kinds.count("painted") == 2
    assert (told.events[0].paints.n, told.events[0].paints.steps) == (2, 4)
    steps = [one.painting for one in told.events if one.HasField("painting")]
    assert [(one.index, one.step) for one in steps if one.step == one.steps][-1] == (1, 4)
    assert [one.shape for one in told.pictures] == [(32, 32, 3)] * 2
    assert [one.seed for one in told.answer.images] == [3, 4]
    assert (told.answer.steps, told.answer.guidance_scale) == (4, 7.5)
    assert 0 < told.answer.timings.step_ms < told.answer.timings.total_ms


async def test_the_same_request_with_the_same_seed_gives_the_same_bytes(
    engine: PaintingEngine,
) -> None:
    three = (await made(engine, n=3, seed=7)).pictures

    for number in range(3):
        [alone] = (await made(engine, seed=7 + number)).pictures
        assert np.array_equal(alone, three[number])
    assert not np.array_equal(three[0], three[1])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
async def test_a_scheduler_is_for_its_request_alone(engine: PaintingEngine, scheduler: str) -> None:
    [own] = (await made(engine, steps=6)).pictures

    [first] = (await made(engine, steps=6, scheduler=scheduler)).pictures
    [again] = (await made(engine, steps=6, scheduler=scheduler)).pictures
    [after] = (await made(engine, steps=6)).pictures

    assert np.array_equal(first, again)
    assert np.array_equal(first, own) == (scheduler == "DDIM")  # which is the model's own
    assert np.array_equal(after, own)


async def test_what_is_asked_for_changes_the_picture(engine: PaintingEngine) -> None:
    [plain] = (await made(engine)).pictures

    for fields in (
        {"prompt": "a dog"},
        {"negative_prompt": "a dog"},
        {"guidance_scale": 2.0},
        {"steps": 5},
        {"seed": 4},
    ):
        [other] = (await made(engine, **fields)).pictures
        assert not np.array_equal(plain, other), fields


async def test_previews_come_and_do_not_change_the_picture(slow_engine: PaintingEngine) -> None:
    large: dict[str, Any] = {"steps": 10, "width": 64, "height": 64}
    [plain] = (await made(slow_engine, **large)).pictures

    told = await made(slow_engine, **large, preview_steps=3, format=Image.WEBP)
    [kept] = (await made(slow_engine, **large, format=Image.WEBP)).pictures

    steps = [one.painting for one in told.events if one.HasField("painting")]
    shown = [(one.step, seen(one.preview.data)) for one in steps if one.HasField("preview")]
    told_steps = [step for step, _ in shown]
    assert 0 < len(told_steps) <= 3
    assert told_steps == [3, 6, 9][: len(told_steps)]  # as far as there was time
    assert {one.shape for _, one in shown} == {(64, 64, 3)}
    assert np.array_equal(told.pictures[0], kept)
    assert np.abs(kept.astype(int) - plain).mean() < 30


@pytest.mark.parametrize(
    ("steps", "previews", "count"), [(2, 1, 1), (4, 3, 3), (12, 3, 3), (12, 8, 8), (3, 8, 2)]
)
async def test_so_many_previews_come_of_each_picture_as_are_asked_for(
    slow_engine: PaintingEngine, steps: int, previews: int, count: int
) -> None:
    for _ in range(2):  # before it is known how long one takes, and after
        told = await made(slow_engine, steps=steps, previews=previews, n=2)

        shown = [one.painting for one in told.events if one.painting.HasField("preview")]
        told_steps = [
            (one.painting.index, one.painting.step)
            for one in told.events
            if one.HasField("painting")
        ]
        for index in range(2):
            of_one = [one.preview.data for one in shown if one.index == index]
            assert len({*of_one}) == len(of_one) == count
            assert told.answer.images[index].seed == 3 + index
        assert told_steps == sorted(told_steps)


async def test_a_picture_is_enlarged_if_that_is_wanted(engine: PaintingEngine) -> None:
    told = await made(engine, width=400, height=200, upscale=True)

    [image] = told.answer.images
    assert told.pictures[0].shape == (200, 400, 3)
    assert (image.width, image.height) == (400, 200)
    assert (image.painted_width, image.painted_height) == (44, 24)


async def test_it_begins_with_a_picture(engine: PaintingEngine) -> None:
    given = noise(40, 48)

    [little] = (await made(engine, image=png(given), strength=0.25)).pictures
    [much] = (await made(engine, image=png(given), strength=1.0)).pictures

    assert little.shape == much.shape == given.shape
    # The model sees squares of four, so that is what can be alike.
    squares = given.reshape(12, 4, 10, 4, 3).mean((1, 3)).repeat(4, 0).repeat(4, 1)
    assert np.abs(little - squares).mean() < np.abs(much - squares).mean()


async def test_what_a_mask_keeps_is_kept_to_the_byte(engine: PaintingEngine) -> None:
    given, mask = noise(64, 32), np.zeros((32, 64), np.uint8)
    mask[:, 32:] = 255

    [half] = (await made(engine, image=png(given), mask=png(mask), strength=1.0)).pictures

    assert np.array_equal(half[:, :32], given[:, :32])
    assert np.abs(half[:, 32:].astype(int) - given[:, 32:]).mean() > 20


async def test_a_mask_of_transparency_is_one_too(engine: PaintingEngine) -> None:
    given, clear = noise(32, 32), np.full((32, 32, 4), 255, np.uint8)
    clear[:16, :, 3] = 0

    [half] = (await made(engine, image=png(given), mask=png(clear), strength=1.0)).pictures

    assert np.array_equal(half[16:], given[16:])
    assert not np.array_equal(half[:16], given[:16])


@pytest.mark.parametrize(
    ("fields", "reason", "named"),
    [
        ({"image": b"GIF89a"}, ErrorReason.IMAGE_INVALID, "image"),
        ({"image": png(noise(8, 8))[:60]}, ErrorReason.IMAGE_INVALID, "image"),
        ({"image": png(noise(8, 8)), "mask": b"?"}, ErrorReason.IMAGE_INVALID, "mask"),
        ({"width": 33}, ErrorReason.FIELD_INVALID, "width"),
        ({"negative_prompt": "x", "guidance_scale": 0.5}, ErrorReason.FIELD_INVALID, "negative"),
    ],
)
async def test_what_can_not_be_done_is_refused(
    engine: PaintingEngine, fields: dict[str, Any], reason: ErrorReason.ValueType, named: str
) -> None:
    with pytest.raises(EngineError) as raised:
        await made(engine, **fields)

    assert raised.value.reason == reason
    assert named in (str(raised.value) + raised.value.metadata.get("field", ""))


async def test_a_black_mask_leaves_nothing_to_paint(engine: PaintingEngine) -> None:
    black = png(np.zeros((32, 32, 3), np.uint8))

    with pytest.raises(EngineError, match="black") as raised:
        await made(engine, image=png(noise(32, 32)), mask=black)

    assert raised.value.metadata["field"] == "mask"


async def test_it_does_nothing_else(engine: PaintingEngine) -> None:
    with pytest.raises(EngineError) as raised:
        async for _ in engine.run(Job(embed=EmbedTexts(inputs=["x"]))):
            pass

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


async def test_who_leaves_ends_the_picture_within_a_step(engine: PaintingEngine) -> None:
    told = 0
    events = engine.run(job(width=64, height=64, steps=200, n=16))
    async for event in events:
        told = event.painting.step
        if told >= 3:
            break

    await events.aclose()

    assert engine.step_ms == 0  # nothing native runs any more
    [after] = (await made(engine)).pictures  # and the next one is right
    [again] = (await made(engine)).pictures
    assert np.array_equal(after, again)


async def test_a_caller_that_is_cancelled_waits_for_the_end_of_the_step(
    engine: PaintingEngine,
) -> None:
    begun = asyncio.Event()

    async def paint() -> None:
        async with aclosing(engine.run(job(width=64, height=64, steps=200, n=16))) as events:
            async for event in events:
                if event.HasField("painting"):
                    begun.set()

    painting = asyncio.create_task(paint())
    async with asyncio.timeout(SECONDS):
        await begun.wait()
    painting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await painting

    assert engine.step_ms == 0


async def test_jobs_one_after_the_other_get_their_own_pictures(engine: PaintingEngine) -> None:
    alone = [(await made(engine, seed=seed)).pictures[0] for seed in range(6)]

    together = await asyncio.gather(*(made(engine, seed=seed) for seed in range(6)))

    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other.pictures[0])


class Undecoded:
    """Previews that are what was given for them."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def kept(self, latent: Any) -> Any:
        return latent

    def decoded(self, latent: Any) -> Image:
        return Image(data=bytes([latent]))


def none() -> Previews:
    return Previews((), Undecoded(), promised=False, room=lambda: True)


def test_who_stops_is_heard_while_the_next_step_is_computed() -> None:
    """A call that has come back is heard only when that step is done and one more begun."""
    stop, told = Event(), list[JobEvent]()

    def tell(event: JobEvent) -> None:
        told.append(event)
        stop.set()  # as soon as it is told

    steps = Steps(0, 9, stop=stop, pulse=Pulse(), tell=tell, previews=none())

    assert steps(1, None)
    assert [one.painting.step for one in told] == [1]
    assert steps(2, None)
    assert len(told) == 1


def test_what_goes_wrong_in_a_step_does_not_reach_the_library() -> None:
    def tell(_: JobEvent) -> None:
        raise ValueError("a defect")

    steps = Steps(0, 9, stop=Event(), pulse=Pulse(), tell=tell, previews=none())

    assert steps(1, None)
    assert isinstance(steps.error, ValueError)


def test_a_picture_is_painted_again_for_the_previews_that_were_lost_and_no_further() -> None:
    previews = Previews((2, 3), Undecoded(), promised=True, room=lambda: True)
    stop, told = Event(), list[JobEvent]()
    steps = Steps(0, 9, stop=stop, pulse=Pulse(), tell=told.append, previews=previews)

    assert [steps.again(done, done) for done in (1, 2, 3)] == [False, False, True]
    assert [image.data for image in previews.rest()] == [b"\2", b"\3"]
    assert not told


def test_who_stops_is_heard_while_a_picture_is_painted_again() -> None:
    previews = Previews((2, 3), Undecoded(), promised=True, room=lambda: True)
    stop = Event()
    steps = Steps(0, 9, stop=stop, pulse=Pulse(), tell=list[JobEvent]().append, previews=previews)

    stop.set()

    assert steps.again(1, 1)


async def test_previews_that_the_library_dropped_are_painted_again(
    picture_model: Path, tmp_path: Path
) -> None:
    folder = write_adaptable(picture_model, tmp_path / "slow", work=160)
    facts = read_facts(folder)
    pipelines = Pipelines(folder, "CPU", {}, facts, {})
    painter = Painter(pipelines, facts, Defaults(4, 7.5), ())
    told, alone = list[JobEvent](), list[JobEvent]()

    def tell(event: JobEvent) -> None:
        told.append(event)
        if event.painting.step == 1:
            time.sleep(1)  # a call that lasts: the steps behind it are done meanwhile

    painter.paint(job(previews=3).paint, tell, Event(), lambda: True)
    painter.paint(job().paint, alone.append, Event(), lambda: True)

    shown = [one.painting.preview.data for one in told if one.painting.HasField("preview")]
    assert len({*shown}) == len(shown) == 3
    assert files(told) == files(alone)


def files(events: list[JobEvent]) -> list[bytes]:
    """The parts of pictures that were told."""
    return [event.artefact.data for event in events if event.HasField("artefact")]


def test_a_device_that_is_not_there_is_refused(picture_model: Path) -> None:
    wanted = launch(picture_model)
    wanted.settings.CopyFrom(LoadSettings(device="GPU.7"))

    with pytest.raises(EngineError) as raised:
        load(wanted)

    assert raised.value.reason == ErrorReason.ENGINE_UNAVAILABLE


async def test_a_model_of_one_size_paints_in_that_alone(
    picture_model: Path, tmp_path: Path
) -> None:
    engine = load(launch(write_adaptable(picture_model, tmp_path / "fixed", side=10)))

    [own] = (await made(engine)).pictures
    larger = await made(engine, width=80, height=40, upscale=True)
    with pytest.raises(EngineError, match="only in 40x40") as raised:
        await made(engine, width=48, height=48)

    assert own.shape == (40, 40, 3)
    assert larger.pictures[0].shape == (40, 80, 3)
    assert larger.answer.images[0].painted_width == 40
    assert raised.value.metadata["field"] == "width"


def test_a_model_says_how_it_wants_to_paint(picture_model: Path, tmp_path: Path) -> None:
    folder = write_adaptable(picture_model, tmp_path / "wishes")
    path = folder / "generation_config.json"

    for said, expected in (
        (
            {"num_inference_steps": 20, "guidance_scale": 2.5},
            {"num_inference_steps": 20, "guidance_scale": 2.5},
        ),
        ({"num_inference_steps": 0, "guidance_scale": 99}, {}),
        ({"num_inference_steps": True, "guidance_scale": True}, {}),
        ({"num_inference_steps": "20", "guidance_scale": None}, {}),
    ):
        path.write_text(json.dumps(said))
        assert read_wishes(folder) == expected
    path.unlink()
    assert read_wishes(folder) == {}
