"""Builds the contract's requests from Python's own values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Value

from funland.v1.downloads_pb2 import (
    Download,
    ListDownloadsRequest,
    StartDownloadRequest,
    UpdateDownloadRequest,
)
from funland.v1.hub_pb2 import ChooseVariantRequest, SearchHubModelsRequest
from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    ChatRequest,
    DetokenizeRequest,
    EmbedRequest,
    GenerateRequest,
    RerankRequest,
    TokenizeRequest,
    TokenList,
)
from funland.v1.models_pb2 import (
    AttachAdapterRequest,
    EstimateModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    ModelDefaults,
)
from funland.v1.responses_pb2 import CreateResponseRequest
from funland.v1.system_pb2 import UpdateConfigurationRequest
from funland_client import arguments
from funland_client.arguments import (
    ChatArguments,
    DownloadArguments,
    DownloadState,
    GenerationArguments,
    LoadArguments,
    ResponseArguments,
    SearchArguments,
    SettingValue,
    SourceArguments,
)
from funland_client.fields import filled
from funland_client.formats import Format, output_format
from funland_client.messages import Conversation, messages
from funland_client.tools import AnyTool, tool

Pooling = Literal["mean", "cls", "last"]
Prompt = str | Sequence[int]
"""A text, or its tokens."""


def chat(
    conversation: Conversation,
    model: str,
    given: ChatArguments,
    *,
    format: Format | None = None,  # noqa: A002 - the contract's name
    tools: Sequence[AnyTool] = (),
) -> ChatRequest:
    """Makes a request for `Chat` and `StreamChat`."""
    arguments.check(given, ChatArguments)
    return _chat(conversation, model, given, format, tools)


def _chat(
    conversation: Conversation,
    model: str,
    given: ChatArguments,
    form: Format | None,
    tools: Sequence[AnyTool],
) -> ChatRequest:
    choice = given.get("tool_choice")
    variables = given.get("template_arguments")
    return ChatRequest(
        model=model,
        messages=messages(conversation),
        sampling=arguments.sampling(given),
        format=output_format(form),
        options=arguments.options(given),
        tools=[tool(described) for described in tools],
        tool_choice=None if choice is None else arguments.tool_choice(choice),
        parallel_tool_calls=given.get("parallel_tool_calls"),
        reasoning=given.get("reasoning"),
        template_arguments=json.dumps(variables) if variables else "",
        continue_last=given.get("continue_last", False),
        drop_oldest=given.get("drop_oldest", False),
        mcp_servers=given.get("mcp_servers", ()),
        max_tool_rounds=given.get("max_tool_rounds"),
    )


def generate(
    prompt: Prompt,
    model: str,
    given: GenerationArguments,
    *,
    format: Format | None = None,  # noqa: A002 - the contract's name
    as_message: bool = False,
    suffix: str = "",
) -> GenerateRequest:
    """Makes a request for `Generate` and `StreamGenerate`."""
    arguments.check(given, GenerationArguments)
    kind = "prompt" if isinstance(prompt, str) else "prompt_tokens"
    what = {kind: prompt, "as_message": as_message, "suffix": suffix}
    request = filled(GenerateRequest, "", what)
    request.model = model
    request.sampling.CopyFrom(arguments.sampling(given))
    if (wanted := output_format(format)) is not None:
        request.format.CopyFrom(wanted)
    if (options := arguments.options(given)) is not None:
        request.options.CopyFrom(options)
    return request


def generate_batch(
    prompts: Sequence[Prompt | GenerateRequest], model: str, given: GenerationArguments
) -> BatchGenerateRequest:
    """Makes a request for `BatchGenerate`; a prompt that is a request already stays as it is."""
    arguments.check(given, GenerationArguments)
    return BatchGenerateRequest(
        requests=[
            prompt if isinstance(prompt, GenerateRequest) else generate(prompt, model, given)
            for prompt in prompts
        ]
    )


def response(
    conversation: Conversation,
    model: str,
    given: ResponseArguments,
    *,
    format: Format | None = None,  # noqa: A002 - the contract's name
    tools: Sequence[AnyTool] = (),
) -> CreateResponseRequest:
    """Makes a request for `CreateResponse` and `StreamResponse`."""
    arguments.check(given, ResponseArguments)
    request = filled(CreateResponseRequest, "", arguments.fields_of(CreateResponseRequest, given))
    request.chat.CopyFrom(_chat(conversation, model, given, format, tools))
    return request


def is_kept(request: CreateResponseRequest) -> bool:
    """Whether a request leaves something behind, so that it must not be made twice."""
    return request.store or not request.HasField("store")


def embed(
    texts: str | Sequence[Prompt],
    model: str,
    *,
    dimensions: int | None = None,
    pooling: Pooling | None = None,
    normalize: bool = True,
) -> EmbedRequest:
    """Makes a request for `Embed`."""
    how = {"dimensions": dimensions, "pooling": pooling, "normalize": normalize}
    given = {name: value for name, value in how.items() if value is not None}
    request = filled(EmbedRequest, "", given)
    request.model = model
    for text in [texts] if isinstance(texts, str) else texts:
        if isinstance(text, str):
            request.inputs.append(text)
        else:
            field = f"token_inputs[{len(request.token_inputs)}]"
            request.token_inputs.append(filled(TokenList, field, {"tokens": text}))
    return request


def rerank(query: str, documents: Sequence[str], model: str, *, top_n: int) -> RerankRequest:
    """Makes a request for `Rerank`."""
    return RerankRequest(model=model, query=query, documents=documents, top_n=top_n)


def tokenize(
    text: str, model: str, *, add_special: bool, parse_special: bool, with_pieces: bool = False
) -> TokenizeRequest:
    """Makes a request for `Tokenize`."""
    return TokenizeRequest(
        model=model,
        text=text,
        add_special=add_special,
        parse_special=parse_special,
        with_pieces=with_pieces,
    )


def detokenize(tokens: Sequence[int], model: str) -> DetokenizeRequest:
    """Makes a request for `Detokenize`."""
    return DetokenizeRequest(model=model, tokens=tokens)


def import_file(
    path: str,
    model_id: str,
    aliases: Sequence[str],
    sha256: str,
    *,
    projector: str = "",
    replace: bool = False,
) -> ImportModelRequest:
    """Makes a request for `ImportModel`."""
    request = ImportModelRequest(
        path=path, model_id=model_id, aliases=aliases, sha256=sha256, replace=replace
    )
    if projector:
        request.projector_path = projector
    return request


def import_kept(
    file_id: str, model_id: str, aliases: Sequence[str], *, replace: bool = False
) -> ImportModelRequest:
    """Makes a request for `ImportModel`, of a file that the server keeps."""
    return ImportModelRequest(file_id=file_id, model_id=model_id, aliases=aliases, replace=replace)


def derive(
    base_model: str,
    model_id: str,
    aliases: Sequence[str],
    defaults: ModelDefaults | None,
    *,
    replace: bool = False,
) -> ImportModelRequest:
    """Makes a request for `ImportModel`, of an installed model's files."""
    return ImportModelRequest(
        base_model=base_model,
        model_id=model_id,
        aliases=aliases,
        defaults=defaults,
        replace=replace,
    )


