"""Runs what a client is to do, and prints a line of JSON for each: the only thing scripts share.

The service is at SERVICE_URL. It needs no package, as each client has an environment of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any

URL = os.environ.get("SERVICE_URL", "http://127.0.0.1:8000")
MODEL = "funland-tiny"
HELLO = "Hello!"
ANSWER = "Hello! How can I help you today?"
CAPITAL = "What is the capital of France?"
CITY = {"type": "string", "enum": ["Paris", "Rome"]}


_LONGEST = 400
"""Of an error, in characters."""


class Checks:
    """Collects functions, which raise where something is not as it should be."""

    def __init__(self) -> None:
        self._checks: list[Callable[[], Any]] = []

    def __call__(self, check: Callable[[], Any]) -> Callable[[], Any]:
        """Adds one; its name is what it checks."""
        self._checks.append(check)
        return check

    def of(self, variant: str, act: Callable[[str], Any]) -> None:
        """Adds one that takes which of several it is about."""
        check = partial(act, variant)
        check.__name__ = f"{variant}: {act.__name__}"  # type: ignore[attr-defined] - a name for it
        self._checks.append(check)

    def run(self) -> None:
        """Runs all, those that are asynchronous in one loop."""
        with asyncio.Runner() as runner:
            for check in self._checks:
                line = {"name": check.__name__.replace("_", " "), "outcome": "passed"}
                try:
                    told = check()
                    if inspect.isawaitable(told):
                        runner.run(_awaited(told))
                except Exception as error:
                    told = f"{type(error).__name__}: {error}"
                    line |= {"outcome": "failed", "error": told[:_LONGEST]}
                print(json.dumps(line), flush=True)


async def _awaited(told: Any) -> None:
    await told
