"""What every call passes, whichever way it came: limits, deadlines, metrics, errors."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
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
from funland_server.identity import Credentials, Gate, Identity, OpenGate, act_as, rule
from funland_server.metrics import Metrics
from funland_server.rpc.belonging import Belongings
from funland_server.rpc.lasting import Lasting
from funland_server.rpc.status import to_status
from funland_server.rpc.step_timeout import StepTimeout
from funland_server.rpc.validation import validate
from funland_server.tracing.calls import STATUS, begun, is_fault, span_name
from funland_server.tracing.spans import (
    CANCELLED,
    NO_SPAN,
    NO_TRACES,
    Carrier,
    Kind,
    Span,
    Tracing,
    enter,
    error_type,
)

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
    authorization: str = ""
    """What came with it to say who calls."""
    address: str = ""
    """Where the caller is; empty: in this process."""
    gateway: str = ""
    """What a gateway shows that passes the call on; empty: none does, or it is in this process."""
    client_address: str = ""
    """Where that says that the caller is."""
    trace: Carrier = ()
    """What trace it is part of."""

    @property
    def credentials(self) -> Credentials:
        """What is known of who calls."""
        return Credentials(
            self.authorization, self.address, self.request_id, self.gateway, self.client_address
        )


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC and what answers it."""

    descriptor: MethodDescriptor
    handler: Callable[[Any], Any]


