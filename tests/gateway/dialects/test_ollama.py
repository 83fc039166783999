"""The `ollama` dialect, read and written: names, times, options, loads and lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.deployments_pb2 import Deployment, ListDeploymentsResponse
from funland.v1.downloads_pb2 import Download, DownloadEvent, DownloadFile, StartDownloadRequest
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    Delta,
    Finish,
    GenerateRequest,
    GenerationEvent,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
    Start,
    Timings,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from funland.v1.models_pb2 import ListModelsResponse, LoadedModel, LoadSettings, Model, Origin
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Streaming, Unary
from funland_gateway.dialects.ollama.chat import chat
from funland_gateway.dialects.ollama.creating import REFUSED as NOT_CREATED
from funland_gateway.dialects.ollama.creating import create, id_of
from funland_gateway.dialects.ollama.durations import Stopwatch, read_keep_alive
from funland_gateway.dialects.ollama.embeddings import embed, embeddings
from funland_gateway.dialects.ollama.errors import error_body
from funland_gateway.dialects.ollama.generate import REFUSED, generate
from funland_gateway.dialects.ollama.loading import Stay, load_settings
from funland_gateway.dialects.ollama.models import list_running, parameters_text
from funland_gateway.dialects.ollama.names import listed, plain, tagged
from funland_gateway.dialects.ollama.options import FATES
from funland_gateway.dialects.ollama.pulling import pull
from funland_gateway.dialects.openai.fates import Refused
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

HI = {"role": "user", "content": "Hi"}
ENDED: dict[str, Any] = {
    "usage": Usage(prompt_tokens=15, completion_tokens=8, total_tokens=23),
    "timings": Timings(queue_ms=1, prompt_ms=200, decode_ms=2000.5),
}
FIGURES = {
    "prompt_eval_count": 15,
    "prompt_eval_duration": 200_000_000,
    "eval_count": 8,
    "eval_duration": 2_000_500_000,
}
NOBODY = ListDeploymentsResponse()


def incoming(**body: Any) -> Incoming:
    return Incoming(JsonObject(body), {}, 0)


def content(reply: Step) -> Any:
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


def unary(step: Step, name: str) -> Unary:
    assert isinstance(step, Unary)
    assert step.rpc.name == name
    return step


def streaming(step: Step) -> Streaming:
    assert isinstance(step, Streaming)
    return step


def lines(call: Streaming, *events: Any) -> list[Any]:
    made = [each for event in events for each in call.events(event)]
    assert all(isinstance(each, bytes) for each in made)
    return [orjson.loads(each) for each in made if isinstance(each, bytes)]


def refusal(step: Any, *arguments: Any) -> str:
    with pytest.raises(CallFailed) as raised:
        step(*arguments)
    return raised.value.error.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), (0, 0), (300, 300), (0.5, 0.5), (-1, -1), (-0.1, -1), (10**12, -1),
        ("0", 0), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("300ms", 0.3), ("10s", 10),
        ("-1m", -1), ("+2s", 2), ("100000h", -1), (".5s", 0.5),
    ],
)  # fmt: skip
def test_how_long_a_model_stays_is_a_number_or_go_s_text(value: Any, seconds: Any) -> None:
    assert read_keep_alive(JsonObject({"keep_alive": value})) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "5", "m", "5 m", "5x", True, [], {}, "1h-3m", "1e3s"])
def test_what_is_no_time_is_refused_by_its_name(value: Any) -> None:
    assert refusal(read_keep_alive, JsonObject({"keep_alive": value})).startswith("keep_alive: ")


def test_what_is_not_known_of_a_call_is_left_out() -> None:
    clock = iter((100, 350, 900, 1000)).__next__
    watch = Stopwatch(clock)

    watch.loaded()
    assert watch.figures(Finish(usage=ENDED["usage"])) == {
        "total_duration": 800,
        "load_duration": 250,
        "prompt_eval_count": 15,
        "eval_count": 8,
    }
    assert Stopwatch(iter((5, 7)).__next__).total() == {"total_duration": 2}


def test_a_model_is_called_as_it_was_pulled_or_created_or_by_its_id() -> None:
    library = Origin(hub=Origin.OLLAMA, model_id="qwen2.5", variant="0.5b")
    models = [
        Model(model_id="mine"),
        Model(model_id="me-mine-2", aliases=["other", "me/Mine:2"]),
        Model(model_id="qwen2.5-0.5b", origin=library),
        Model(model_id="again", origin=library),
        Model(model_id="l", origin=Origin(hub=Origin.OLLAMA, model_id="llama3", variant="latest")),
        Model(model_id="q4", origin=Origin(hub=Origin.HUGGINGFACE, model_id="a/b", variant="Q4")),
    ]

    assert [name for name, _ in listed(models)] == [
        "mine:latest", "me/Mine:2", "qwen2.5:0.5b", "again:latest", "llama3:latest", "q4:latest",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "without", "tag"),
    [
        ("tiny", "tiny", "tiny:latest"),
        ("tiny:latest", "tiny", "tiny:latest"),
        ("tiny:1b", "tiny:1b", "tiny:1b"),
        ("hf.co:80/a/b", "hf.co:80/a/b", "hf.co:80/a/b:latest"),
        (":latest", ":latest", ":latest"),
    ],
)
def test_latest_is_the_tag_of_a_name_without_one(name: str, without: str, tag: str) -> None:
    assert (plain(name), tagged(name)) == (without, tag)


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("llama3", Origin.OLLAMA),
        ("qwen2.5:0.5b", Origin.OLLAMA),
        ("me/mine:2", Origin.OLLAMA),
        ("hf.co/a/b:Q4_K_M", Origin.HUB_UNSPECIFIED),
        ("modelscope.cn/a/b", Origin.HUB_UNSPECIFIED),
        ("modelscope:a/b", Origin.HUB_UNSPECIFIED),
        ("https://huggingface.co/a/b", Origin.HUB_UNSPECIFIED),
    ],
)
def test_a_name_that_says_no_hub_is_of_ollama_s_registry(name: str, hub: Any) -> None:
    call = pull(incoming(model=name))

    assert call.message == StartDownloadRequest(source=name, hub=hub)


@pytest.mark.parametrize(
    ("model", "stay", "settings"),
    [
        pytest.param(Model(), Stay(), None, id="nothing is wanted"),
        pytest.param(Model(), Stay(keep_alive=0), LoadSettings(keep_alive_seconds=0), id="leave"),
        pytest.param(Model(context_length=4096), Stay(2048), None, id="a load takes the most"),
        pytest.param(
            Model(context_length=4096, default_context_length=512),
            Stay(2048),
            LoadSettings(context_length=2048),
            id="its publisher wants less",
        ),
        pytest.param(
            Model(context_length=4096, loaded=LoadedModel(context_length=1024)),
            Stay(8192, 5),
            LoadSettings(context_length=4096, keep_alive_seconds=5),
            id="no more than it was trained for",
        ),
        pytest.param(
            Model(context_length=4096, loaded=LoadedModel(context_length=4096)),
            Stay(2048),
            None,
            id="it has more",
        ),
        pytest.param(
            Model(loaded=LoadedModel(context_length=8)),
            Stay(9),
            LoadSettings(context_length=16),
            id="the contract's least",
        ),
    ],
)
def test_a_model_is_loaded_anew_only_for_what_it_has_not(
    model: Model, stay: Stay, settings: LoadSettings | None
) -> None:
    assert load_settings(model, stay) == settings


def test_a_chat_becomes_the_contracts() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    call = unary(
        chat(
            incoming(
                model="tiny:latest",
                stream=False,
                messages=[
                    {"role": "system", "content": "Be brief."},
                    HI,
                    {
                        "role": "assistant",
                        "thinking": "Hm.",
                        "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
                    },
                    {"role": "tool", "tool_name": "f", "content": "7"},
                ],
                tools=[tool],
                options={"num_predict": 5, "repeat_penalty": 1.1, "repeat_last_n": -1},
                format={"type": "object"},
                think="high",
                logprobs=True,
                top_logprobs=2,
                truncate=False,
            )
        ),
        "Chat",
    )

    assert call.message == ChatRequest(
        model="tiny",
        messages=[
            Message(role=Message.SYSTEM, content="Be brief."),
            Message(role=Message.USER, content="Hi"),
            Message(
                role=Message.ASSISTANT,
                reasoning="Hm.",
                tool_calls=[ToolCall(name="f", arguments='{"a":1}')],
            ),
            Message(role=Message.TOOL, name="f", content="7"),
        ],
        tools=[Tool(name="f", parameters='{"type":"object"}')],
        sampling=SamplingParameters(max_tokens=5, repetition_penalty=1.1, penalty_window=1_000_000),
        format=OutputFormat(json_schema='{"type":"object"}'),
        reasoning=True,
        template_arguments='{"reasoning_effort":"high"}',
        options=GenerationOptions(top_logprobs=2),
    )


def test_a_chat_is_streamed_and_shortened_unless_it_says_no() -> None:
    call = streaming(chat(incoming(model="tiny", messages=[HI])))

    assert call.message == ChatRequest(
        model="tiny", messages=[Message(role=Message.USER, content="Hi")],
        sampling=SamplingParameters(), drop_oldest=True,
    )  # fmt: skip


def test_an_answer_that_has_begun_is_gone_on_with() -> None:
    begun = {"role": "assistant", "content": "Well,"}
    call = streaming(chat(incoming(model="tiny", messages=[HI, begun])))

    assert isinstance(call.message, ChatRequest)
    assert call.message.continue_last


@pytest.mark.parametrize("bound", [0, -1, -2])
def test_a_bound_below_one_is_none(bound: int) -> None:
    call = streaming(chat(incoming(model="t", messages=[HI], options={"num_predict": bound})))

    assert isinstance(call.message, ChatRequest)
    assert not call.message.sampling.HasField("max_tokens")


def test_a_whole_answer_has_ollama_s_fields() -> None:
    call = unary(chat(incoming(model="tiny:latest", messages=[HI], stream=False)), "Chat")
    response = ChatResponse(
        model="tiny",
        message=Message(
            role=Message.ASSISTANT,
            reasoning="Hm.",
            tool_calls=[
                ToolCall(id="1", name="f", arguments='{"a": 1}'),
                ToolCall(id="2", name="g", arguments='{"cut'),
            ],
        ),
        finish_reason=Finish.TOOL_CALLS,
        **ENDED,
    )

    told = content(call.answer(response))
    assert told.pop("total_duration") > 0
    assert told == {
        "model": "tiny:latest",
        "created_at": "1970-01-01T00:00:00Z",
        "message": {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [
                {"id": "1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
            ],
        },
        "done": True,
        "done_reason": "stop",
        **FIGURES,
    }


def test_a_streamed_chat_ends_with_its_calls_and_its_figures() -> None:
    call = streaming(chat(incoming(model="tiny", messages=[HI], tools=[{"type": "web_search"}])))
    first = ToolCallDelta(index=0, id="1", name="f", arguments='{"a"')

    told = lines(
        call,
        GenerationEvent(start=Start(id="7")),
        GenerationEvent(delta=Delta(reasoning="Hm.")),
        GenerationEvent(delta=Delta(text="So:")),
        GenerationEvent(delta=Delta(tool_calls=[first])),
        GenerationEvent(delta=Delta(tool_calls=[ToolCallDelta(index=0, arguments=":1}")])),
        GenerationEvent(finish=Finish(reason=Finish.TOOL_CALLS, **ENDED)),
    )

    assert [each["message"] for each in told] == [
        {"role": "assistant", "content": "", "thinking": "Hm."},
        {"role": "assistant", "content": "So:"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
            ],
        },
        {"role": "assistant", "content": ""},
    ]
    assert [each["done"] for each in told] == [False, False, False, True]
    last = told[-1]
    assert last["done_reason"] == "stop"
    assert 0 < last["load_duration"] <= last["total_duration"]
    assert {name: last[name] for name in FIGURES} == FIGURES
    assert last["warnings"][0]["param"] == "tools[0]"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"raw": True},
            GenerateRequest(model="t", prompt="p", sampling=SamplingParameters()),
            id="as it is",
        ),
        pytest.param(
            {"format": "json"},
            GenerateRequest(
                model="t", prompt="p", sampling=SamplingParameters(), as_message=True,
                format=OutputFormat(json_object=Empty()),
            ),
            id="through the template",
        ),
        pytest.param(
            {"system": "s", "think": False},
            ChatRequest(
                model="t",
                messages=[
                    Message(role=Message.SYSTEM, content="s"),
                    Message(role=Message.USER, content="p"),
                ],
                sampling=SamplingParameters(),
                reasoning=False,
            ),
            id="with a system message",
        ),
    ],
)  # fmt: skip
def test_a_prompt_becomes_the_contracts(body: Mapping[str, Any], expected: Any) -> None:
    call = streaming(generate(incoming(model="t", prompt="p", **body)))

    assert call.message == expected


@pytest.mark.parametrize("body", [{"raw": True}, {"raw": False}, {"think": False}])
def test_a_text_with_a_gap_goes_through_no_template(body: Mapping[str, Any]) -> None:
    call = streaming(generate(incoming(model="t", prompt="", suffix="s", **body)))

    assert call.message == GenerateRequest(model="t", suffix="s", sampling=SamplingParameters())


@pytest.mark.parametrize("body", [{"images": ["AAAA"]}, {"system": "s"}, {"think": True}])
def test_what_a_text_with_a_gap_can_t_have_is_told(body: Mapping[str, Any]) -> None:
    wanted = "suffix: can't be given together with images, system or think"
    assert refusal(generate, incoming(model="t", prompt="p", suffix="s", **body)) == wanted


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_prompt_can_have_is_refused_by_its_name(name: str) -> None:
    for value in ("x", 7, ["x"]):
        body = {"model": "t", "prompt": "p", name: value}
        assert refusal(generate, incoming(**body)) == f"{name}: {REFUSED[name]}"
    streaming(generate(incoming(model="t", prompt="p", **{name: None})))


def test_options_that_would_give_another_answer_are_refused_by_their_names() -> None:
    refused = [name for name, fate in FATES.items() if isinstance(fate, Refused)]

    assert refused
    for name in refused:
        told = refusal(chat, incoming(model="t", messages=[HI], options={name: 0.5}))
        assert told == f"options.{name}: this value is not supported yet."


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "model"),
    ({"model": "t", "messages": [{"content": "x"}]}, "messages[0].role"),
    ({"model": "t", "messages": [{"role": "king"}]}, "messages[0].role"),
    ({"model": "t", "messages": [{**HI, "images": ["x"]}]}, "messages[0].images[0]"),
    (
        {"model": "t", "messages": [{**HI, "role": "system", "images": ["eA=="]}]},
        "messages[0].images",
    ),
    ({"model": "t", "messages": [HI], "format": "xml"}, "format"),
    ({"model": "t", "messages": [HI], "think": "much"}, "think"),
    ({"model": "t", "messages": [HI], "top_logprobs": 2}, "top_logprobs"),
    ({"model": "t", "messages": [HI], "options": []}, "options"),
    ({"model": "t", "messages": [HI], "options": {"seed": "x"}}, "options.seed"),
    (
        {"model": "t", "messages": [{"role": "assistant", "tool_calls": [{}]}]},
        "messages[0].tool_calls[0].function",
    ),
]


@pytest.mark.parametrize(("body", "named"), WRONG)
def test_what_is_wrong_is_named(body: dict[str, Any], named: str) -> None:
    assert refusal(chat, incoming(**body)).startswith(f"{named}: ")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("sampling.max_tokens", "options.num_predict"),
        ("sampling.top_p", "options.top_p"),
        ("options.top_logprobs", "top_logprobs"),
        ("tools[0].name", "tools[1].function.name"),
        ("messages[1].tool_calls[0].name", "messages[1].tool_calls[0].function.name"),
        ("messages[0].reasoning", "messages[0].thinking"),
        ("format.json_schema", "format"),
        ("model", "model"),
    ],
)
def test_fields_of_the_contract_are_called_as_the_request_called_them(
    theirs: str, ours: str
) -> None:
    offered = [{"type": "web_search"}, {"type": "function", "function": {"name": "f"}}]
    given = {"num_predict": 3, "top_p": 1}
    call = streaming(chat(incoming(model="t", messages=[HI], tools=offered, options=given)))

    assert call.field_name(theirs) == ours


@pytest.mark.parametrize(
    ("keep_alive", "rpc", "reason"), [(None, "LoadModel", "load"), (0, "UnloadModel", "unload")]
)
@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (chat, {"message": {"role": "assistant", "content": ""}}),
        (generate, {"response": ""}),
    ],
)
def test_a_request_without_words_loads_or_unloads(
    ask: Any, told: Any, keep_alive: Any, rpc: str, reason: str
) -> None:
    deployments = unary(ask(incoming(model="a", keep_alive=keep_alive)), "ListDeployments")
    models = unary(deployments.answer(NOBODY), "GetModel")
    call = unary(models.answer(Model(model_id="id")), rpc)

    answer = content(call.answer(Model()))
    assert answer.items() >= {"model": "a", "done": True, "done_reason": reason, **told}.items()


def test_a_deployment_stays_as_it_is() -> None:
    running = ListDeploymentsResponse(deployments=[Deployment(name="chatbot")])
    asked = unary(
        chat(incoming(model="chatbot", messages=[HI], keep_alive="5m")), "ListDeployments"
    )
    unload = unary(chat(incoming(model="chatbot", keep_alive=0)), "ListDeployments")

    assert streaming(asked.answer(running)).rpc.name == "StreamChat"
    assert refusal(unload.answer, running).startswith("keep_alive: a deployment stays")


def test_a_chat_that_keeps_its_model_loads_it_first() -> None:
    asked = unary(chat(incoming(model="a", messages=[HI], keep_alive=60)), "ListDeployments")
    models = unary(asked.answer(NOBODY), "GetModel")
    load = unary(models.answer(Model(model_id="id")), "LoadModel")

    call = streaming(load.answer(Model()))
    (last,) = lines(call, GenerationEvent(finish=Finish(reason=Finish.STOP, **ENDED)))
    assert last["load_duration"] > 0


@pytest.mark.parametrize("ask", [embed, embeddings])
def test_nothing_to_embed_has_no_vectors(ask: Any) -> None:
    deployments = unary(ask(incoming(model="a", input="", prompt="")), "ListDeployments")
    models = unary(deployments.answer(NOBODY), "GetModel")
    told = content(unary(models.answer(Model()), "LoadModel").answer(Model()))

    assert told.get("embeddings", told.get("embedding")) == []


FILE = DownloadFile(path="m.gguf", sha256="ab" * 32, size_bytes=100, downloaded_bytes=40)


def seen(state: Any, **more: Any) -> DownloadEvent:
    return DownloadEvent(download=Download(download_id="d", state=state, files=[FILE], **more))


def test_a_pull_tells_each_change_once() -> None:
    started = pull(incoming(model="llama3")).answer(Download(download_id="d"))
    call = streaming(started)

    told = lines(
        call,
        seen(Download.QUEUED),
        seen(Download.DOWNLOADING),
        DownloadEvent(synced=Empty()),
        seen(Download.DOWNLOADING),
        seen(Download.INSTALLING),
        seen(Download.COMPLETED),
    )

    digest = f"sha256:{'ab' * 32}"
    assert told == [
        {"status": "pulling manifest"},
        {"status": f"pulling {'ab' * 6}", "digest": digest, "total": 100, "completed": 40},
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
        {"status": "success"},
    ]
    assert call.is_last(seen(Download.COMPLETED))
    assert not call.is_last(seen(Download.INSTALLING))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (seen(Download.FAILED, error=Error(message="No.")), "No."),
        (seen(Download.PAUSED, error=Error(message="Full.")), "Full."),
        (seen(Download.PAUSED), "The download was paused"),
        (seen(Download.CANCELLED), "The download was cancelled"),
        (DownloadEvent(deleted_download_id="d"), "The download was deleted"),
    ],
)
def test_a_pull_that_brings_no_model_fails(event: DownloadEvent, message: str) -> None:
    asked = pull(incoming(model="llama3"))
    call = streaming(asked.answer(Download(download_id="d")))
    whole = unary(pull(incoming(model="llama3", stream=False)).answer(Download()), "WatchDownloads")

    assert refusal(lambda: list(call.events(event))).startswith(message)
    assert refusal(whole.answer, [event]).startswith(message)


def test_a_pull_that_is_not_streamed_says_that_it_succeeded() -> None:
    whole = unary(pull(incoming(model="llama3", stream=False)).answer(Download()), "WatchDownloads")

    assert content(whole.answer([seen(Download.COMPLETED)])) == {"status": "success"}


@pytest.mark.parametrize(
    ("name", "model_id"), [("me/Mine:1b", "me-mine-1b"), ("tiny", "tiny"), ("A" * 99, "a" * 96)]
)
def test_a_name_becomes_an_id(name: str, model_id: str) -> None:
    assert id_of(name) == model_id


@pytest.mark.parametrize("name", NOT_CREATED)
def test_what_a_new_model_can_t_have_is_refused_by_its_name(name: str) -> None:
    body = {"model": "mine", "from": "/x.gguf", name: {"a": 1}}

    assert refusal(create, incoming(**body)) == f"{name}: {NOT_CREATED[name]}"


def test_what_a_model_wants_of_calls_is_told_as_a_modelfile_has_it() -> None:
    model = Model(
        default_sampling=SamplingParameters(temperature=0.7, top_k=20, stop=["<|end|>", "\n"]),
        default_context_length=4096,
    )

    told = [line.split(maxsplit=1) for line in parameters_text(model).split("\n")]
    assert told == [
        ["temperature", "0.7"], ["top_k", "20"], ["stop", '"<|end|>"'], ["stop", r'"\n"'],
        ["num_ctx", "4096"],
    ]  # fmt: skip


def test_only_models_in_memory_run() -> None:
    page = unary(list_running(incoming()), "ListModels")
    loaded = LoadedModel(context_length=64, memory_bytes=7)
    reply = page.answer(
        page_of(Model(model_id="a"), Model(model_id="b", size_bytes=5, loaded=loaded))
    )

    (told,) = content(reply)["models"]
    assert (told["model"], told["size"], told["size_vram"]) == ("b:latest", 7, 0)
    assert "expires_at" not in told


def page_of(*models: Model) -> Any:
    return ListModelsResponse(models=models)


def test_an_error_is_a_text() -> None:
    error = Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, message="No model.")
    too_long = Error(
        reason=ErrorReason.PROMPT_TOO_LONG,
        metadata={"prompt_tokens": "9", "context_length": "8"},
    )

    assert error_body(error) == {"error": "No model."}
    assert error_body(too_long)["error"].startswith("This model's maximum context length is 8")
