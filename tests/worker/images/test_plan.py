"""What a request means for a model."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest, Image, ImageAdapter
from funland_worker.engines.protocol import EngineError
from funland_worker.images.facts import PictureFacts
from funland_worker.images.plan import Defaults, Given, Limits, Plan, plan_of
from funland_worker.images.sizes import Canvas

FACTS = PictureFacts(
    pipeline="StableDiffusionPipeline", painter="unet", factor=8, unit=64, edits=True, flow=False,
    negative=True,
    trained_steps=1000, lcm_steps=50, scheduler={"_class_name": "DDIMScheduler"},
)  # fmt: skip
CANVAS = Canvas((512, 512), unit=64)
PICTURE = Given(image=(512, 512))
VELOCITY = {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}
NAN, INFINITE = float("nan"), float("inf")


def planned(
    fields: dict[str, Any], given: Given | None = None, facts: PictureFacts = FACTS,
    limits: Limits | None = None,
) -> Plan:  # fmt: skip
    given_fields: dict[str, Any] = {"prompt": "a cat", **fields}
    return plan_of(
        GenerateImagesRequest(**given_fields),
        facts,
        CANVAS,
        Defaults(steps=50, guidance_scale=7.5),
        limits or Limits(4 * 1024**2),
        given=given or Given(),
        adapters=("ink", "oil"),
    )


def test_what_is_unset_is_as_the_model_wants() -> None:
    plan = planned({})

    assert (plan.steps, plan.runs, plan.guidance_scale) == (50, 50, 7.5)
    assert (plan.sizes.size, plan.seeds) == ((512, 512), (0,))
    assert (plan.strength, plan.negative_prompt, plan.adapters) == (None, None, ())
    assert (plan.format, plan.quality) == (Image.PNG, 0)


def test_each_picture_has_the_next_seed() -> None:
    assert planned({"n": 3, "seed": 7}).seeds == (7, 8, 9)
    assert planned({"n": 3, "seed": 2**32 - 2}).seeds == (2**32 - 2, 2**32 - 1, 0)


@pytest.mark.parametrize(
    ("steps", "strength", "runs"),
    [
        (50, None, 40),
        (10, 0.3, 3),  # as the library counts: in 32 bits
        (10, 0.7, 7),
        (10, 1.0, 10),
        (6, 0.17, 1),
    ],
)
def test_of_a_pictures_steps_some_are_painted(
    steps: int, strength: float | None, runs: int
) -> None:
    fields = {"steps": steps} | ({} if strength is None else {"strength": strength})

    assert planned(fields, PICTURE).runs == runs


def test_latent_consistency_paints_all_its_steps() -> None:
    lcm = replace(FACTS, scheduler={"_class_name": "LCMScheduler"})

    assert planned({"steps": 4, "strength": 0.2}, PICTURE, lcm).runs == 4
    assert planned({"steps": 4, "strength": 0.2, "scheduler": "LCM"}, PICTURE).runs == 4


@pytest.mark.parametrize(
    ("fields", "given", "field", "told"),
    [
        ({"n": 17}, None, "n", "from 1 to 16"),
        ({"n": -1}, None, "n", "from 1 to 16"),
        ({"steps": 0}, None, "steps", "between 1 and 200"),
        ({"steps": 201}, None, "steps", "between 1 and 200"),
        ({"steps": -5}, None, "steps", "between 1 and 200"),
        ({"steps": 51, "scheduler": "LCM"}, None, "steps", "between 1 and 50"),
        ({"steps": 11, "scheduler": "LCM", "strength": 0.2}, PICTURE, "steps", "1 and 10"),
        ({"steps": 1, "scheduler": "LCM", "strength": 0.0}, PICTURE, "strength", "no step"),
        ({"guidance_scale": NAN}, None, "guidance_scale", "from 0 to 50"),
        ({"guidance_scale": INFINITE}, None, "guidance_scale", "from 0 to 50"),
        ({"guidance_scale": -0.1}, None, "guidance_scale", "from 0 to 50"),
        ({"negative_prompt": "x", "guidance_scale": 1}, None, "negative_prompt", "above 1"),
        ({"strength": 0.5}, None, "strength", "needs an `image`"),
        ({"strength": NAN}, PICTURE, "strength", "from 0 to 1"),
        ({"strength": 1.5}, PICTURE, "strength", "from 0 to 1"),
        ({"strength": 0.3, "steps": 3}, PICTURE, "strength", "at least 0.334"),
        ({"strength": 0.0}, PICTURE, "strength", "less than one"),
        ({}, Given(mask=(8, 8)), "mask", "no `image`"),
        ({}, Given((512, 512), (512, 511)), "mask", "must be 512x512"),
        ({"scheduler": "FLOW_MATCH_EULER_DISCRETE"}, None, "scheduler", "not made for flows"),
        ({"scheduler": 99}, None, "scheduler", "no such"),
        ({"width": 500}, None, "width", "nearest"),
        ({"format": 99}, None, "format", "no such"),
        ({"quality": 101}, None, "quality", "from 0 to 100"),
        ({"quality": -1}, None, "quality", "from 0 to 100"),
        ({"preview_steps": -1}, None, "preview_steps", "from 0"),
        ({"previews": 9}, None, "previews", "from 0 to 8"),
        ({"preview_steps": 2, "previews": 2}, None, "previews", "beside"),
        ({"adapters": [ImageAdapter(adapter_id="ink", scale=NAN)]}, None, "adapters[0].scale", "4"),
        ({"adapters": [ImageAdapter(adapter_id="ink", scale=5)]}, None, "adapters[0].scale", "4"),
        ({"adapters": [ImageAdapter(adapter_id="ink")] * 2}, None, "adapters[1].adapter_id", "tw"),
    ],
)
def test_what_the_library_must_not_see_is_refused_by_its_field(
    fields: dict[str, Any], given: Given | None, field: str, told: str
) -> None:
    with pytest.raises(EngineError, match=told) as raised:
        planned(fields, given)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata["field"] == field


@pytest.mark.parametrize(
    ("changed", "fields", "given", "field"),
    [
        ({"edits": False}, {}, PICTURE, "image"),
        ({"negative": False}, {"negative_prompt": "x"}, None, "negative_prompt"),
        ({"flow": True}, {"scheduler": "DDIM"}, None, "scheduler"),
        ({"trained_steps": 20}, {}, None, "steps"),
        ({"scheduler": VELOCITY}, {"scheduler": "LCM"}, None, "scheduler"),
    ],
)
def test_what_the_model_can_not_is_refused(
    changed: dict[str, Any], fields: dict[str, Any], given: Given | None, field: str
) -> None:
    with pytest.raises(EngineError) as raised:
        planned(fields, given, replace(FACTS, **changed))

    assert raised.value.metadata["field"] == field


@pytest.mark.parametrize("steps", range(1, 201))
def test_the_strength_that_is_advised_is_enough(steps: int) -> None:
    with pytest.raises(EngineError, match="at least") as raised:
        planned({"steps": steps, "strength": 0.0}, PICTURE)
    [advised] = re.findall(r"at least ([0-9.]+),", raised.value.message)

    assert planned({"steps": steps, "strength": float(advised)}, PICTURE).runs == 1


def test_adapters_are_those_of_the_model_in_one_order() -> None:
    wanted = [ImageAdapter(adapter_id="oil", scale=0.5), ImageAdapter(adapter_id="ink")]

    assert planned({"adapters": wanted}).adapters == (("ink", 1.0), ("oil", 0.5))
    with pytest.raises(EngineError) as raised:
        planned({"adapters": [ImageAdapter(adapter_id="chalk")]})
    assert raised.value.reason == ErrorReason.ADAPTER_NOT_FOUND
    assert raised.value.metadata == {"adapter": "chalk"}


def test_pictures_that_may_not_go_into_one_answer_are_not_begun() -> None:
    limits = Limits(4 * 1024**2, 60 * 1024**2)
    large = {"width": 1024, "height": 1024}

    assert len(planned({"n": 16, **large}, limits=limits).seeds) == 16
    with pytest.raises(EngineError, match="at most 4") as raised:
        planned({"n": 5, "width": 2048, "height": 2048, "upscale": True}, limits=limits)
    assert raised.value.metadata["field"] == "n"
    assert len(planned({"n": 16, "width": 2048, "height": 2048, "upscale": True}).seeds) == 16
