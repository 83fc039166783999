"""A gRPC server that speaks the whole contract and answers as a test tells it: for clients only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Never

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    sessions_pb2,
    speech_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)

_MODULES = (
    *(
        auth_pb2,
        batches_pb2,
        datasets_pb2,
        files_pb2,
        images_pb2,
        plugins_pb2,
        projects_pb2,
        tasks_pb2,
        training_pb2,
    ),
    *(deployments_pb2, downloads_pb2, hub_pb2, inference_pb2, mcp_pb2, models_pb2, nodes_pb2),
    sessions_pb2,
    speech_pb2,
    uploads_pb2,
)

RPCS = {
    f"/{service.full_name}/{rpc.name}": rpc
    for module in _MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for rpc in service.methods
}
Answer = Callable[[Any], Any]
"""Of a request, or an iterator of those that come: a message, or the messages of a stream.

It may raise `Refusal`.
"""


class Refusal(Exception):
    """What a server says that refuses a call."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(message)
        self._status = Status(code=code.value[0], message=message)
        # It may be tried again at once, if at all.
        for detail in (
            ErrorInfo(reason=reason, domain="funland"),
            RetryInfo(retry_delay=Duration()),
        ):
            packed = AnyMessage()
            packed.Pack(detail)
            self._status.details.append(packed)

    def tell(self, context: grpc.ServicerContext) -> Never:
        """Ends the call with it."""
        convert: Any = rpc_status  # its stubs lack the types
        context.abort_with_status(convert.to_status(self._status))


class ScriptedServer(grpc.GenericRpcHandler):
    """Answers RPCs by their names in `answers`; `requests` are those that came.

    `gate` is asked before anything of a call is read, with the RPC's name and the `authorization`
    that came, empty if none did; it may raise `Refusal`.
    """

    def __init__(self, **answers: Message | Answer) -> None:
        self.answers = answers
        self.requests: list[Message] = []
        self.gate: Callable[[str, str], None] = lambda _name, _authorization: None
        self.address = ""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """What answers a call, as gRPC asks for it."""
        rpc = RPCS.get(handler_call_details.method)
        if rpc is None or rpc.name not in self.answers:
            return None
        make: Any = grpc  # whose stubs ask for the messages' types
        read = GetMessageClass(rpc.input_type).FromString
        if rpc.client_streaming:
            return make.stream_stream_rpc_method_handler(
                partial(self._conversation, rpc.name), read, _written
            )
        if rpc.server_streaming:
            answers = partial(self._stream, rpc.name)
            return make.unary_stream_rpc_method_handler(answers, read, _written)
        answer = partial(self._once, rpc.name)
        return make.unary_unary_rpc_method_handler(answer, read, _written)

    def _once(self, name: str, request: Message, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        answer = self.answers[name]
        try:
            self._pass(name, context)
            return answer(request) if callable(answer) else answer
        except Refusal as refusal:
            refusal.tell(context)

    def _stream(
        self, name: str, request: Message, context: grpc.ServicerContext
    ) -> Iterable[Message]:
        try:
            yield from self._once(name, request, context)
        except Refusal as refusal:
            refusal.tell(context)

    def _conversation(
        self, name: str, requests: Iterable[Message], context: grpc.ServicerContext
    ) -> Iterable[Message]:
        def noted() -> Iterable[Message]:
            for request in requests:
                self.requests.append(request)
                yield request

        answer = self.answers[name]
        assert callable(answer)
        try:
            self._pass(name, context)
            yield from answer(noted())
        except Refusal as refusal:
            refusal.tell(context)

    def _pass(self, name: str, context: grpc.ServicerContext) -> None:
        came = dict(context.invocation_metadata()).get("authorization", "")
        self.gate(name, str(came))


def _written(message: Message) -> bytes:
    return message.SerializeToString()


@contextmanager
def serving(**answers: Message | Answer) -> Generator[ScriptedServer]:
    """Runs a server in threads."""
    scripted = ScriptedServer(**answers)
    server = grpc.server(ThreadPoolExecutor(8), handlers=[scripted])
    scripted.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield scripted
    finally:
        server.stop(None).wait()
