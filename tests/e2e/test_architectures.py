"""Models of uncommon architectures through the whole service: right, or refused by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from funland.v1 import inference_pb2 as inference
from funland.v1 import models_pb2 as models
from funland_worker.engines.llama_cpp.model import LlamaModel
from tests.faults.service import Service, connect, failure
from tests.server.models.formats.test_gguf import STRING, entry, gguf, text
from tests.worker.engines.llama_cpp.fresh_context import check_greedy
from tools.zoo.files import write_model
from tools.zoo.headers import CONTEXT

if TYPE_CHECKING:
    from tests.conftest import Stack

SYSTEM = "You are kind and short, and answer in one sentence. " * 4
Install = Callable[[Path], Awaitable[str]]


@pytest.fixture
async def service(stack: Stack) -> AsyncIterator[Service]:
    async with connect(stack) as service:
        yield service


@pytest.fixture
async def install(service: Service) -> AsyncIterator[Install]:
    """Installs a file until the test is over, and gives its id."""
    installed: list[str] = []

    async def add(path: Path) -> str:
        model = await service.models.ImportModel(models.ImportModelRequest(path=str(path)))
        installed.append(model.model_id)
        return model.model_id

    yield add
    for model_id in installed:
        await service.models.DeleteModel(models.DeleteModelRequest(model_id=model_id))


async def generate(service: Service, model: str, prompt: str) -> list[int]:
    """The likeliest tokens after a prompt."""
    answer = await service.inference.Generate(
        inference.GenerateRequest(
            model=model,
            prompt=prompt,
            sampling=inference.SamplingParameters(temperature=0, max_tokens=8),
            options=inference.GenerationOptions(top_logprobs=0),
        ),
        timeout=60,
    )
    return [chosen.token_id for chosen in answer.logprobs]


@pytest.mark.parametrize("architecture", ["minimax-m3", "deepseek4", "plm", "qwen3next"])
async def test_texts_are_llama_cpps_alone_and_together(
    service: Service, install: Install, tmp_path: Path, architecture: str
) -> None:
    path = write_model(tmp_path, architecture)
    name, model = await install(path), LlamaModel(path)
    prompts = [f"{SYSTEM}What is {number}?" for number in range(8)]

    made = [await generate(service, name, prompts[0])]
    for several in (2, 8):
        made += await asyncio.gather(
            *(generate(service, name, prompt) for prompt in prompts[:several])
        )

    for prompt, chosen in zip([prompts[0], *prompts[:2], *prompts], made, strict=True):
        known = model.vocabulary.tokenize(prompt, add_special=True, parse_special=True)
        check_greedy(model, known, chosen)
        assert chosen
    state = await service.models.GetModel(models.GetModelRequest(model_id=name))
    assert state.loaded.restarts == 0


async def test_a_context_ends_where_the_positions_do(
    service: Service, install: Install, tmp_path: Path
) -> None:
    name = await install(write_model(tmp_path, "gpt2"))
    settings = models.LoadSettings(context_length=CONTEXT + 1)

    refused = await failure(
        service.models.LoadModel(models.LoadModelRequest(model_id=name, settings=settings))
    )

    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["settings.context_length"])
    settings.context_length = CONTEXT
    await service.models.LoadModel(models.LoadModelRequest(model_id=name, settings=settings))
    assert len(await generate(service, name, "word " * (CONTEXT - 100))) == 8


async def test_attention_that_a_model_can_not_have_is_refused_by_its_field_and_nothing_is_lost(
    service: Service, install: Install, tmp_path: Path
) -> None:
    name = await install(write_model(tmp_path, "grok"))

    async def refused(**settings: Any) -> list[str]:
        request = models.LoadModelRequest(model_id=name, settings=models.LoadSettings(**settings))
        told = await failure(service.models.LoadModel(request))
        assert told.reason == "FIELD_INVALID"
        return [*told.fields]

    assert await refused(flash_attention=True) == ["settings.flash_attention"]
    assert await refused(value_type="Q8_0") == ["settings.value_type"]
    assert len(await generate(service, name, "a")) == 8


async def test_vectors_that_llama_cpp_can_not_give_are_refused_and_nothing_is_lost(
    service: Service, install: Install, tmp_path: Path
) -> None:
    name = await install(write_model(tmp_path, "deepseek4"))

    refused = await failure(
        service.inference.Embed(inference.EmbedRequest(model=name, inputs=["a"]), timeout=60)
    )

    assert refused.reason == "ENGINE_UNSUPPORTED"
    assert refused.metadata["feature"] == "embeddings"
    assert len(await generate(service, name, "a")) == 8


async def test_a_context_that_embeds_has_room_beside_the_one_that_writes(
    service: Service, install: Install, tmp_path: Path
) -> None:
    """llama.cpp sets much address space aside for this one's plans: 0.9 GB, then 0.4."""
    name = await install(write_model(tmp_path, "hrm_text"))

    before = await generate(service, name, "a")
    await service.inference.Embed(inference.EmbedRequest(model=name, inputs=["a"]), timeout=60)

    assert await generate(service, name, "a") == before


