# Generated from ../asynchronous/client.py by `make client`: edit that one.
"""The client: every method returns when the server has answered.

Results are the contract's own messages (`funland.v1`): they are typed, complete and documented
there. Only what a message can't do is wrapped: streams (`TextStream`), answers that are to be read
as pydantic models (`Parsed`), pages (`models.list` reads them all), and errors inside of answers,
which become exceptions.
"""

# ruff: noqa: A002 - `format` is the contract's name

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Self, Unpack, overload

from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ApplyTemplateResponse,
    ChatResponse,
    EmbedResponse,
    GenerateRequest,
    GenerateResponse,
    GetTokenizerRequest,
    RerankResponse,
    Tokenizer,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland_client import requests
from funland_client.arguments import ChatArguments, GenerationArguments
from funland_client.blocking.answer_streams import TextStream
from funland_client.blocking.auth import Auth
from funland_client.blocking.batches import Batches
from funland_client.blocking.connection import Connection
from funland_client.blocking.datasets import Datasets
from funland_client.blocking.deployments import Deployments
from funland_client.blocking.downloads import Downloads
from funland_client.blocking.files import Files
from funland_client.blocking.hardware import Hardware
from funland_client.blocking.hubs import Hubs
from funland_client.blocking.images import Images
from funland_client.blocking.mcp import Mcp
from funland_client.blocking.models import Models
from funland_client.blocking.nodes import Nodes
from funland_client.blocking.plugins import Plugins
from funland_client.blocking.projects import Projects
from funland_client.blocking.responses import Responses
from funland_client.blocking.sessions import Sessions
from funland_client.blocking.speech import Speech
from funland_client.blocking.system import System
from funland_client.blocking.tasks import Tasks
from funland_client.blocking.training import Training
from funland_client.blocking.uploads import Uploads
from funland_client.errors import FunlandError
from funland_client.formats import Format, TextFormat
from funland_client.messages import Conversation
from funland_client.parsing import Parsed, Read, with_kind
from funland_client.requests import Pooling, Prompt
from funland_client.retries import DEFAULT_RETRIES
from funland_client.status import error_from_wire
from funland_client.tool_runs import Rounds, ToolRun
from funland_client.tools import AnyTool, Function, Toolbox


