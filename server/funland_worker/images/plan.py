"""What a request means for a model: every number, checked before a library sees it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest, Image
from funland_worker.engines.protocol import EngineError
from funland_worker.images.facts import PictureFacts
from funland_worker.images.sizes import Canvas, Size, Sizes, refused, sizes
from funland_worker.images.suiting import MOST_STEPS, Scheduler, own_scheduler, told, unsuited

_STRENGTH = 0.8
_MOST_N, _MOST_GUIDANCE, _MOST_SCALE = 16, 50.0, 4.0
_MOST_PREVIEWS = 8
_SEEDS = 2**32
_COLOURS = 3
_HEAD_BYTES = 4096
"""What a file has beside its pixels, which may take a little more than they are."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """How a model paints that is told nothing."""

    steps: int
    guidance_scale: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What pictures may take."""

    pixels: int
    bytes: int = 0
    """Of all of an answer together; 0: any number."""


@dataclass(frozen=True, slots=True)
class Given:
    """The pictures that a request begins with, by their sizes."""

    image: Size | None = None
    mask: Size | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Pictures to paint."""

    prompt: str
    negative_prompt: str | None
    sizes: Sizes
    steps: int
    """What the scheduler is told."""
    runs: int
    """In how many steps a picture is painted."""
    guidance_scale: float
    seeds: tuple[int, ...]
    """One of each picture."""
    scheduler: Scheduler
    strength: float | None
    """None: nothing is given to begin with."""
    adapters: tuple[tuple[str, float], ...]
    format: Image.Format.ValueType
    quality: int
    preview_steps: int
    """A preview after each so many steps; 0: none."""
    previews: int
    """So many of each picture."""


def plan_of(
    request: GenerateImagesRequest,
    facts: PictureFacts,
    canvas: Canvas,
    defaults: Defaults,
    limits: Limits,
    *,
    given: Given,
    adapters: Collection[str],
) -> Plan:
    """The plan of a request; `adapters` are the ids of those that the model has.

    Raises:
        EngineError: FIELD_INVALID or ADAPTER_NOT_FOUND.
    """
    n = int(_between("n", request.n or 1, 1, _MOST_N))
    strength = _strength(request, facts, given)
    scheduler = _scheduler(request.scheduler, facts)
    steps = request.steps if request.HasField("steps") else defaults.steps
    steps, runs = _steps(steps, strength, facts, lcm=_is_lcm(scheduler, facts))
    guidance = defaults.guidance_scale
    if request.HasField("guidance_scale"):
        guidance = _between("guidance_scale", request.guidance_scale, 0, _MOST_GUIDANCE)
    size = sizes(
        (
            request.width if request.HasField("width") else None,
            request.height if request.HasField("height") else None,
        ),
        given.image,
        canvas,
        upscale=request.upscale,
        most_pixels=limits.pixels,
    )
    _check_bytes(n, size.size, limits.bytes)
    every, previews = _previews(request)
    return Plan(
        prompt=request.prompt,
        negative_prompt=_negative(request, facts, guidance),
        sizes=size,
        steps=steps,
        runs=runs,
        guidance_scale=guidance,
        seeds=tuple((request.seed + number) % _SEEDS for number in range(n)),
        scheduler=scheduler,
        strength=strength,
        adapters=_adapters(request, adapters),
        format=_format(request.format),
        quality=int(_between("quality", request.quality, 0, 100)),
        preview_steps=every,
        previews=previews,
    )


def _is_lcm(scheduler: Scheduler, facts: PictureFacts) -> bool:
    return (scheduler or own_scheduler(facts.scheduler)) == GenerateImagesRequest.LCM


def _strength(request: GenerateImagesRequest, facts: PictureFacts, given: Given) -> float | None:
    """How much of what is given is changed, as the library counts: in 32 bits."""
    if given.mask is not None and given.image is None:
        raise refused("mask", "has no `image` that it is the mask of")
    if given.image is None:
        if request.HasField("strength"):
            raise refused("strength", "needs an `image`, which it is the strength of")
        return None
    if not facts.edits:
        raise refused("image", "the model paints out of texts alone: it has no encoder of pictures")
    if given.mask is not None and given.mask != given.image:
        mask, image = given.mask, given.image
        raise refused(
            "mask", f"is {mask[0]}x{mask[1]}, and must be {image[0]}x{image[1]} as `image` is"
        )
    if not request.HasField("strength"):
        return _STRENGTH
    return _between("strength", request.strength, 0, 1)


def _scheduler(wanted: Scheduler, facts: PictureFacts) -> Scheduler:
    if wanted == GenerateImagesRequest.SCHEDULER_UNSPECIFIED:
        return wanted
    flow = wanted == GenerateImagesRequest.FLOW_MATCH_EULER_DISCRETE
    if flow != facts.flow:
        made = "made for flows, and paints by FLOW_MATCH_EULER_DISCRETE alone"
        raise refused("scheduler", f"the model is {made if facts.flow else 'not made for flows'}")
    if wanted not in GenerateImagesRequest.Scheduler.values():
        raise refused("scheduler", "there is no such scheduler")
    if why := unsuited(told(facts.scheduler, wanted), wanted):
        raise refused("scheduler", f"of the model's configuration, {why}")
    return wanted


def _steps(
    steps: int, strength: float | None, facts: PictureFacts, *, lcm: bool
) -> tuple[int, int]:
    """What the scheduler is told, and how many of these are painted."""
    most = min(MOST_STEPS, facts.trained_steps)
    if lcm and strength is not None:
        # It divides steps of its own, of which `strength` leaves some.
        most = min(most, int(np.float32(facts.lcm_steps) * np.float32(strength)))
        if most < 1:
            raise refused("strength", f"{strength:g} leaves latent consistency no step")
    elif lcm:
        most = min(most, facts.lcm_steps)
    if not 1 <= steps <= most:
        raise refused("steps", f"{steps} is not between 1 and {most}, which the scheduler can")
    if lcm or strength is None:
        return steps, steps
    runs = int(np.float32(steps) * np.float32(strength))
    if runs < 1:
        least = math.ceil(1000 / steps) / 1000
        raise refused(
            "strength",
            f"of {steps} steps {strength:g} is less than one; take at least {least:g}, or more"
            " `steps`",
        )
    return steps, runs


def _negative(request: GenerateImagesRequest, facts: PictureFacts, guidance: float) -> str | None:
    if not request.negative_prompt:
        return None
    if not facts.negative:
        raise refused("negative_prompt", "the model can't be told what is not to be seen")
    if guidance <= 1:
        raise refused(
            "negative_prompt", f"needs a `guidance_scale` above 1, and it is {guidance:g}"
        )
    return request.negative_prompt


def _previews(request: GenerateImagesRequest) -> tuple[int, int]:
    if request.preview_steps and request.previews:
        raise refused("previews", "must be 0 beside `preview_steps`")
    return (
        int(_between("preview_steps", request.preview_steps, 0, MOST_STEPS)),
        int(_between("previews", request.previews, 0, _MOST_PREVIEWS)),
    )


def _format(wanted: Image.Format.ValueType) -> Image.Format.ValueType:
    if wanted not in Image.Format.values():
        raise refused("format", "there is no such format")
    return wanted or Image.PNG


def _adapters(
    request: GenerateImagesRequest, known: Collection[str]
) -> tuple[tuple[str, float], ...]:
    wanted: dict[str, float] = {}
    for number, adapter in enumerate(request.adapters):
        if adapter.adapter_id not in known:
            raise EngineError(
                ErrorReason.ADAPTER_NOT_FOUND,
                f"The model has no adapter {adapter.adapter_id!r}.",
                adapter=adapter.adapter_id,
            )
        if adapter.adapter_id in wanted:
            raise refused(f"adapters[{number}].adapter_id", "is there twice")
        scale = adapter.scale if adapter.HasField("scale") else 1.0
        wanted[adapter.adapter_id] = _between(
            f"adapters[{number}].scale", scale, -_MOST_SCALE, _MOST_SCALE
        )
    return tuple(sorted(wanted.items()))


def _check_bytes(n: int, size: Size, most: int) -> None:
    """Whether so many pictures go into one answer, were they nothing but noise."""
    each = math.prod(size) * _COLOURS + size[1] + _HEAD_BYTES
    if most and n * each > most:
        raise refused(
            "n",
            f"so many pictures of {size[0]}x{size[1]} may be more than one answer holds; take at"
            f" most {most // each}, StreamGenerateImages, or a task",
        )


def _between(field: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:  # what is no number is not
        raise refused(field, f"must be from {least:g} to {most:g}")
    return value
