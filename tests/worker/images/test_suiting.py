"""Which schedulers compute what a model's configuration says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest
from funland_worker.engines.protocol import EngineError
from funland_worker.images.facts import PictureFacts, read_facts
from funland_worker.images.suiting import own_scheduler, told, unsuited

OF_TEXTS = ("LCM", "DDIM", "EULER_DISCRETE", "EULER_ANCESTRAL_DISCRETE", "PNDM")
Reader = Callable[..., PictureFacts]


@pytest.mark.parametrize(
    ("config", "suit"),
    [
        ({}, OF_TEXTS),
        ({"prediction_type": None, "thresholding": False, "use_karras_sigmas": None}, OF_TEXTS),
        ({"prediction_type": "v_prediction"}, OF_TEXTS[1:]),
        ({"prediction_type": "sample"}, ("DDIM", "EULER_DISCRETE")),
        ({"thresholding": True}, ("EULER_DISCRETE", "EULER_ANCESTRAL_DISCRETE", "PNDM")),
        ({"clip_sample": True}, tuple(one for one in OF_TEXTS if one != "DDIM")),
        ({"use_karras_sigmas": True}, tuple(one for one in OF_TEXTS if one != "EULER_DISCRETE")),
    ],
)
def test_a_scheduler_is_refused_what_it_can_not_compute(
    config: dict[str, Any], suit: tuple[str, ...]
) -> None:
    own = {"_class_name": "PNDMScheduler", **config}
    wanted = {name: GenerateImagesRequest.Scheduler.Value(name) for name in OF_TEXTS}

    assert suit == tuple(
        name for name, value in wanted.items() if not unsuited(told(own, value), value)
    )


def test_of_its_own_one_what_is_not_said_is_as_it_is_usual() -> None:
    """Diffusers' DDIM clips unless it is told not to."""
    own = {"_class_name": "DDIMScheduler"}

    assert unsuited(own, own_scheduler(own)).startswith("clip_sample")


@pytest.fixture
def facts(picture_model: Path, tmp_path: Path) -> Reader:
    def read(part: str = "scheduler/scheduler_config", **changed: Any) -> PictureFacts:
        folder = tmp_path / "model"
        shutil.copytree(picture_model, folder)
        path = folder / f"{part}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
        return read_facts(folder)

    return read


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"num_train_timesteps": 0}, "num_train_timesteps is 0"),
        ({"num_train_timesteps": 10_001}, "num_train_timesteps is 10001"),
        ({"original_inference_steps": 1001}, "original_inference_steps, 1001"),
        ({"steps_offset": 5}, "steps_offset is 5, and must be from 0 to 4"),
        ({"steps_offset": -1}, "steps_offset is -1"),
        ({"steps_offset": "1"}, "steps_offset is 1"),
        ({"steps_offset": 1, "num_train_timesteps": 100}, "from 0 to 0"),
        ({"trained_betas": [0.1] * 10}, "trained_betas are not 1000"),
        ({"clip_sample": True}, "clip_sample"),
        ({"_class_name": "LCMScheduler", "prediction_type": "v_prediction"}, "prediction_type"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "models of this kind"),
    ],
)
def test_a_configuration_that_leads_astray_is_not_loaded(
    facts: Reader, changed: dict[str, Any], why: str
) -> None:
    with pytest.raises(EngineError, match=why) as raised:
        facts(**changed)

    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED


def test_what_a_configuration_may_say_is_loaded(facts: Reader) -> None:
    read = facts(steps_offset=4, trained_betas=[0.01] * 1000, original_inference_steps=1000)

    assert (read.trained_steps, read.lcm_steps, read.negative) == (1000, 1000, True)


def test_a_network_that_is_told_how_closely_to_keep_to_the_prompt_takes_no_negative_one(
    facts: Reader,
) -> None:
    assert not facts("unet/config", time_cond_proj_dim=256).negative
