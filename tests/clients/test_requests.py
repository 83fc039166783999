"""Requests are built from Python's own values."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import GenerateRequest, Message, SamplingParameters
from funland_client import Sampling, requests
from funland_client.errors import InvalidRequestError


def test_a_text_is_one_message_of_the_user() -> None:
    request = requests.chat("Hello", "tiny", {})

    assert request.model == "tiny"
    assert list(request.messages) == [Message(role=Message.USER, content="Hello")]


def test_a_conversation_takes_dictionaries_and_messages() -> None:
    request = requests.chat(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            Message(role=Message.ASSISTANT, content="Hi"),
        ],
        "",
        {},
    )

    roles = [message.role for message in request.messages]
    assert roles == [Message.SYSTEM, Message.USER, Message.ASSISTANT]


def test_sampling_that_is_not_given_stays_unset() -> None:
    sampling = requests.generate("Once", "", {"temperature": 0}).sampling

    assert sampling.HasField("temperature")
    assert not sampling.HasField("top_p")
    assert not sampling.HasField("seed")


@pytest.mark.parametrize("stop", ["\n\n", ["\n\n"]])
def test_stop_is_a_string_or_several(stop: str | list[str]) -> None:
    assert requests.generate("Once", "", {"stop": stop}).sampling.stop == ["\n\n"]


def test_sampling_has_every_field_of_the_contract() -> None:
    assert set(Sampling.__annotations__) == set(SamplingParameters.DESCRIPTOR.fields_by_name)


def test_a_batch_gives_its_model_and_sampling_to_the_texts_only() -> None:
    own = GenerateRequest(model="other", prompt="two")

    request = requests.generate_batch(["one", own], "tiny", {"max_tokens": 3})

    assert request.requests[0].model == "tiny"
    assert request.requests[0].sampling.max_tokens == 3
    assert request.requests[1] == own


def test_one_text_to_embed_is_not_taken_letter_by_letter() -> None:
    assert list(requests.embed("word", "").inputs) == ["word"]
    assert list(requests.embed(["a", "b"], "").inputs) == ["a", "b"]


def test_a_number_that_the_contract_can_not_hold_names_its_field_as_the_server_does() -> None:
    with pytest.raises(InvalidRequestError) as sampling:
        requests.generate("Once", "", {"top_k": 2**40})
    with pytest.raises(InvalidRequestError) as load:
        requests.load("tiny", None, 2**40, None)

    assert [wrong.field for wrong in sampling.value.field_violations] == ["sampling.top_k"]
    assert [wrong.field for wrong in load.value.field_violations] == ["settings.slots"]


def test_load_settings_that_are_not_given_stay_unset() -> None:
    settings = requests.load("tiny", 512, None, None).settings

    assert settings.context_length == 512
    assert not settings.HasField("slots")
