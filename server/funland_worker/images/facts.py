"""What the files of a model that paints say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest
from funland_worker.engines.protocol import EngineError
from funland_worker.images.suiting import misfit, own_scheduler, unsuited

_PLAIN: Final = frozenset(
    {
        "StableDiffusionPipeline", "StableDiffusionXLPipeline", "LatentConsistencyModelPipeline",
        "StableDiffusion3Pipeline", "FluxPipeline",
    }
)  # fmt: skip
"""The pipelines that paint out of a text alone."""
_FLOWS: Final = frozenset({"StableDiffusion3Pipeline", "FluxPipeline"})
_WITHOUT_NEGATIVE: Final = frozenset({"LatentConsistencyModelPipeline", "FluxPipeline"})
_PATCH: Final = 2
"""Flows take latents in squares of two by two."""
_VAE_LEVELS: Final = 4
"""Those of all models that don't tell."""
_MOST_LEVELS: Final = 8
_TRAINED: Final = 1000
_LCM_STEPS: Final = 50
_MOST_TRAINED: Final = 10_000
"""The library takes as many seconds for six times as many, and the square of it beyond."""
_LARGEST_JSON: Final = 1024**2


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A model as its folder tells of it."""

    pipeline: str
    """Diffusers' name for its kind."""
    painter: str
    """The folder of the network that paints."""
    factor: int
    """How many pixels a side of a latent is."""
    unit: int
    """What the sides of its pictures must be divided by, in pixels: by all of its networks, each
    level of which halves them. The library looks at the decoder's alone, and computes others all
    the same, with numbers that are not there."""
    edits: bool
    """Whether it has what other pictures are read with."""
    flow: bool
    """Whether it was made for the schedulers of flows, and for no others."""
    negative: bool
    """Whether it can be told what is not to be seen."""
    trained_steps: int
    """In how many steps it was trained; it can paint in no more."""
    lcm_steps: int
    """In how many steps latent consistency divides those."""
    scheduler: Mapping[str, Any]
    """Its scheduler's configuration."""


def read_facts(folder: Path) -> PictureFacts:
    """Reads the descriptions in a model's folder.

    Raises:
        EngineError: MODEL_LOAD_FAILED; it is no such model, or one of a kind that is not run here.
    """
    pipeline = str(_json(folder / "model_index.json").get("_class_name", ""))
    if pipeline not in _PLAIN:
        raise _unloadable(f"its kind, {pipeline[:80]!r}, is none of {', '.join(sorted(_PLAIN))}")
    vae = _json(folder / "vae_decoder" / "config.json")
    unit = factor = 2 ** (_levels(vae, "block_out_channels", _VAE_LEVELS) - 1)
    flow = pipeline in _FLOWS
    negative = pipeline not in _WITHOUT_NEGATIVE
    if flow:
        unit *= _PATCH
    else:
        unet = _json(folder / "unet" / "config.json")
        unit *= 2 ** (_levels(unet, "down_block_types", 1) - 1)
        # Then it is told how closely to keep to the prompt, and computes no second picture.
        negative = negative and not isinstance(unet.get("time_cond_proj_dim"), int)
    scheduler = _json(folder / "scheduler" / "scheduler_config.json")
    trained = _number(scheduler, "num_train_timesteps", _TRAINED)
    lcm_steps = _number(scheduler, "original_inference_steps", min(_LCM_STEPS, trained))
    _check_scheduler(scheduler, trained, lcm_steps, flow=flow)
    return PictureFacts(
        pipeline=pipeline,
        painter="transformer" if pipeline in _FLOWS else "unet",
        factor=factor,
        unit=unit,
        edits=(folder / "vae_encoder" / "openvino_model.xml").exists(),
        flow=flow,
        negative=negative,
        trained_steps=trained,
        lcm_steps=lcm_steps,
        scheduler=scheduler,
    )


def read_wishes(folder: Path) -> Mapping[str, float]:
    """In how many steps a model wants to paint, and how closely to keep to prompts, if whoever made
    it says so beside its networks. Only what can be."""
    path = folder / "generation_config.json"
    said = _json(path) if path.exists() else dict[str, Any]()
    wishes: dict[str, float] = {}
    for key, least, most in (("num_inference_steps", 1, 200), ("guidance_scale", 0, 50)):
        value = said.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if least <= value <= most:
            wishes[key] = value
    return wishes


def _check_scheduler(
    config: Mapping[str, Any], trained: int, lcm_steps: int, *, flow: bool
) -> None:
    own = own_scheduler(config)
    made = own == GenerateImagesRequest.FLOW_MATCH_EULER_DISCRETE
    why = unsuited(config, own) or misfit(config, trained, lcm_steps)
    if own != GenerateImagesRequest.SCHEDULER_UNSPECIFIED and made != flow:
        why = f"it is {config['_class_name']}, which does not paint with models of this kind"
    if why:
        raise _unloadable(f"of scheduler/scheduler_config.json, {why}")


def _levels(config: Mapping[str, Any], key: str, unsaid: int) -> int:
    said = config.get(key)
    if not isinstance(said, list):
        return unsaid
    levels = len(cast("list[object]", said))
    if not 1 <= levels <= _MOST_LEVELS:
        raise _unloadable(f"{key} has {levels} values")
    return levels


def _number(config: Mapping[str, Any], key: str, unsaid: int) -> int:
    value = config.get(key, unsaid)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_TRAINED:
        raise _unloadable(f"{key} is {str(value)[:40]}")
    return value


def _json(path: Path) -> Mapping[str, Any]:
    """The object of a JSON file."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise _unloadable(f"{path.name} is larger than {_LARGEST_JSON} bytes")
        read = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _unloadable(f"{path.parent.name}/{path.name} can't be read") from error
    if not isinstance(read, dict):
        raise _unloadable(f"{path.name} is no JSON object")
    return cast("Mapping[str, Any]", read)


def _unloadable(why: str) -> EngineError:
    return EngineError(ErrorReason.MODEL_LOAD_FAILED, f"The model can't be loaded: {why}.")
