"""What breaks a rule of the contract is told in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.message import Message

from funland.v1.hardware_pb2 import Acceleration, SetAccelerationRequest
from funland.v1.models_pb2 import LoadModelRequest, LoadSettings
from funland.v1.tasks_pb2 import SubmitTaskRequest, Work
from funland_server.errors import FieldInvalidError
from funland_server.rpc.validation import FORMS, validate

CONTRACT = Path(__file__).parents[3] / "proto" / "funland" / "v1"


def test_every_pattern_of_the_contract_has_words() -> None:
    texts = [path.read_text() for path in sorted(CONTRACT.glob("*.proto"))]
    patterns = {each for text in texts for each in re.findall(r'pattern\s*[:=]\s*"(.+?)"', text)}

    assert patterns == FORMS.keys()


@pytest.mark.parametrize(
    ("request_", "field", "words"),
    [
        (
            SetAccelerationRequest(acceleration=Acceleration(primary_device_id="GPU")),
            "acceleration.primary_device_id", "such as gpu_0",
        ),
        (
            LoadModelRequest(model_id="m", settings=LoadSettings(device_ids=["gpu_0", "GPU"])),
            "settings.device_ids[1]", "such as gpu_0",
        ),
        (
            LoadModelRequest(model_id="m", settings=LoadSettings(device="gpu_0")),
            "settings.device", "belong in device_ids",
        ),
    ],
    ids=["a primary device", "devices of a load", "an id for a name"],
)  # fmt: skip
def test_a_form_that_is_missed_is_described(request_: Message, field: str, words: str) -> None:
    with pytest.raises(FieldInvalidError) as caught:
        validate(request_)

    (violation,) = caught.value.violations
    assert violation.field == field
    assert words in violation.description


def test_of_a_choice_that_is_not_made_its_message_is_to_blame() -> None:
    with pytest.raises(FieldInvalidError) as raised:
        validate(SubmitTaskRequest(work=Work()))

    (violation,) = raised.value.violations
    assert violation.field == "work"
    assert violation.description.startswith("one of chat, generate, ")