class Funland:
    """A connection to a Funland server.

    `address` is `host:port`; None takes the environment's FUNLAND_SERVER, else 127.0.0.1:50051.
    `grpcs://host:port` is called over TLS, and so is one with `ca` or the environment's FUNLAND_CA:
    a file with the certificates that are believed, in PEM, in place of the machine's.
    `key` is an access key or token that goes with each call; None takes the environment's
    FUNLAND_KEY, else the login that is kept for the address (`auth.login`); empty: nothing is sent.
    `timeout` is how long a call may take in seconds, loading the model included; None: for ever.
    `retries` is how often a call is made again that failed for what may pass (`retryable`) before
    anything was received; what changes models, stores responses or keeps files is done once.
    The connection is made by the first call. An empty `model` is the server's default model.
    Every method raises a `FunlandError` when its call fails.
    """

    def __init__(
        self,
        address: str | None = None,
        timeout: float | None = None,
        retries: int = DEFAULT_RETRIES,
        *,
        ca: str | PathLike[str] | None = None,
        key: str | None = None,
    ) -> None:
        self._connection = Connection(address, timeout, retries, ca, key)
        self._inference = InferenceServiceStub(self._connection.channel)
        self.models = Models(self._connection)
        self.hubs = Hubs(self._connection)
        self.downloads = Downloads(self._connection)
        self.hardware = Hardware(self._connection)
        self.responses = Responses(self._connection)
        self.sessions = Sessions(self._connection)
        self.deployments = Deployments(self._connection)
        self.nodes = Nodes(self._connection)
        self.mcp = Mcp(self._connection)
        self.tasks = Tasks(self._connection)
        self.plugins = Plugins(self._connection)
        self.files = Files(self._connection)
        self.uploads = Uploads(self._connection)
        self.datasets = Datasets(self._connection)
        self.training = Training(self._connection)
        self.batches = Batches(self._connection, self.files)
        self.speech = Speech(self._connection, self.files)
        self.images = Images(self._connection)
        self.system = System(self._connection)
        self.auth = Auth(self._connection)
        self.projects = Projects(self._connection)

    @property
    def address(self) -> str:
        """The server's address as `host:port`."""
        return self._connection.address

    @overload
    def chat(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: type[Read],
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> Parsed[ChatResponse, Read]: ...

    @overload
    def chat(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: TextFormat | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> ChatResponse: ...

    def chat(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> ChatResponse | Parsed[ChatResponse, Any]:
        """Answers a message, or a conversation; returns when the answer is complete.

        With a pydantic class as `format`, `parsed` of the result is an instance of it.
        """
        request = requests.chat(conversation, model, arguments, format=format, tools=tools)
        return with_kind(self._connection.call(self._inference.Chat, request), format)

    def stream_chat(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> TextStream:
        """As `chat`, but gives the text as it comes."""
        request = requests.chat(conversation, model, arguments, format=format, tools=tools)
        return TextStream(
            self._connection.stream(self._inference.StreamChat, request), arguments.get("n", 1)
        )

    def run_tools(
        self,
        conversation: Conversation,
        tools: Sequence[Function],
        model: str = "",
        *,
        max_rounds: int = 8,
        format: Format | None = None,
        **arguments: Unpack[ChatArguments],
    ) -> ToolRun:
        """Chats, calls the functions that the model asks for, and goes on until it answers.

        An exception of a function, or a call that can't be made, is told to the model.
        `tool_choice` is for the first answer. Raises ToolRoundsError after `max_rounds` answers.
        """
        toolbox = Toolbox(tools)
        rounds = Rounds(conversation, arguments, max_rounds)
        while True:
            request = requests.chat(
                rounds.messages, model, rounds.arguments, format=format, tools=toolbox.tools
            )
            response = self._connection.call(self._inference.Chat, request)
            calls = rounds.take(response)
            if not calls:
                return ToolRun(response, rounds.messages)
            rounds.messages += [toolbox.call(call) for call in calls]

    @overload
    def generate(
        self,
        prompt: Prompt,
        model: str = "",
        *,
        format: type[Read],
        as_message: bool = False,
        suffix: str = "",
        **arguments: Unpack[GenerationArguments],
    ) -> Parsed[GenerateResponse, Read]: ...

    @overload
    def generate(
        self,
        prompt: Prompt,
        model: str = "",
        *,
        format: TextFormat | None = None,
        as_message: bool = False,
        suffix: str = "",
        **arguments: Unpack[GenerationArguments],
    ) -> GenerateResponse: ...

    def generate(
        self,
        prompt: Prompt,
        model: str = "",
        *,
        format: Format | None = None,
        as_message: bool = False,
        suffix: str = "",
        **arguments: Unpack[GenerationArguments],
    ) -> GenerateResponse | Parsed[GenerateResponse, Any]:
        """Continues a prompt as it is; returns when the text is complete. `format`: as `chat`.

        A prompt may be tokens. `as_message` has the model answer it through its chat template. With
        a `suffix` it fills in what is between the prompt and that, as models of code can.
        """
        request = requests.generate(
            prompt, model, arguments, format=format, as_message=as_message, suffix=suffix
        )
        return with_kind(self._connection.call(self._inference.Generate, request), format)

    def stream_generate(
        self,
        prompt: Prompt,
        model: str = "",
        *,
        format: Format | None = None,
        as_message: bool = False,
        suffix: str = "",
        **arguments: Unpack[GenerationArguments],
    ) -> TextStream:
        """As `generate`, but gives the text as it comes."""
        request = requests.generate(
            prompt, model, arguments, format=format, as_message=as_message, suffix=suffix
        )
        return TextStream(
            self._connection.stream(self._inference.StreamGenerate, request), arguments.get("n", 1)
        )

    def generate_batch(
        self,
        prompts: Sequence[Prompt | GenerateRequest],
        model: str = "",
        **arguments: Unpack[GenerationArguments],
    ) -> list[GenerateResponse | FunlandError]:
        """Continues up to 256 prompts at once; each one's response or error stands at its place.

        A prompt that is a GenerateRequest keeps its own model and arguments.
        """
        request = requests.generate_batch(prompts, model, arguments)
        response = self._connection.call(self._inference.BatchGenerate, request)
        return [
            error_from_wire(result.error) if result.HasField("error") else result.response
            for result in response.results
        ]

    def embed(
        self,
        texts: str | Sequence[Prompt],
        model: str = "",
        *,
        dimensions: int | None = None,
        pooling: Pooling | None = None,
        normalize: bool = True,
    ) -> EmbedResponse:
        """Turns each text into a vector; the vectors stand in the texts' order.

        A text may be its tokens; of texts and tokens together those of all texts come first.

        They are of length 1 unless `normalize` is false, and have the model's embedding length
        unless `dimensions` cuts them. `pooling` is the model's own unless it is named.
        """
        request = requests.embed(
            texts, model, dimensions=dimensions, pooling=pooling, normalize=normalize
        )
        return self._connection.call(self._inference.Embed, request)

    def rerank(
        self, query: str, documents: Sequence[str], model: str = "", *, top_n: int = 0
    ) -> RerankResponse:
        """Gives the `top_n` documents that answer a query best, the best first; 0: all."""
        request = requests.rerank(query, documents, model, top_n=top_n)
        return self._connection.call(self._inference.Rerank, request)

    def apply_template(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        tools: Sequence[AnyTool] = (),
        **arguments: Unpack[ChatArguments],
    ) -> ApplyTemplateResponse:
        """Gives the prompt that `chat` would continue, and its tokens."""
        request = ApplyTemplateRequest(
            chat=requests.chat(conversation, model, arguments, tools=tools)
        )
        return self._connection.call(self._inference.ApplyTemplate, request)

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
        answer = self._connection.call(self._inference.Tokenize, request)
        return list(answer.tokens)

    def pieces(
        self,
        text: str,
        model: str = "",
        *,
        add_special: bool = True,
        parse_special: bool = False,
    ) -> list[tuple[int, bytes]]:
        """Turns a text into the model's tokens, each with its bytes: a character may be cut
        between two."""
        request = requests.tokenize(
            text, model, add_special=add_special, parse_special=parse_special, with_pieces=True
        )
        answer = self._connection.call(self._inference.Tokenize, request)
        return list(zip(answer.tokens, answer.pieces, strict=True))

    def tokenizer(self, model: str = "") -> Tokenizer:
        """Tells what there is to know of a model's tokens: their marks, their number, its chat
        template."""
        request = GetTokenizerRequest(model=model)
        return self._connection.call(self._inference.GetTokenizer, request)

    def detokenize(self, tokens: Sequence[int], model: str = "") -> str:
        """Turns tokens back into text; bytes that are not UTF-8 become U+FFFD."""
        request = requests.detokenize(tokens, model)
        answer = self._connection.call(self._inference.Detokenize, request)
        return answer.text

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
