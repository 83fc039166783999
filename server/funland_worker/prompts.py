"""From what a caller sent to the tokens that the engine continues."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import GenerationOptions, OutputFormat
from funland.worker.v1 import worker_pb2
from funland_worker.chat.blame import blamed
from funland_worker.chat.grammar import answer_grammar
from funland_worker.chat.stream import AnswerShape
from funland_worker.chat.tools import Calling, calling_from_wire
from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.constraints.constraint import Constraint, from_wire
from funland_worker.engines.protocol import Engine, EngineError, Matcher, Prompt, Sampling
from funland_worker.templates.conversation import TemplateTraits, template_variables
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.wire import sampling_from_wire

_LONG = 20_000
"""Characters from which tokenizing would hold up the event loop for milliseconds."""
_SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Reading:
    """What was submitted, ready for the engine."""

    prompts: list[Prompt]
    """One for each text that is asked for."""
    shape: AnswerShape | None
    """How the texts are to be read; None: they are text and nothing else."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """A conversation as its template writes it."""

    text: str
    tokens: list[int]
    calling: Calling
    shape: AnswerShape


class PromptReader:
    """Renders, tokenizes and checks what is submitted."""

    def __init__(
        self, engine: Engine, renderer: TemplateRenderer | None, *, begin_mark: str
    ) -> None:
        """`begin_mark` is what `add_special` would put in front, empty if nothing."""
        self._engine = engine
        self._renderer = renderer
        self._traits = TemplateTraits(renderer.template) if renderer is not None else None
        self._begin_mark = begin_mark
        self._constraints = ConstraintCompiler(engine)

    async def read(self, submit: worker_pb2.Submit) -> Reading:
        """The texts to write.

        Raises:
            EngineError: MODEL_CANNOT_GENERATE, MODEL_CANNOT_CHAT, TEMPLATE_FAILED, TEMPLATE_LIMIT,
                PROMPT_TOO_LONG, TOKEN_UNKNOWN, CONSTRAINT_INVALID, CONSTRAINT_LIMIT or
                FIELD_INVALID.
        """
        arrival = monotonic()
        if not self._engine.can_generate:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_GENERATE,
                "The model writes no text here: it reads a text as a whole, as models for"
                " embeddings, rankers and diffusion models do.",
            )
        sampling = sampling_from_wire(submit.sampling)
        self._check_bias(sampling)
        shape = None
        if submit.WhichOneof("input") == "conversation":
            rendering = await self.render(submit.conversation)
            tokens, shape = rendering.tokens, rendering.shape
            matchers = await self._answer_matchers(rendering, submit.format)
            if rendering.calling.required:
                # Stop strings are for content, and calls are none: they may well have such text.
                sampling = dataclasses.replace(sampling, stop=())
        else:
            tokens = await self.tokens(submit.prompt, add_special=True, parse_special=True)
            matchers = await self._matchers(from_wire(submit.format))
        self.check_length(tokens, room_for_answer=1)
        first = Prompt(
            submit.sequence_id,
            tokens,
            sampling,
            arrival,
            top_logprobs=_top_logprobs(submit.options),
            priority=submit.options.priority or GenerationOptions.NORMAL,
            adapters=_adapters(submit.options),
            speculation=submit.options.speculation,
            shows_control=shape is not None and self._has_marks(shape),
        )
        count = submit.options.n or 1
        return Reading([_choice(first, choice, matchers) for choice in range(count)], shape)

    async def render(self, conversation: worker_pb2.Conversation) -> Rendering:
        """The prompt for a conversation.

        Raises:
            EngineError: MODEL_CANNOT_CHAT, TEMPLATE_FAILED, TEMPLATE_LIMIT, CONSTRAINT_INVALID or
                FIELD_INVALID.
        """
        if self._renderer is None or self._traits is None:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_CHAT,
                "The model has no chat template that works; use `Generate`, or a model made for"
                " chat.",
            )
        traits = self._traits
        calling = calling_from_wire(conversation)
        variables = template_variables(conversation, calling.told, traits)
        text = await self._renderer.render(variables)
        marks = traits.reasoning
        begun = marks is not None and text.rstrip().endswith(marks.begin)
        unwanted = conversation.HasField("reasoning") and not conversation.reasoning
        if begun and unwanted and marks is not None:
            # The template has no way not to think: the thought is over before it begins.
            text, begun = f"{text.rstrip()}\n\n{marks.end}\n\n", False
        # Many templates write the begin mark themselves; two of them spoil the answer.
        twice = bool(self._begin_mark) and text.startswith(self._begin_mark)
        tokens = await self.tokens(text, add_special=not twice, parse_special=True)
        functions = frozenset(function.name for function in calling.allowed)
        shape = AnswerShape(traits.call_format, functions, marks, begun)
        return Rendering(text, tokens, calling, shape)

    async def close(self) -> None:
        """Ends the processes that check constraints."""
        await self._constraints.close()

    async def tokens(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text, made on another thread if it is long."""
        tokenize = self._engine.vocabulary.tokenize
        if len(text) < _LONG:
            return tokenize(text, add_special=add_special, parse_special=parse_special)
        return await asyncio.to_thread(
            tokenize, text, add_special=add_special, parse_special=parse_special
        )

    def check_length(self, tokens: list[int], room_for_answer: int = 0) -> None:
        """Refuses what the context does not hold, and what has no tokens at all."""
        limit = self._engine.context_length - room_for_answer
        if len(tokens) > limit:
            raise EngineError(
                ErrorReason.PROMPT_TOO_LONG,
                f"The prompt has {len(tokens)} tokens, the context holds"
                f" {self._engine.context_length}, the answer included. Shorten it, or load the"
                " model with a larger context_length.",
                prompt_tokens=str(len(tokens)),
                context_length=str(self._engine.context_length),
            )
        if not tokens:
            raise EngineError(
                ErrorReason.FIELD_INVALID, "The prompt has no tokens: there is nothing to continue."
            )

    def _check_bias(self, sampling: Sampling) -> None:
        for token in sampling.logit_bias:
            if token >= self._engine.vocabulary_size:
                raise EngineError(
                    ErrorReason.TOKEN_UNKNOWN,
                    f"logit_bias names token {token}, but the vocabulary has only"
                    f" {self._engine.vocabulary_size} tokens.",
                    vocabulary_size=str(self._engine.vocabulary_size),
                )

    async def _answer_matchers(
        self, rendering: Rendering, content: OutputFormat
    ) -> Callable[[], Matcher] | None:
        shape = rendering.shape
        if shape.reasoning is None and not shape.functions:
            return await self._matchers(from_wire(content))
        grammar = answer_grammar(
            shape.call_format,
            rendering.calling,
            content,
            shape.reasoning,
            self._mark_token,
            begun=shape.begun,
        )
        if grammar is None:
            return None
        try:
            return await self._constraints.compile(Constraint("lark", grammar))
        except EngineError as error:
            compiled = self._constraints.compile
            raise await blamed(error, rendering.calling, content, compiled) from error

    async def _matchers(self, constraint: Constraint | None) -> Callable[[], Matcher] | None:
        return await self._constraints.compile(constraint) if constraint is not None else None

    def _mark_token(self, mark: str) -> int | None:
        """The token that a mark of the chat format is by itself."""
        tokens = self._engine.vocabulary.tokenize(mark, add_special=False, parse_special=True)
        return tokens[0] if len(tokens) == 1 and len(mark) > 1 else None

    def _has_marks(self, shape: AnswerShape) -> bool:
        """Whether what parts the answer may be control tokens, which are not written otherwise."""
        marks = set(shape.call_format.marks) if shape.functions else set[str]()
        if shape.reasoning is not None:
            marks |= {shape.reasoning.begin, shape.reasoning.end}
        return any(self._mark_token(mark) is not None for mark in marks)


def _choice(prompt: Prompt, choice: int, matchers: Callable[[], Matcher] | None) -> Prompt:
    sampling = prompt.sampling
    if sampling.seed is not None:
        sampling = dataclasses.replace(sampling, seed=(sampling.seed + choice) % _SEEDS)
    matcher = matchers() if matchers is not None else None
    return dataclasses.replace(prompt, choice=choice, sampling=sampling, matcher=matcher)


def _top_logprobs(options: GenerationOptions) -> int | None:
    return options.top_logprobs if options.HasField("top_logprobs") else None


def _adapters(options: GenerationOptions) -> tuple[tuple[str, float], ...]:
    """Each adapter once, ordered, so that the same adapters are the same to the engine."""
    uses = {use.adapter_id: use.scale if use.HasField("scale") else 1.0 for use in options.adapters}
    return tuple(sorted(uses.items()))
