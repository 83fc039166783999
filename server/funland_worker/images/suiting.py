"""Which schedulers compute what a model's configuration of its own one says.

The library passes over some of what a scheduler can't, ends the process at other, and reads beside
its tables if their sizes don't fit. So all of it is looked at before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from funland.v1.images_pb2 import GenerateImagesRequest

Scheduler = GenerateImagesRequest.Scheduler.ValueType

_OWN: Final[Mapping[object, Scheduler]] = {
    "LCMScheduler": GenerateImagesRequest.LCM,
    "DDIMScheduler": GenerateImagesRequest.DDIM,
    "EulerDiscreteScheduler": GenerateImagesRequest.EULER_DISCRETE,
    "EulerAncestralDiscreteScheduler": GenerateImagesRequest.EULER_ANCESTRAL_DISCRETE,
    "PNDMScheduler": GenerateImagesRequest.PNDM,
    "FlowMatchEulerDiscreteScheduler": GenerateImagesRequest.FLOW_MATCH_EULER_DISCRETE,
}
"""By diffusers' names."""
_USUAL: Final = "epsilon"
_VELOCITY: Final = "v_prediction"
_PREDICTIONS: Final[Mapping[Scheduler, Sequence[str]]] = {
    GenerateImagesRequest.LCM: (_USUAL,),
    GenerateImagesRequest.EULER_ANCESTRAL_DISCRETE: (_USUAL, _VELOCITY),
    GenerateImagesRequest.PNDM: (_USUAL, _VELOCITY),
}
"""What a network may predict; of the others anything that is known at all."""
_LACKS: Final[Mapping[Scheduler, Mapping[str, bool]]] = {
    GenerateImagesRequest.LCM: {"thresholding": False},
    GenerateImagesRequest.DDIM: {"thresholding": False, "clip_sample": True},
    GenerateImagesRequest.EULER_DISCRETE: {"use_karras_sigmas": False},
}
"""What it can't do, and whether it is told to by a configuration that does not say."""
MOST_STEPS: Final = 200
"""In how many steps a picture is painted, at most."""


def own_scheduler(config: Mapping[str, Any]) -> Scheduler:
    """That of a configuration; SCHEDULER_UNSPECIFIED if it is none that requests can ask for."""
    return _OWN.get(config.get("_class_name"), GenerateImagesRequest.SCHEDULER_UNSPECIFIED)


def told(own: Mapping[str, Any], wanted: Scheduler) -> Mapping[str, Any]:
    """What a scheduler is configured with for a model whose own one is configured with `own`: what
    both know stays, and the rest is as the scheduler has it."""
    if wanted == GenerateImagesRequest.SCHEDULER_UNSPECIFIED:
        return own
    kept = {key: value for key, value in own.items() if not key.startswith("_")}
    if wanted == GenerateImagesRequest.PNDM:
        kept["skip_prk_steps"] = True  # the library knows no other PNDM
    if wanted == GenerateImagesRequest.DDIM and own_scheduler(own) != wanted:
        kept.setdefault("clip_sample", False)  # nor another DDIM
    return kept


def unsuited(config: Mapping[str, Any], scheduler: Scheduler) -> str:
    """What of a model's configuration a scheduler can't compute; empty: it can."""
    told = config.get("prediction_type") or _USUAL
    known = _PREDICTIONS.get(scheduler)
    if known is not None and told not in known:
        return f"prediction_type is {str(told)[:40]}, and it computes {' and '.join(known)} alone"
    for key, unsaid in _LACKS.get(scheduler, {}).items():
        if config.get(key, unsaid):
            return f"{key} is not false, and it can do nothing else"
    return ""


def misfit(config: Mapping[str, Any], trained_steps: int, lcm_steps: int) -> str:
    """Which number of a configuration would lead beside the scheduler's tables, which have one
    entry for each of `trained_steps`; empty: none."""
    if lcm_steps > trained_steps:
        return f"original_inference_steps, {lcm_steps}, are more than num_train_timesteps"
    # Of n steps the first begins at (n - 1) times their distance, and the offset.
    most = trained_steps // min(MOST_STEPS, trained_steps) - 1
    offset = config.get("steps_offset") or 0
    if not isinstance(offset, int) or not 0 <= offset <= most:
        return f"steps_offset is {str(offset)[:40]}, and must be from 0 to {most}"
    betas = config.get("trained_betas")
    if isinstance(betas, list) and len(cast("list[object]", betas)) not in (0, trained_steps):
        return f"trained_betas are not {trained_steps}, as num_train_timesteps says"
    return ""
