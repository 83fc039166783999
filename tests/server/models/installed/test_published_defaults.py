"""A model of Ollama's registry does what its publisher wants, in a server that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ChatRequest,
    GenerateRequest,
    Message,
    SamplingParameters,
)
from funland.v1.models_pb2 import GetModelRequest, LoadModelRequest, Model, WatchModelsRequest
from funland_server.config import ServerSettings
from funland_server.inference.domain import Inference
from funland_server.inference.service import InferenceService
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.service import ModelService
from funland_server.workers.errors import ModelCannotChatError
from tests import lora_files
from tests.ollama_files import LAYERS, plan_of, without_template

NAME = "tiny:6m"
ID = "tiny-6m"
ASK = Message(role=Message.USER, content="What?")


@dataclass
class Running:
    """The domains that a model goes through, as in a server."""

    models: Models
    models_service: ModelService
    inference: InferenceService
    folder: Path

    async def install(self, layers: Mapping[str, bytes]) -> str:
        plan = plan_of(layers)
        for file in plan.files:
            partial = self.folder / "partial"
            await asyncio.to_thread(partial.write_bytes, layers[file.path])
            await asyncio.to_thread(self.models.blobs.adopt, partial, file.sha256)
        digests = {file.path: file.sha256 for file in plan.files}
        return await self.models.installing.install(plan, plan.model_id, (), digests)

    async def prompt(self, *messages: Message) -> str:
        chat = ChatRequest(model=NAME, messages=messages)
        return (await self.inference.ApplyTemplate(ApplyTemplateRequest(chat=chat))).prompt


@pytest.fixture
async def running(settings: ServerSettings) -> AsyncIterator[Running]:
    models = Models(settings, Metrics())
    await models.start()
    inference = Inference(models, Metrics())
    await inference.start()
    ((_, service),) = models.services()
    assert isinstance(service, ModelService)
    yield Running(models, service, inference.service, settings.home)
    models.announce_stop()
    await models.stop()


@pytest.fixture(scope="session")
def bare(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A GGUF file without a chat template."""
    return without_template(model_path, tmp_path_factory.mktemp("bare") / "bare.gguf")


async def test_it_is_told_of_and_answers_at_once(running: Running, bare: bytes) -> None:
    watch = running.models_service.WatchModels(WatchModelsRequest())
    while not (await anext(watch)).HasField("synced"):
        pass

    await running.install({"model.gguf": bare, **LAYERS})

    told = (await anext(watch)).model
    await watch.aclose()
    assert (told.model_id, told.source, told.can_chat) == (ID, NAME, True)
    assert told.origin == plan_of(LAYERS).origin
    assert told.default_sampling == SamplingParameters(temperature=0, stop=["\n"], max_tokens=7)
    assert told.default_system_message == "Be brief."
    assert told.default_context_length == 128
    answer = await running.inference.Chat(ChatRequest(model=NAME, messages=[ASK]))
    assert answer.usage.completion_tokens <= 7
    assert "\n" not in answer.message.content


async def test_its_template_is_used_with_what_each_chat_begins_with(
    running: Running, bare: bytes
) -> None:
    await running.install({"model.gguf": bare, **LAYERS})
    begin = "[user] Hi.\n[assistant] Yes?\n[user] What?\n[assistant]"

    assert await running.prompt(ASK) == f"[system] Be brief.\n{begin}"
    system = Message(role=Message.SYSTEM, content="Be long.")
    assert await running.prompt(system, ASK) == f"[system] Be long.\n{begin}"


async def test_a_template_of_the_file_goes_before(running: Running, model_path: Path) -> None:
    content = await asyncio.to_thread(model_path.read_bytes)

    await running.install({"model.gguf": content, **LAYERS})

    assert "[user]" not in await running.prompt(ASK)
    assert "Be brief." in await running.prompt(ASK)


