"""Models of uploaded files and of other models, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from funland.v1.deployments_pb2 import (
    Deployment,
    StartDeploymentRequest,
    WatchDeploymentsRequest,
)
from funland.v1.files_pb2 import DeleteFileRequest, UploadFileRequest
from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ChatRequest,
    GenerateRequest,
    GetTokenizerRequest,
    Message,
    SamplingParameters,
)
from funland.v1.models_pb2 import (
    AttachAdapterRequest,
    DeleteModelRequest,
    GetModelRequest,
    ImportModelRequest,
    ListModelsRequest,
    ModelDefaults,
)
from funland_server.app import Server
from funland_server.errors import FieldInvalidError
from funland_server.models.installed.defaults import Defaults
from funland_server.models.wanted import wanted_defaults
from tests import lora_files
from tests.ollama_files import TEMPLATE
from tests.server.conftest import call, details, streamed
from tests.server.files.test_files import parts, upload
from tests.split_files import split

TINY = "funland-tiny"
GREEDY = SamplingParameters(temperature=0, max_tokens=6)
SHORTER = SamplingParameters(temperature=0, max_tokens=2)
HELLO = Message(role=Message.USER, content="Hello!")


async def kept(server: Server, path: Path, name: str = "") -> str:
    data = await asyncio.to_thread(path.read_bytes)
    head = UploadFileRequest(name=name or path.name, purpose="model")
    return (await upload(server, head, *parts(data))).file_id


async def refused(server: Server, **request: Any) -> tuple[str, str]:
    """The reason and the message of an import that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "ImportModel", ImportModelRequest(**request))
    return details(raised.value)["ErrorInfo"].reason, raised.value.details() or ""


async def said(server: Server, model: str) -> str:
    request = ChatRequest(model=model, messages=[HELLO], sampling=GREEDY)
    return (await call(server, "Chat", request)).message.content


async def test_a_model_is_made_of_an_uploaded_file_and_outlives_it(
    server: Server, model_path: Path
) -> None:
    file_id = await kept(server, model_path, "Mine Q8.gguf")

    made = await call(server, "ImportModel", ImportModelRequest(file_id=file_id, aliases=["m"]))
    await call(server, "DeleteFile", DeleteFileRequest(file_id=file_id))

    assert made.model_id == "mine-q8"
    assert made.source == "Mine Q8.gguf"
    assert await said(server, "m") == await said(server, TINY)


async def test_another_model_of_the_same_files_has_defaults_of_its_own(
    server: Server, settings: Any
) -> None:
    wanted = ModelDefaults(
        sampling=GREEDY,
        system_message="Be brief.",
        messages=[HELLO, Message(role=Message.ASSISTANT, content="Yes?")],
        context_length=64,
        ollama_template=TEMPLATE,
    )
    first = ImportModelRequest(base_model=TINY, model_id="first", defaults=wanted)
    more = ModelDefaults(sampling=SamplingParameters(max_tokens=2))
    second = ImportModelRequest(base_model="first", model_id="second", defaults=more)

    one = await call(server, "ImportModel", first)
    two = await call(server, "ImportModel", second)
    chat = ChatRequest(model="second", messages=[HELLO])
    prompt = (await call(server, "ApplyTemplate", ApplyTemplateRequest(chat=chat))).prompt
    answer = await call(server, "Chat", chat)
    tokenizer = await call(server, "GetTokenizer", GetTokenizerRequest(model="second"))

    assert one.default_system_message == two.default_system_message == "Be brief."
    assert (two.default_sampling.max_tokens, two.default_context_length) == (2, 64)
    assert prompt.startswith("[system] Be brief.\n[user] Hello!\n[assistant] Yes?\n[user] Hello!")
    assert answer.usage.completion_tokens == 2
    assert "im_start" not in tokenizer.chat_template
    files = {
        (settings.home / "models" / name / "model.gguf").stat().st_ino
        for name in ("first", "second")
    }
    assert len(files) == 1
    await call(server, "DeleteModel", DeleteModelRequest(model_id="first"))
    assert await said(server, "second")


