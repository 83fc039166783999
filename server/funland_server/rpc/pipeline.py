"""What every call passes, whichever way it came: limits, deadlines, metrics, errors."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self

import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import status_pb2

from funland_server.domain import RequestRefused
from funland_server.errors import (
    BodyMalformedError,
    DeadlinePassedError,
    FunlandError,
    InternalError,
    ServerStoppingError,
)
from funland_server.metrics import Metrics
from funland_server.rpc.status import to_status
from funland_server.rpc.step_timeout import StepTimeout
from funland_server.rpc.validation import validate

logger = structlog.get_logger(__name__)

# Answered while the server stops, so that probes can see that it does.
_ALWAYS = "funland.v1.SystemService"
# A gateway holds it as long as there is a gateway: among the calls that are being answered it would
# always be one.
_STANDING = ("funland.v1.DeploymentService.WatchDeployments",)


class CallFailed(Exception):
    """A call ended with a status other than OK."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a call beside its request."""

    request_id: str
    seconds: float | None
    """Until its deadline; None if it has none."""
    local: bool = False
    """Whether it comes from inside this process, whose own log tells of it."""


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC and what answers it."""

    descriptor: MethodDescriptor
    handler: Callable[[Any], Any]


class Pipeline:
    """Answers the calls of all services."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._methods: dict[str, Method] = {}
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.stopping = False

    @property
    def active(self) -> int:
        """How many calls are being answered."""
        return self._active

    def add(self, service: ServiceDescriptor, implementation: object) -> None:
        """Lets an object answer a service: a method of it for each RPC, of the RPC's name."""
        for descriptor in service.methods:
            handler = getattr(implementation, descriptor.name)
            self._methods[descriptor.full_name] = Method(descriptor, handler)

    def methods(self) -> Iterator[Method]:
        """All that can be called."""
        yield from self._methods.values()

    def method(self, full_name: str) -> Method:
        """The method of that name; raises KeyError."""
        return self._methods[full_name]

    async def unary(self, method: Method, request: Message | None, call: Call) -> Message:
        """Answers a call whose method answers once; raises CallFailed. Without a request, what came
        was none."""
        handler: Callable[[Message], Awaitable[Message]] = method.handler
        with self._answering(method, call):
            request = _checked(method, request)
            async with _Deadline(call) as deadline:
                deadline.run()
                return await handler(request)

    def stream(
        self, method: Method, request: Message | None, call: Call
    ) -> AsyncGenerator[Message]:
        """Answers a call whose method answers with a stream; otherwise as `unary`."""
        handler: Callable[[Message], AsyncGenerator[Message]] = method.handler
        return self._stream(method, call, lambda: handler(_checked(method, request)))

    async def collect(
        self, method: Method, requests: AsyncIterator[Message | None], call: Call
    ) -> Message:
        """Answers a call whose method takes a stream and answers once. Its requests are as those of
        `converse`."""
        handler: Callable[[AsyncIterator[Message]], Awaitable[Message]] = method.handler
        with self._answering(method, call):
            async with _Deadline(call) as deadline:
                deadline.run()
                return await handler(_Checked(method, requests))

    def converse(
        self, method: Method, requests: AsyncIterator[Message | None], call: Call
    ) -> AsyncGenerator[Message]:
        """Answers a call whose method takes a stream and answers with one; otherwise as `stream`.

        The method asks for each request when it is ready for it. Of one that breaks a rule it gets
        `RequestRefused`, and the next when it asks again.
        """
        handler: Callable[[AsyncIterator[Message]], AsyncGenerator[Message]] = method.handler
        return self._stream(method, call, lambda: handler(_Checked(method, requests)))

    async def _stream(
        self, method: Method, call: Call, begin: Callable[[], AsyncGenerator[Message]]
    ) -> AsyncGenerator[Message]:
        with self._answering(method, call):
            async with aclosing(begin()) as answers, _Deadline(call) as deadline:
                while True:
                    deadline.run()
                    try:
                        answer = await anext(answers)
                    except StopAsyncIteration:
                        return
                    deadline.rest()
                    yield answer

    async def drain(self, seconds: float) -> None:
        """Takes no more calls and waits for those under way, at most so long."""
        self.stopping = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("calls_cut_off", calls=self._active)

    @contextmanager
    def _answering(self, method: Method, call: Call) -> Generator[None]:
        begin = monotonic()
        counts = method.descriptor.full_name not in _STANDING
        if counts:
            self._enter()
        code = "OK"
        try:
            if self.stopping and method.descriptor.containing_service.full_name != _ALWAYS:
                raise ServerStoppingError
            yield
        except (asyncio.CancelledError, GeneratorExit):
            code = "CANCELLED"
            raise
        except (FunlandError, RequestRefused) as problem:
            error = problem.error if isinstance(problem, RequestRefused) else problem
            code = error.code
            raise CallFailed(to_status(error, call.request_id)) from problem
        except Exception as error:
            error_id = uuid.uuid4().hex[:12]
            logger.exception(
                "unforeseen_error",
                error_id=error_id,
                rpc=method.descriptor.full_name,
                request_id=call.request_id,
            )
            internal = InternalError(error_id)
            code = internal.code
            raise CallFailed(to_status(internal, call.request_id)) from error
        finally:
            if counts:
                self._leave()
            name = method.descriptor.full_name.removeprefix("funland.v1.")
            self._metrics.calls.labels(name, code).inc()
            milliseconds = round(1e3 * (monotonic() - begin), 1)
            log = logger.debug if call.local else logger.info
            log("call", rpc=name, code=code, ms=milliseconds, request_id=call.request_id)

    def _enter(self) -> None:
        self._active += 1
        self._idle.clear()
        self._metrics.active_connections.inc()

    def _leave(self) -> None:
        self._active -= 1
        if self._active == 0:
            self._idle.set()
        self._metrics.active_connections.dec()


def _checked(method: Method, request: Message | None) -> Message:
    if request is None:
        raise BodyMalformedError(method.descriptor.input_type.full_name)
    validate(request)
    return request


class _Checked:
    """The requests of a stream, each checked when it is asked for."""

    def __init__(self, method: Method, requests: AsyncIterator[Message | None]) -> None:
        self._method = method
        self._requests = requests

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        request = await anext(self._requests)
        try:
            return _checked(self._method, request)
        except FunlandError as error:
            raise RequestRefused(error, request) from error


class _Deadline:
    """A call's deadline, which raises DeadlinePassedError; another's TimeoutError stays what it is.

    It rests while the reader of a stream has the turn: its expiry would cancel the reader.
    """

    def __init__(self, call: Call) -> None:
        clock = asyncio.get_running_loop().time
        self._when = None if call.seconds is None else clock() + call.seconds
        self._steps = StepTimeout()

    def run(self) -> None:
        """Lets the time count."""
        if self._when is not None:
            self._steps.begin(self._when)

    def rest(self) -> None:
        """Lets it pass unseen."""
        if self._when is not None:
            self._steps.over()

    async def __aenter__(self) -> Self:
        await self._steps.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._steps.__aexit__(*error)
        except TimeoutError:
            raise DeadlinePassedError from None