async def test_a_template_that_is_not_translated_leaves_a_model_without_chat(
    running: Running, bare: bytes
) -> None:
    layers = {**LAYERS, "template": b"{{ template }}", "params": b"[", "messages": b'[{"role":1}]'}

    await running.install({"model.gguf": bare, **layers})

    model = await running.models_service.GetModel(GetModelRequest(model_id=NAME))
    assert not model.can_chat
    assert not model.HasField("default_sampling")
    with pytest.raises(ModelCannotChatError):
        await running.inference.Chat(ChatRequest(model=NAME, messages=[ASK]))
    request = GenerateRequest(
        model=NAME, prompt="a", as_message=True, sampling=SamplingParameters(max_tokens=2)
    )
    assert (await running.inference.Generate(request)).usage.completion_tokens


async def test_what_a_call_says_goes_before(running: Running, bare: bytes) -> None:
    await running.install({"model.gguf": bare, **LAYERS})

    async def tokens(**sampling: object) -> int:
        asked = SamplingParameters(ignore_end=True, **sampling)  # type: ignore[arg-type]  # fields of it
        request = GenerateRequest(model=NAME, prompt="Once", sampling=asked)
        return (await running.inference.Generate(request)).usage.completion_tokens

    assert await tokens(stop=["never"]) == 7
    assert await tokens(stop=["never"], max_tokens=11) == 11
    assert await tokens(stop=["never"], min_tokens=9, max_tokens=9) == 9


async def test_a_text_that_answers_a_message_has_the_system_message_too(
    running: Running, bare: bytes
) -> None:
    await running.install({"model.gguf": bare, **LAYERS})
    chat = await running.inference.Chat(ChatRequest(model=NAME, messages=[ASK]))

    request = GenerateRequest(model=NAME, prompt=ASK.content, as_message=True)
    answered = await running.inference.Generate(request)
    request.as_message = False
    continued = await running.inference.Generate(request)

    assert answered.usage.prompt_tokens == chat.usage.prompt_tokens
    assert continued.usage.prompt_tokens < chat.usage.prompt_tokens


async def test_a_load_has_the_context_that_is_wanted_unless_it_asks_for_another(
    running: Running, bare: bytes
) -> None:
    await running.install({"model.gguf": bare, **LAYERS})

    async def context(request: LoadModelRequest) -> int:
        return (await running.models_service.LoadModel(request)).loaded.context_length

    assert await context(LoadModelRequest(model_id=NAME)) == 128
    asking = LoadModelRequest(model_id=NAME)
    asking.settings.context_length = 192
    assert await context(asking) == 192


async def test_an_adapter_acts_unless_a_call_names_others(
    running: Running, bare: bytes, tmp_path: Path
) -> None:
    lora_files.write(tmp_path / "adapter.gguf")
    adapter = await asyncio.to_thread((tmp_path / "adapter.gguf").read_bytes)
    layers = {"model.gguf": bare, "adapter.gguf": adapter, "projector.gguf": b"?", **LAYERS}
    await running.install(layers)
    await running.install(layers)
    request = GenerateRequest(
        model=NAME,
        prompt="Once upon a time",
        sampling=SamplingParameters(max_tokens=12, ignore_end=True, stop=["never"]),
    )

    with_adapter = (await running.inference.Generate(request)).text
    request.options.adapters.add(adapter_id="adapter", scale=0)
    without = (await running.inference.Generate(request)).text

    model: Model = await running.models_service.GetModel(GetModelRequest(model_id=NAME))
    assert [one.adapter_id for one in model.adapters] == ["adapter"]
    assert with_adapter != without


async def test_what_is_no_adapter_is_left_out(running: Running, bare: bytes) -> None:
    await running.install({"model.gguf": bare, "adapter.gguf": b"?", **LAYERS})

    model = await running.models_service.GetModel(GetModelRequest(model_id=NAME))
    assert not model.adapters
    assert await running.inference.Chat(ChatRequest(model=NAME, messages=[ASK]))
