"""Compiles constraints for one model, each once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from llguidance import LLMatcher, LLTokenizer

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.constraints.checker import GrammarChecker
from funland_worker.constraints.constraint import NAMES, Constraint
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.grammar import matcher
from funland_worker.constraints.matcher import GrammarMatcher
from funland_worker.constraints.tokens import token_table, tokenizer
from funland_worker.engines.protocol import Engine, EngineError, Matcher

KEPT = 64
"""How many compiled constraints are kept; most take under 1 MB."""


class ConstraintCompiler:
    """Makes the matchers that hold texts to constraints. For one event loop."""

    def __init__(self, engine: Engine, *, kept: int = KEPT) -> None:
        self._engine = engine
        self._kept = kept
        self._tools: asyncio.Task[tuple[LLTokenizer, GrammarChecker]] | None = None
        self._compiled: OrderedDict[Constraint, asyncio.Task[LLMatcher]] = OrderedDict()
        """The least recently used first."""

    async def compile(self, constraint: Constraint) -> Callable[[], Matcher]:
        """What makes a matcher for each text that is to follow the constraint.

        The first constraint of a model takes about a second, others a few milliseconds, and none
        holds up the event loop. Calls for the same one wait for one compilation.

        Raises:
            EngineError: CONSTRAINT_INVALID, CONSTRAINT_LIMIT, or ENGINE_UNSUPPORTED for a model
                that has no mark to end a text with.
        """
        return self._matchers(await self._start(constraint))

    async def begun(self, constraint: Constraint, text: str) -> Callable[[], Matcher] | None:
        """The same for what follows the beginning of a text; None if no text that follows the
        constraint begins like that. Raises as `compile`."""
        start = await self._start(constraint)
        words, _ = await self._both_tools()
        state = start.deep_copy()
        tokens = await asyncio.to_thread(words.greedy_tokenize, text)
        taken = await asyncio.to_thread(state.try_consume_tokens, tokens)
        return self._matchers(state) if taken == len(tokens) else None

    def _matchers(self, state: LLMatcher) -> Callable[[], Matcher]:
        return lambda: GrammarMatcher(state.deep_copy(), self._engine.vocabulary.is_end)

    async def _start(self, constraint: Constraint) -> LLMatcher:
        task = self._compiled.get(constraint)
        if task is None:
            task = asyncio.create_task(self._compile(constraint))
            self._compiled[constraint] = task
            while len(self._compiled) > self._kept:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(constraint)
        try:
            # One caller that goes away takes nothing from the others.
            return await asyncio.shield(task)
        except GrammarError as error:
            raise _refusal(constraint, error) from error
        finally:
            if self._compiled.get(constraint) is task and _failed(task):
                del self._compiled[constraint]

    async def close(self) -> None:
        """Ends the process that checks constraints."""
        if self._tools is not None and not _failed(self._tools):
            _, checker = await self._tools
            await checker.close()

    async def _compile(self, constraint: Constraint) -> LLMatcher:
        words, checker = await self._both_tools()
        grammar = await checker.grammar(constraint)
        return await asyncio.to_thread(matcher, grammar, words)

    async def _both_tools(self) -> tuple[LLTokenizer, GrammarChecker]:
        if self._tools is None or _failed(self._tools):
            self._tools = asyncio.create_task(self._make_tools())
        return await asyncio.shield(self._tools)

    async def _make_tools(self) -> tuple[LLTokenizer, GrammarChecker]:
        table = await asyncio.to_thread(token_table, self._engine)
        if not table.ends:
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                "The model has no mark to end a text with, so it can't follow a format.",
                engine=LoadSettings.Engine.Name(self._engine.kind),
                feature="format",
            )
        words = await asyncio.to_thread(tokenizer, table, self._engine.vocabulary)
        return words, GrammarChecker(table)


def _failed(task: asyncio.Task[object]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _refusal(constraint: Constraint, error: GrammarError) -> EngineError:
    reason = ErrorReason.CONSTRAINT_LIMIT if error.limit else ErrorReason.CONSTRAINT_INVALID
    return EngineError(reason, f"The {NAMES[constraint.kind]} can't be used: {error.message}.")
