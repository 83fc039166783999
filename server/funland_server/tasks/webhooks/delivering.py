"""Tells webhooks of the ends of tasks: those that are due, again and again until they are told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import Final

import structlog
from pydantic import SecretStr

from funland.v1.tasks_pb2 import Webhook, WebhookDelivery
from funland_server.changes import Changes
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.tasks.clock import Clock
from funland_server.tasks.webhooks import checking, letter
from funland_server.tasks.webhooks.places import Places
from funland_server.tasks.webhooks.schedule import Outcome, after_answer, after_failure
from funland_server.tasks.webhooks.signing import key_of, signed
from funland_server.tasks.webhooks.store import Claimed, WebhookStore
from funland_server.web.fetching import Web
from funland_server.web.urls import host_of, parse
from funland_server.web.waiting import asked_to_wait

logger = structlog.get_logger(__name__)

_LEAST_PAUSE: Final = 0.1
"""Seconds between two looks, however many tasks end."""
_BUSY_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0
"""So soon a server sees those of tasks that another one ended and did not tell."""


class Webhooks:
    """Those that one server tells."""

    def __init__(
        self,
        store: WebhookStore,
        web: Web,
        secret: Live[SecretStr | None],
        *,
        metrics: Metrics,
        clock: Clock,
        changes: Changes,
    ) -> None:
        """`secret` signs those that have none of their own; `changes` tells that a task may have
        ended."""
        self._store = store
        self._web = web
        self._secret = secret
        self._metrics = metrics
        self._clock = clock
        self._changes = changes
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._telling: dict[asyncio.Task[None], str] = {}
        """The URLs that are told."""

    def check(self, webhook: Webhook) -> None:
        """See `checking.check`."""
        checking.check(webhook, self._web.check, has_default=self._secret.now is not None)

    async def start(self) -> None:
        """Begins with those that the last start of this home did not tell."""
        await self._store.take_back()
        self._loops = [asyncio.create_task(self._run()), asyncio.create_task(self._follow())]

    async def drain(self, seconds: float) -> None:
        """Begins with those that have become due, and no more; waits for them, at most so long."""
        await self._end_loops()
        with suppress(FunlandError):  # the next start finds them
            await self._begin_due()
        if self._telling:
            await asyncio.wait([*self._telling], timeout=seconds)

    async def close(self) -> None:
        """Ends those under way: they are told again. Closing twice is no error."""
        await self._end_loops()
        for telling in self._telling:
            telling.cancel()
        if self._telling:
            await asyncio.wait([*self._telling])

    async def _end_loops(self) -> None:
        for loop in self._loops:
            loop.cancel()
        if self._loops:
            await asyncio.wait(self._loops)

    async def _follow(self) -> None:
        """Has the other look whenever a task may have ended."""
        with suppress(ServerStoppingError):
            async with aclosing(self._changes.watch()) as changes:
                async for _ in changes:
                    self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = _LONGEST_PAUSE
            try:
                pause = await self._begin_due()
            except FunlandError as error:
                logger.warning("webhooks_not_looked_at", reason=error.message)
            except Exception:
                logger.exception("webhooks_not_looked_at")  # one defect must not end all telling
            await asyncio.sleep(_LEAST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _begin_due(self) -> float:
        """Begins to tell as many as there is room for; gives the seconds until then."""
        places = Places(self._telling.values())
        if not places.free:
            return _LONGEST_PAUSE  # whichever ends wakes it
        due = await self._store.next_time()
        time = self._clock.micros()
        if due is None or due > time:
            return _LONGEST_PAUSE if due is None else min((due - time) / 1e6, _LONGEST_PAUSE)
        taken = await self._store.claim(places, time)
        for claimed in taken:
            telling = asyncio.create_task(self._tell(claimed))
            self._telling[telling] = claimed.url
            telling.add_done_callback(self._told)
        return 0.0 if taken else _BUSY_PAUSE  # another server has them, or their receivers hang

    def _told(self, telling: asyncio.Task[None]) -> None:
        del self._telling[telling]
        self._wake.set()

    async def _tell(self, claimed: Claimed) -> None:
        try:
            outcome = await self._outcome(claimed)
            if await self._store.put(claimed, outcome):
                self._report(claimed, outcome)
        except FunlandError as error:  # it is told again when its lease is over
            logger.warning("webhook_not_kept", task_id=claimed.task.task_id, reason=error.message)
        except Exception:
            logger.exception("webhook_not_kept", task_id=claimed.task.task_id)

    async def _outcome(self, claimed: Claimed) -> Outcome:
        """Sends it once."""
        key = self._key(claimed)
        if key is None:
            why = "the setting server.webhook_secret is not set any more"
            return self._failed(claimed, why)
        body = letter.body(claimed.task)
        name = letter.message_id(claimed.task.task_id, claimed.end_time)
        headers = signed(key, name, self._clock.micros() // 10**6, body)
        try:
            posted = await self._web.post(claimed.url, body, headers)
        except FunlandError as error:
            return self._failed(claimed, error.message)
        time = self._clock.micros()
        asked = asked_to_wait(posted.headers, time / 1e6)
        return after_answer(posted.status, claimed.attempts, claimed.end_time, time, asked)

    def _failed(self, claimed: Claimed, why: str) -> Outcome:
        return after_failure(why, claimed.attempts, claimed.end_time, self._clock.micros())

    def _key(self, claimed: Claimed) -> bytes | None:
        if claimed.secret:
            return key_of(claimed.secret)
        default = self._secret.now
        return None if default is None else key_of(default.get_secret_value())

    def _report(self, claimed: Claimed, outcome: Outcome) -> None:
        """Counts it, and writes a line to the log, with no more of the URL than its host."""
        state = WebhookDelivery.State.Name(outcome.state)
        self._metrics.webhook_tries.labels(state).inc()
        log = logger.info if outcome.state == WebhookDelivery.DELIVERED else logger.warning
        log(
            "webhook_told",
            task_id=claimed.task.task_id,
            host=host_of(parse(claimed.url)),
            state=state,
            attempts=claimed.attempts,
            reason=outcome.why or None,
        )