class Pipeline:
    """Answers the calls of all services."""

    def __init__(
        self,
        metrics: Metrics,
        gate: Gate | None = None,
        belongings: Belongings | None = None,
        tracing: Tracing = NO_TRACES,
    ) -> None:
        """`gate` says who may call, and `belongings` what is whose; without, everybody may, and
        all is everybody's."""
        self._tracing = tracing
        self._belongings = belongings
        self._metrics = metrics
        self._gate = gate or OpenGate()
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
        """Lets an object answer a service: a method of it for each RPC, of the RPC's name.

        Raises:
            ValueError: The contract does not say of an RPC who may call it.
        """
        for descriptor in service.methods:
            rule(descriptor)
            handler = getattr(implementation, descriptor.name)
            self._methods[descriptor.full_name] = Method(descriptor, handler)

    def methods(self) -> Iterator[Method]:
        """All that can be called."""
        yield from self._methods.values()

    def method(self, full_name: str) -> Method:
        """The method of that name; raises KeyError."""
        return self._methods[full_name]

    async def check(self, method: Method, call: Call) -> tuple[tuple[str, str], ...]:
        """Whether a method may be called, before what is said to it is read; raises CallFailed.
        Gives what callers are to be told of their limits, as metadata."""
        try:
            rate = await self._gate.check(method.descriptor, call.credentials)
        except FunlandError as error:
            with self._answering(method, call):  # then it was one
                raise error
        return () if rate is None else rate.metadata()

    async def unary(self, method: Method, request: Message | None, call: Call) -> Message:
        """Answers a call whose method answers once; raises CallFailed. Without a request, what came
        was none."""
        handler: Callable[[Message], Awaitable[Message]] = method.handler
        with self._answering(method, call):
            async with (
                self._admitted(method, call, request) as identity,
                _Deadline(call) as deadline,
            ):
                act_as(identity)
                deadline.run()
                return await handler(await self._owned(_checked(method, request)))

    def stream(
        self, method: Method, request: Message | None, call: Call
    ) -> AsyncGenerator[Message]:
        """Answers a call whose method answers with a stream; otherwise as `unary`."""
        handler: Callable[[Message], AsyncGenerator[Message]] = method.handler

        async def begin() -> AsyncGenerator[Message]:
            return handler(await self._owned(_checked(method, request)))

        return self._stream(method, call, begin, request)

    async def collect(
        self, method: Method, requests: AsyncIterator[Message | None], call: Call
    ) -> Message:
        """Answers a call whose method takes a stream and answers once. Its requests are as those of
        `converse`."""
        handler: Callable[[AsyncIterator[Message]], Awaitable[Message]] = method.handler
        with self._answering(method, call):
            async with self._admitted(method, call, None) as identity, _Deadline(call) as deadline:
                act_as(identity)
                deadline.run()
                return await handler(
                    _Checked(method, requests, self._owned, self._lasting(method, call))
                )

    def converse(
        self, method: Method, requests: AsyncIterator[Message | None], call: Call
    ) -> AsyncGenerator[Message]:
        """Answers a call whose method takes a stream and answers with one; otherwise as `stream`.

        The method asks for each request when it is ready for it. Of one that breaks a rule it gets
        `RequestRefused`, and the next when it asks again.
        """
        handler: Callable[[AsyncIterator[Message]], AsyncGenerator[Message]] = method.handler

        lasting = self._lasting(method, call)

        async def begin() -> AsyncGenerator[Message]:
            return handler(_Checked(method, requests, self._owned, lasting))

        return self._stream(method, call, begin)

    async def _stream(
        self,
        method: Method,
        call: Call,
        begin: Callable[[], Awaitable[AsyncGenerator[Message]]],
        request: Message | None = None,
    ) -> AsyncGenerator[Message]:
        with self._answering(method, call) as span:
            async with self._admitted(method, call, request) as identity:
                act_as(identity)
                enter(span)
                lasting = self._lasting(method, call)
                async with aclosing(await begin()) as answers, _Deadline(call) as deadline:
                    while True:
                        act_as(identity)  # in between, the reader may have acted for another
                        enter(span)
                        deadline.run()
                        try:
                            answer = await anext(answers)
                        except StopAsyncIteration:
                            return
                        await lasting.check()
                        deadline.rest()
                        yield answer

    async def _owned(self, request: Message) -> Message:
        """The request, if what it names is there for the caller."""
        if self._belongings is not None:
            await self._belongings.check(request)
        return request

    def _lasting(self, method: Method, call: Call) -> Lasting:
        return Lasting(self._gate, method.descriptor, call.credentials)

    def _admitted(
        self, method: Method, call: Call, request: Message | None
    ) -> AbstractAsyncContextManager[Identity]:
        return self._gate.admitted(method.descriptor, call.credentials, request)

    async def drain(self, seconds: float) -> None:
        """Takes no more calls and waits for those under way, at most so long."""
        self.stopping = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("calls_cut_off", calls=self._active)

    @contextmanager
    def _answering(self, method: Method, call: Call) -> Generator[Span]:
        begin = monotonic()
        counts = method.descriptor.full_name not in _STANDING
        if counts:
            self._enter()
        code, failed = "OK", ""
        span = self._span(method, call) if self._tracing.on and counts else NO_SPAN
        enter(span)
        try:
            if self.stopping and method.descriptor.containing_service.full_name != _ALWAYS:
                raise ServerStoppingError
            yield span
        except (asyncio.CancelledError, GeneratorExit):
            code = failed = CANCELLED
            raise
        except (FunlandError, RequestRefused) as problem:
            error = problem.error if isinstance(problem, RequestRefused) else problem
            code, failed = error.code, error_type(error)
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
            code, failed = internal.code, error_type(internal)
            raise CallFailed(to_status(internal, call.request_id)) from error
        finally:
            if counts:
                self._leave()
            name = method.descriptor.full_name.removeprefix("funland.v1.")
            self._metrics.calls.labels(name, code).inc()
            if span.recording:
                span.set({STATUS: code})
            span.end(failed, fault=is_fault(code))
            milliseconds = round(1e3 * (monotonic() - begin), 1)
            log = logger.debug if call.local else logger.info
            log("call", rpc=name, code=code, ms=milliseconds, request_id=call.request_id)

    def _span(self, method: Method, call: Call) -> Span:
        told = begun(method.descriptor, call.request_id)
        return self._tracing.begin(
            span_name(method.descriptor),
            kind=Kind.SERVER.value,
            carrier=call.trace,
            attributes=told,
        )

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

    def __init__(
        self,
        method: Method,
        requests: AsyncIterator[Message | None],
        owned: Callable[[Message], Awaitable[Message]],
        lasting: Lasting,
    ) -> None:
        self._method = method
        self._requests = requests
        self._owned = owned
        self._lasting = lasting

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        request = await anext(self._requests)
        await self._lasting.check()
        try:
            return await self._owned(_checked(self._method, request))
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