async def test_a_recurrent_model_runs_fewer_texts_if_nobody_asked_for_more(
    service: Service, install: Install, tmp_path: Path
) -> None:
    path = write_model(tmp_path, "mamba2", ssm__inner_size=128, ssm__state_size=4096)
    name = await install(path)
    settings = models.LoadSettings(memory_limit_bytes=250 * 10**6)

    model = await service.models.LoadModel(
        models.LoadModelRequest(model_id=name, settings=settings), timeout=60
    )

    assert 1 <= model.loaded.slots < 32
    assert len(await generate(service, name, "a")) == 8


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("general.architecture", "clip", "projector"),
        ("general.architecture", "eagle3", "draft head"),
        ("general.architecture", "dflash", "draft head"),
        ("general.architecture", "qwen3tts", "speech"),
        ("general.architecture", "pockettts", "speech"),
        ("general.architecture", "t5", "encoder beside its decoder"),
        ("general.type", "adapter", "LoRA"),
        ("general.type", "mmproj", "projector"),
    ],
)
async def test_what_is_no_model_of_text_is_told_at_the_import(
    service: Service, tmp_path: Path, key: str, value: str, words: str
) -> None:
    path = tmp_path / "other.gguf"
    architecture = entry("general.architecture", STRING, text("llama"))
    entries = (entry(key, STRING, text(value)),)
    path.write_bytes(gguf(entries if key.endswith("ure") else (architecture, *entries)))

    refused = await failure(service.models.ImportModel(models.ImportModelRequest(path=str(path))))

    assert refused.reason == "MODEL_FILE_INVALID"
    assert refused.message.startswith("other.gguf is a")
    assert words in refused.message


@pytest.mark.parametrize("architecture", ["dream", "t5encoder"])
async def test_what_reads_a_text_as_a_whole_embeds_and_says_that_it_writes_none(
    service: Service, install: Install, tmp_path: Path, architecture: str
) -> None:
    name = await install(write_model(tmp_path, architecture))
    before = await service.models.GetModel(models.GetModelRequest(model_id=name))

    answer = await service.inference.Embed(
        inference.EmbedRequest(model=name, inputs=["a", "a longer text", "a"]), timeout=60
    )
    refused = await failure(
        service.inference.Generate(inference.GenerateRequest(model=name, prompt="a"))
    )

    first, other, same = (list(each.values) for each in answer.embeddings)
    assert first == pytest.approx(same) != pytest.approx(other)
    assert refused.reason == "MODEL_CANNOT_GENERATE"
    after = await service.models.GetModel(models.GetModelRequest(model_id=name))
    for model in (before, after):
        assert (model.can_generate, model.can_chat) == (False, False)