async def test_an_adapter_comes_along_and_acts_in_each_call(server: Server, tmp_path: Path) -> None:
    adapter = await kept(server, lora_files.write(tmp_path / "polite.gguf"))
    story: Any = {
        "prompt": "Once upon a time",
        "sampling": SamplingParameters(temperature=0, max_tokens=12, ignore_end=True),
    }

    made = await call(
        server, "ImportModel",
        ImportModelRequest(base_model=TINY, model_id="polite", adapter_file_id=adapter),
    )  # fmt: skip
    copied = await call(
        server, "ImportModel", ImportModelRequest(base_model="polite", model_id="copy")
    )
    texts = [
        (await call(server, "Generate", GenerateRequest(model=name, **story))).text
        for name in (TINY, "polite", "copy")
    ]

    assert [one.adapter_id for one in made.adapters] == ["adapter"]
    assert [one.adapter_id for one in copied.adapters] == ["adapter"]
    assert texts[0] != texts[1] == texts[2]
    attached = await call(
        server,
        "AttachAdapter",
        AttachAdapterRequest(
            model_id="copy",
            file_id=await kept(server, lora_files.write(tmp_path / "Second One.gguf", 2)),
        ),
    )
    assert [one.adapter_id for one in attached.adapters] == ["adapter", "second-one"]