def load(model_id: str, given: LoadArguments) -> LoadModelRequest:
    """Makes a request for `LoadModel`."""
    return LoadModelRequest(model_id=model_id, settings=arguments.load_settings(given))


def estimate(model_id: str, given: LoadArguments) -> EstimateModelRequest:
    """Makes a request for `EstimateModel`."""
    return EstimateModelRequest(model_id=model_id, settings=arguments.load_settings(given))


def choose(source: str, given: SourceArguments) -> ChooseVariantRequest:
    """Makes a request for `ChooseVariant`."""
    arguments.check(given, SourceArguments)
    return filled(ChooseVariantRequest, "", {"source": source, **given})


def download(source: str, given: DownloadArguments) -> StartDownloadRequest:
    """Makes a request for `StartDownload`."""
    arguments.check(given, DownloadArguments)
    return filled(StartDownloadRequest, "", {"source": source, **given})


def downloads(states: Sequence[DownloadState], model: str) -> ListDownloadsRequest:
    """Makes a request for `ListDownloads`."""
    request = ListDownloadsRequest(model=model)
    for index, state in enumerate(states):
        # A Download has one state, and tells of a name that is none.
        request.states.append(filled(Download, f"states[{index}]", {"state": state}).state)
    return request


def update_download(download_id: str, changes: Mapping[str, Any]) -> UpdateDownloadRequest:
    """Makes a request for `UpdateDownload` of the changes that are not None."""
    given = {name: value for name, value in changes.items() if value is not None}
    return filled(UpdateDownloadRequest, "", {"download_id": download_id, **given})


def search(query: str, given: SearchArguments) -> SearchHubModelsRequest:
    """Makes a request for `SearchHubModels`."""
    arguments.check(given, SearchArguments)
    return filled(SearchHubModelsRequest, "", {"query": query, **given})


def attach(model_id: str, path: str, adapter_id: str) -> AttachAdapterRequest:
    """Makes a request for `AttachAdapter`."""
    return AttachAdapterRequest(model_id=model_id, path=path, adapter_id=adapter_id)


def configuration(
    values: Mapping[str, SettingValue], etag: str, validate_only: bool
) -> UpdateConfigurationRequest:
    """Changes of settings; None takes one out of the file."""
    request = UpdateConfigurationRequest(etag=etag, validate_only=validate_only)
    for name, value in values.items():
        request.values[name].CopyFrom(_setting_value(value))
    return request


def _setting_value(value: SettingValue) -> Value:
    if value is None:
        return Value(null_value=NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    items = [Value(string_value=item) for item in value]
    return Value(list_value=ListValue(values=items))
