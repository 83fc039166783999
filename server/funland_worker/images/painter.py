"""Paints what a job asks for, on the thread that calls it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final

import numpy as np

from funland.v1.images_pb2 import (
    GenerateImagesResponse,
    Image,
    ImageDone,
    ImageProgress,
    ImageStart,
    ImageTimings,
)
from funland.worker.v1.worker_pb2 import JobArtefact, JobEvent, PaintImages
from funland_worker.images import pipelines, plan
from funland_worker.images.facts import PictureFacts
from funland_worker.images.files import Pixels, enlarged, media_type, opened, opened_mask, written
from funland_worker.images.pace import due_steps
from funland_worker.images.pipelines import Pipelines
from funland_worker.images.plan import Limits, Plan, plan_of
from funland_worker.images.previews import Previews
from funland_worker.images.pulse import Pulse
from funland_worker.images.sizes import refused
from funland_worker.images.steps import Steps

Tell = Callable[[JobEvent], None]

_MOST_AGAIN: Final = 16
"""So often a picture is painted once more whose steps were done before the library told them, so
that a preview is missing that was promised. That is so only where steps take milliseconds."""
_PART_BYTES: Final = 1024**2
_HALF: Final = 128
_WHITE: Final = 255


class Painter:
    """A model that paints. Its methods block, and are for one thread at a time."""

    def __init__(
        self,
        pipes: Pipelines,
        facts: PictureFacts,
        defaults: plan.Defaults,
        adapters: Collection[str],
    ) -> None:
        """`adapters` are the ids of those that the model has."""
        self._pipelines = pipes
        self._facts = facts
        self._defaults = defaults
        self._adapters = adapters
        self._decoding = _Decoding()
        self.pulse = Pulse()

    def paint(
        self, job: PaintImages, tell: Tell, stop: Event, room: Callable[[], bool]
    ) -> GenerateImagesResponse | None:
        """Paints, and tells of it; None if `stop` was set meanwhile. A preview is made if there is
        `room` for it.

        Raises:
            EngineError: FIELD_INVALID, IMAGE_INVALID or ADAPTER_NOT_FOUND.
        """
        began = monotonic()
        image = _picture(job.request.image, job.image_path, job.most_pixels, opened)
        mask = _picture(job.request.mask, job.mask_path, job.most_pixels, opened_mask)
        planned = plan_of(
            job.request,
            self._facts,
            self._pipelines.canvas,
            self._defaults,
            Limits(job.most_pixels, job.most_bytes),
            given=plan.Given(_size(image), _size(mask)),
            adapters=self._adapters,
        )
        if mask is not None and mask.max() < _HALF:
            raise refused("mask", "is black everywhere: there is nothing to paint")
        tell(JobEvent(paints=ImageStart(n=len(planned.seeds), steps=planned.runs)))
        answer = GenerateImagesResponse(
            steps=planned.runs, guidance_scale=planned.guidance_scale, timings=ImageTimings()
        )
        given = _fitted(image, mask, planned.sizes.painted)
        step_ms: list[float] = []
        for index, seed in enumerate(planned.seeds):
            painted = self._one(planned, index, given, tell=tell, stop=stop, room=room)
            if painted is None:
                return None
            step_ms.append(painted.step_ms)
            pixels = _kept(enlarged(painted.pixels, *planned.sizes.size), image, mask)
            described = _described(planned, pixels, seed)
            tell(JobEvent(painted=ImageDone(index=index, image=described)))
            for part in _parts(str(index), described.media_type, _file(planned, pixels)):
                tell(part)
            answer.images.append(described)
        answer.timings.total_ms = (monotonic() - began) * 1000
        answer.timings.step_ms = sum(step_ms) / len(step_ms)
        return answer

    def _one(
        self,
        planned: Plan,
        index: int,
        given: pipelines.Given,
        *,
        tell: Tell,
        stop: Event,
        room: Callable[[], bool],
    ) -> pipelines.Painted | None:
        if stop.is_set():
            return None
        previews = Previews(
            due_steps(planned.runs, every=planned.preview_steps, previews=planned.previews),
            _Decoder(self._pipelines, self._decoding, planned, planned.seeds[index]),
            promised=planned.previews > 0,
            room=room,
        )
        steps = Steps(
            index, planned.runs, stop=stop, pulse=self.pulse, tell=tell, previews=previews
        )
        done = ImageProgress(index=index, step=planned.runs, steps=planned.runs)
        self.pulse.beat()
        try:
            painted = self._pipelines.paint(planned, planned.seeds[index], given, steps)
            again = 0
            while painted is not None and previews.lost and again < _MOST_AGAIN:
                if steps.error is not None or stop.is_set():
                    break
                again += 1
                self._pipelines.paint(planned, planned.seeds[index], given, steps.again)
            if steps.error is not None:
                raise steps.error
            if painted is None:
                return None
            for image in previews.rest():
                if stop.is_set():
                    return None
                self.pulse.beat()
                told = ImageProgress(preview=image)
                told.MergeFrom(done)
                tell(JobEvent(painting=told))
        finally:
            self.pulse.rest()
        tell(JobEvent(painting=done))  # not all steps are told as they are done
        return painted


class _Decoding:
    """What it takes to decode, as far as it is known."""

    def __init__(self) -> None:
        self.pixel_s = 0.0


class _Decoder:
    """See `Decoder`."""

    def __init__(self, pipes: Pipelines, decoding: _Decoding, planned: Plan, seed: int) -> None:
        self._pipelines = pipes
        self._decoding = decoding
        self._planned = planned
        self._seed = seed
        self._pixels = math.prod(planned.sizes.painted)

    @property
    def seconds(self) -> float:
        return self._decoding.pixel_s * self._pixels

    def kept(self, latent: Any) -> Any:
        return self._pipelines.kept(latent)

    def decoded(self, latent: Any) -> Image:
        began = monotonic()
        pixels = self._pipelines.decoded(latent)
        described = _described(self._planned, pixels, self._seed)
        described.data = _file(self._planned, pixels)
        self._decoding.pixel_s = (monotonic() - began) / self._pixels
        return described


def _picture(
    data: bytes, path: str, most_pixels: int, reader: Callable[[bytes | Path, int], Pixels]
) -> Pixels | None:
    if not data and not path:
        return None
    return reader(data or Path(path), most_pixels)


def _size(pixels: Pixels | None) -> tuple[int, int] | None:
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])


def _fitted(image: Pixels | None, mask: Pixels | None, size: tuple[int, int]) -> pipelines.Given:
    return pipelines.Given(
        None if image is None else enlarged(image, *size),
        None if mask is None else enlarged(mask, *size),
    )


def _kept(painted: Pixels, image: Pixels | None, mask: Pixels | None) -> Pixels:
    """What was painted, where the mask is white; elsewhere the picture as it was given."""
    if image is None or mask is None:
        return painted
    height, width = painted.shape[:2]
    new = enlarged(mask, width, height)[..., np.newaxis].astype(np.uint16)
    mixed = painted * new + enlarged(image, width, height) * (_WHITE - new)
    return ((mixed + _HALF) // _WHITE).astype(np.uint8)


def _described(planned: Plan, pixels: Pixels, seed: int) -> Image:
    width, height = planned.sizes.painted
    return Image(
        format=planned.format,
        media_type=media_type(planned.format),
        width=pixels.shape[1],
        height=pixels.shape[0],
        seed=seed,
        painted_width=width,
        painted_height=height,
    )


def _file(planned: Plan, pixels: Pixels) -> bytes:
    return written(pixels, planned.format, planned.quality)


def _parts(name: str, media: str, data: bytes) -> list[JobEvent]:
    starts = range(0, len(data), _PART_BYTES)
    return [
        JobEvent(
            artefact=JobArtefact(
                name=name,
                media_type="" if start else media,
                data=data[start : start + _PART_BYTES],
                last=start == starts[-1],
            )
        )
        for start in starts
    ]