async def test_what_can_t_be_imported_leaves_nothing(
    server: Server, model_path: Path, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    await asyncio.to_thread(text.write_text, "no model")
    first, *_ = split(model_path, tmp_path, "parts", 2)
    notes, part = await kept(server, text), await kept(server, first)

    seen = [
        await refused(server),
        await refused(server, file_id="file_none"),
        await refused(server, base_model="ghost", model_id="x"),
        await refused(server, base_model=TINY),
        await refused(server, base_model=TINY, model_id=TINY),
        await refused(server, file_id=notes),
        await refused(server, file_id=part),
        await refused(server, base_model=TINY, model_id="x", adapter_file_id=notes),
        await refused(server, base_model=TINY, model_id="x", adapter_file_id="file_none"),
        await refused(
            server, base_model=TINY, model_id="x",
            defaults=ModelDefaults(ollama_template="{{ unheard_of }}"),
        ),
    ]  # fmt: skip

    assert [reason for reason, _ in seen] == [
        "FIELD_INVALID", "FILE_NOT_FOUND", "MODEL_NOT_FOUND", "FIELD_INVALID", "MODEL_EXISTS",
        "MODEL_FILE_INVALID", "MODEL_FILE_INVALID", "ADAPTER_INVALID", "FILE_NOT_FOUND",
        "FIELD_INVALID",
    ]  # fmt: skip
    assert "one of path, file_id, base_model must be given" in seen[0][1]
    assert "it is part 1 of 2" in seen[6][1]
    assert "defaults.ollama_template" in seen[9][1]
    models = (await call(server, "ListModels", ListModelsRequest())).models
    assert not {"x", "parts", "notes"} & {model.model_id for model in models}


async def last(events: AsyncIterator[Any]) -> Any:
    *_, event = [each async for each in events]
    return event


async def test_a_model_takes_the_place_of_another_of_its_id(
    server: Server, model_path: Path
) -> None:
    words: Any = {"system_message": "Be brief.", "sampling": GREEDY}
    file_id = await kept(server, model_path)
    first = ImportModelRequest(
        base_model=TINY, model_id="mine", aliases=["m"], defaults=ModelDefaults(**words)
    )
    again = ImportModelRequest(
        base_model="m", model_id="mine", defaults=ModelDefaults(sampling=SHORTER), replace=True
    )
    weights = ImportModelRequest(file_id=file_id, model_id="mine", aliases=["m", "n"], replace=True)
    await call(server, "ImportModel", first)
    chat = ChatRequest(model="mine", messages=[HELLO])
    short = await call(server, "Chat", chat)
    long = SamplingParameters(max_tokens=200, ignore_end=True)
    going_on = streamed(
        server, "StreamChat", ChatRequest(model="mine", messages=[HELLO], sampling=long)
    )
    await anext(going_on)
    ended = asyncio.ensure_future(last(going_on))

    second = await call(server, "ImportModel", again)
    shorter = await call(server, "Chat", chat)
    third = await call(server, "ImportModel", weights)

    assert (short.usage.completion_tokens, shorter.usage.completion_tokens) == (6, 2)
    assert (list(second.aliases), list(third.aliases)) == (["m"], ["m", "n"])
    assert (second.default_system_message, third.default_system_message) == ("Be brief.", "")
    assert (await ended).finish.usage.completion_tokens == 200
    models = (await call(server, "ListModels", ListModelsRequest())).models
    assert [model.model_id for model in models if model.model_id.startswith("m")] == ["mine"]
    assert await said(server, "n") == await said(server, TINY)


async def test_a_model_that_takes_a_place_has_the_adapters_that_it_names(
    server: Server, tmp_path: Path
) -> None:
    first, second, more = [
        await kept(server, lora_files.write(tmp_path / f"{seed}.gguf", seed)) for seed in (1, 2, 3)
    ]

    async def made(**named: Any) -> tuple[list[str], str]:
        request = ImportModelRequest(model_id="mine", replace=True, **named)
        adapters = (await call(server, "ImportModel", request)).adapters
        return [adapter.sha256 for adapter in adapters], await said(server, "mine")

    one = await made(base_model=TINY, adapter_file_id=first)
    await call(server, "AttachAdapter", AttachAdapterRequest(model_id="mine", file_id=more))
    itself = await made(base_model="mine")
    two = await made(base_model="mine", adapter_file_id=second)
    none = await made(base_model=TINY)
    at_once = [
        ImportModelRequest(model_id="mine", replace=True, base_model=TINY, adapter_file_id=adapter)
        for adapter in (first, second)
    ]
    both = await asyncio.gather(*(call(server, "ImportModel", each) for each in at_once))

    assert one == itself
    assert len(one[0]) == len(two[0]) == 1
    assert none == ([], await said(server, TINY))
    assert len({one[1], two[1], none[1]}) == 3
    assert [[adapter.sha256 for adapter in each.adapters] for each in both] == [one[0], two[0]]
    left = (await call(server, "GetModel", GetModelRequest(model_id="mine"))).adapters
    assert ([adapter.sha256 for adapter in left], await said(server, "mine")) in (one, two)


async def test_chats_go_on_while_their_model_is_replaced(server: Server, tmp_path: Path) -> None:
    adapters = [
        await kept(server, lora_files.write(tmp_path / f"{seed}.gguf", seed)) for seed in (1, 2)
    ]
    await call(server, "ImportModel", ImportModelRequest(base_model=TINY, model_id="mine"))

    async def replace() -> None:
        for adapter in ("", *adapters, ""):
            request = ImportModelRequest(
                base_model=TINY, model_id="mine", adapter_file_id=adapter, replace=True
            )
            await call(server, "ImportModel", request)

    async def chat() -> list[str]:
        return [await said(server, "mine") for _ in range(3)]

    texts, more, _ = await asyncio.gather(chat(), chat(), replace())

    assert all(texts + more)
    assert await said(server, "mine") == await said(server, TINY)


async def running(server: Server, name: str) -> None:
    watched: Any = streamed(server, "WatchDeployments", WatchDeploymentsRequest(deployment_id=name))
    async for event in watched:
        if event.deployment.state == Deployment.RUNNING:
            break
    await watched.aclose()


async def test_a_deployment_answers_with_the_model_that_took_the_place(
    server: Server, tmp_path: Path
) -> None:
    adapter = await kept(server, lora_files.write(tmp_path / "polite.gguf"))
    first = ImportModelRequest(base_model=TINY, model_id="mine")
    other = ImportModelRequest(
        base_model=TINY, model_id="mine", adapter_file_id=adapter, replace=True
    )
    await call(server, "ImportModel", first)
    await call(server, "StartDeployment", StartDeploymentRequest(model="mine", name="deployed"))
    await running(server, "deployed")
    before = await said(server, "deployed")

    await call(server, "ImportModel", other)
    await running(server, "deployed")

    assert await said(server, "deployed") == await said(server, "mine") != before


async def test_who_can_t_take_a_place_leaves_it_as_it_was(server: Server, tmp_path: Path) -> None:
    wrong = lora_files.write(tmp_path / "wrong.gguf", architecture="bert")
    text = tmp_path / "notes.txt"
    await asyncio.to_thread(text.write_text, "no model")
    notes, adapter = await kept(server, text), await kept(server, wrong)
    polite = await kept(server, lora_files.write(tmp_path / "polite.gguf"))
    for name, aliases in (("mine", ["me/mine"]), ("other", ["o"])):
        request = ImportModelRequest(
            base_model=TINY, model_id=name, aliases=aliases, adapter_file_id=polite
        )
        await call(server, "ImportModel", request)
    before = await call(server, "GetModel", GetModelRequest(model_id="mine"))
    text_before = await said(server, "mine")

    seen = [
        await refused(server, base_model=TINY, model_id="mine"),
        await refused(server, file_id=notes, model_id="mine", replace=True),
        await refused(server, base_model="ghost", model_id="mine", replace=True),
        await refused(
            server, base_model=TINY, model_id="mine", adapter_file_id=adapter, replace=True
        ),
        await refused(server, base_model=TINY, model_id="mine", aliases=["o"], replace=True),
        await refused(server, base_model=TINY, model_id="mine", aliases=["me-mine"], replace=True),
        await refused(server, base_model="mine", model_id=TINY, replace=True),
    ]

    assert [reason for reason, _ in seen] == [
        "MODEL_EXISTS", "MODEL_FILE_INVALID", "MODEL_NOT_FOUND", "ADAPTER_INVALID",
        "MODEL_EXISTS", "MODEL_EXISTS", "MODEL_EXISTS",
    ]  # fmt: skip
    after = await call(server, "GetModel", GetModelRequest(model_id="mine"))
    assert (after.create_time, list(after.adapters)) == (before.create_time, list(before.adapters))
    assert await said(server, "mine") == text_before != await said(server, TINY)


BASE = Defaults(
    sampling=SamplingParameters(temperature=0.5, top_k=3, stop=["a", "b"]),
    system_message="Base.",
    messages=(HELLO,),
    context_length=128,
    chat_template="base",
    adapters=("old",),
)


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ({}, {}),
        ({"system_message": "Mine."}, {"system_message": "Mine."}),
        ({"context_length": 64}, {"context_length": 64}),
        ({"chat_template": "{{ messages }}"}, {"chat_template": "{{ messages }}"}),
        ({"messages": [HELLO, HELLO]}, {"messages": (HELLO, HELLO)}),
        (
            {"sampling": SamplingParameters(top_k=9, stop=["c"])},
            {"sampling": SamplingParameters(temperature=0.5, top_k=9, stop=["c"])},
        ),
    ],
)
def test_what_is_wanted_goes_before_what_the_base_has(
    wanted: Mapping[str, Any], changed: Mapping[str, Any]
) -> None:
    found = wanted_defaults(BASE, ModelDefaults(**wanted), ("new",))

    expected = {
        name: getattr(BASE, name)
        for name in ("sampling", "system_message", "messages", "context_length", "chat_template")
    }
    assert found == Defaults(**{**expected, **changed}, adapters=("new",))


def test_a_template_that_is_not_translated_is_refused_by_its_field() -> None:
    with pytest.raises(FieldInvalidError, match=r"defaults\.ollama_template"):
        wanted_defaults(BASE, ModelDefaults(ollama_template="{{ if }}"), ())
