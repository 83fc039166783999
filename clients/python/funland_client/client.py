"""The client for programs that block: every method returns when the server has answered.

Results are the contract's own messages (`funland.v1`): they are typed, complete and documented
there. Only what a message can't do is wrapped: streams (`TextStream`), pages (`models.list` reads
them all), and errors inside of answers, which become exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from funland.v1.inference_pb2 import (
    ChatResponse,
    EmbedResponse,
    GenerateRequest,
    GenerateResponse,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ListModelsRequest,
    Model,
    ModelEvent,
    UnloadModelRequest,
    WatchModelsRequest,
)
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.system_pb2 import (
    GetHealthRequest,
    GetMetricsRequest,
    GetStatusRequest,
    Health,
    SystemStatus,
)
from funland.v1.system_pb2_grpc import SystemServiceStub
from funland_client import requests
from funland_client.answers import TextStream
from funland_client.connection import Connection
from funland_client.errors import FunlandError
from funland_client.requests import Conversation, Sampling
from funland_client.status import error_from_wire
from funland_client.streams import EventStream


class Funland:
    """A connection to a Funland server.

    `address` is `host:port`; None takes the environment's FUNLAND_SERVER, else 127.0.0.1:50051.
    `timeout` is how long a call may take in seconds, loading the model included; None: for ever.
    The connection is made by the first call. An empty `model` is the server's default model.
    Every method raises a `FunlandError` when its call fails.
    """

    def __init__(self, address: str | None = None, timeout: float | None = None) -> None:
        self._connection = Connection(address, timeout)
        self._inference = InferenceServiceStub(self._connection.channel)
        self.models = Models(self._connection)
        self.system = System(self._connection)

    @property
    def address(self) -> str:
        """The server's address as `host:port`."""
        return self._connection.address

    def chat(
        self, conversation: Conversation, model: str = "", **sampling: Unpack[Sampling]
    ) -> ChatResponse:
        """Answers a message, or a conversation; returns when the answer is complete."""
        request = requests.chat(conversation, model, sampling)
        return self._connection.call(self._inference.Chat, request)

    def stream_chat(
        self, conversation: Conversation, model: str = "", **sampling: Unpack[Sampling]
    ) -> TextStream:
        """As `chat`, but gives the text as it comes."""
        request = requests.chat(conversation, model, sampling)
        return TextStream(self._connection.stream(self._inference.StreamChat, request))

    def generate(
        self, prompt: str, model: str = "", **sampling: Unpack[Sampling]
    ) -> GenerateResponse:
        """Continues a prompt as it is; returns when the text is complete."""
        request = requests.generate(prompt, model, sampling)
        return self._connection.call(self._inference.Generate, request)

    def stream_generate(
        self, prompt: str, model: str = "", **sampling: Unpack[Sampling]
    ) -> TextStream:
        """As `generate`, but gives the text as it comes."""
        request = requests.generate(prompt, model, sampling)
        return TextStream(self._connection.stream(self._inference.StreamGenerate, request))

    def generate_batch(
        self,
        prompts: Sequence[str | GenerateRequest],
        model: str = "",
        **sampling: Unpack[Sampling],
    ) -> list[GenerateResponse | FunlandError]:
        """Continues up to 256 prompts at once; each one's response or error stands at its place.

        A prompt that is a GenerateRequest keeps its own model and sampling.
        """
        request = requests.generate_batch(prompts, model, sampling)
        response = self._connection.call(self._inference.BatchGenerate, request)
        return [
            error_from_wire(result.error) if result.HasField("error") else result.response
            for result in response.results
        ]

    def embed(self, texts: str | Sequence[str], model: str = "") -> EmbedResponse:
        """Turns each text into a vector of length 1; the vectors stand in the texts' order."""
        return self._connection.call(self._inference.Embed, requests.embed(texts, model))

    def tokenize(
        self,
        text: str,
        model: str = "",
        *,
        add_special: bool = True,
        parse_special: bool = False,
    ) -> list[int]:
        """Turns a text into the model's tokens."""
        request = requests.tokenize(
            text, model, add_special=add_special, parse_special=parse_special
        )
        return list(self._connection.call(self._inference.Tokenize, request).tokens)

    def detokenize(self, tokens: Sequence[int], model: str = "") -> str:
        """Turns tokens back into text; bytes that are not UTF-8 become U+FFFD."""
        request = requests.detokenize(tokens, model)
        return self._connection.call(self._inference.Detokenize, request).text

    def close(self) -> None:
        """Ends the calls in flight and the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Gives itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        self.close()


class Models:
    """The models that are installed on the server's machine, as `client.models`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ModelServiceStub(connection.channel)

    def list(self) -> list[Model]:
        """Gets every installed model, ordered by id."""
        models: list[Model] = []
        request = ListModelsRequest()
        while True:
            page = self._connection.call(self._stub.ListModels, request)
            models.extend(page.models)
            if not page.next_page_token:
                return models
            request = ListModelsRequest(page_token=page.next_page_token)

    def get(self, model_id: str) -> Model:
        """Gets one model by id or alias."""
        return self._connection.call(self._stub.GetModel, GetModelRequest(model_id=model_id))

    def import_file(
        self,
        path: str | Path,
        model_id: str = "",
        *,
        aliases: Sequence[str] = (),
        sha256: str = "",
    ) -> Model:
        """Installs a GGUF file that lies at the absolute `path` on the server's machine.

        An empty `model_id` is made from the file's name; a `sha256` of 64 hexadecimal digits is
        what the file must have.
        """
        request = requests.import_file(str(path), model_id, aliases, sha256)
        return self._connection.call(self._stub.ImportModel, request)

    def load(
        self,
        model_id: str,
        *,
        context_length: int | None = None,
        slots: int | None = None,
        threads: int | None = None,
    ) -> Model:
        """Loads a model into memory; returns when it is ready.

        `context_length` is in tokens, for a call's prompt and answer together; `slots` is how many
        calls it answers at once. None takes the server's setting.
        """
        request = requests.load(model_id, context_length, slots, threads)
        return self._connection.call(self._stub.LoadModel, request)

    def unload(self, model_id: str, *, force: bool = False) -> Model:
        """Takes a model out of memory; its calls go on to their end, unless `force`."""
        request = UnloadModelRequest(model_id=model_id, force=force)
        return self._connection.call(self._stub.UnloadModel, request)

    def delete(self, model_id: str) -> None:
        """Unloads a model and removes its files."""
        self._connection.call(self._stub.DeleteModel, DeleteModelRequest(model_id=model_id))

    def watch(self, model_id: str = "") -> EventStream[ModelEvent]:
        """Gives every model, or one, as it is now, then again when it changes; has no timeout."""
        request = WatchModelsRequest(model_id=model_id)
        return self._connection.stream(self._stub.WatchModels, request, endless=True)


class System:
    """The server itself, as `client.system`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = SystemServiceStub(connection.channel)

    def health(self) -> Health:
        """Tells whether the server takes calls."""
        return self._connection.call(self._stub.GetHealth, GetHealthRequest())

    def status(self) -> SystemStatus:
        """Tells what the server is and what it does now."""
        return self._connection.call(self._stub.GetStatus, GetStatusRequest())

    def metrics(self) -> str:
        """Gets the server's metrics in Prometheus' text format."""
        return self._connection.call(self._stub.GetMetrics, GetMetricsRequest()).data.decode()
