"""From what a caller sent to the tokens that the engine continues."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import GenerationOptions
from funland.worker.v1 import worker_pb2
from funland_worker.chat.blame import blamed
from funland_worker.chat.grammar import answer_grammar
from funland_worker.chat.stream import AnswerShape
from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.constraints.constraint import Constraint, from_wire
from funland_worker.engines.media import MediaReader, ReadMedia, from_whole, spans
from funland_worker.engines.protocol import Engine, EngineError, Matcher, Prompt, Sampling
from funland_worker.engines.vocabulary import banned_runs, check_tokens
from funland_worker.rendering import ConversationRenderer, Rendering
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.tokenizing import tokenized
from funland_worker.wire import sampling_from_wire

_SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Reading:
    """What was submitted, ready for the engine."""

    prompts: list[Prompt]
    """One for each text that is asked for."""
    shape: AnswerShape | None
    """How the texts are to be read; None: they are text and nothing else."""
    dropped: int = 0
    """How many messages were left out."""


class PromptReader:
    """Makes prompts of what is submitted, and checks them."""

    def __init__(
        self,
        engine: Engine,
        renderer: TemplateRenderer | None,
        *,
        begin_mark: str,
        media: MediaReader | None = None,
    ) -> None:
        """`begin_mark` is what `add_special` would put in front, empty if nothing; `media` shows
        the model what it can see and hear."""
        self._engine = engine
        self._media = media
        self._begin_mark = begin_mark
        self._renderer = ConversationRenderer(engine, renderer, begin_mark=begin_mark, media=media)
        self._constraints = ConstraintCompiler(engine)

    async def read(self, submit: worker_pb2.Submit) -> Reading:
        """The texts to write.

        Raises:
            EngineError: MODEL_CANNOT_GENERATE, MODEL_CANNOT_CHAT, MODEL_CANNOT_INFILL,
                TEMPLATE_FAILED, TEMPLATE_LIMIT, PROMPT_TOO_LONG, TOKEN_UNKNOWN,
                CONSTRAINT_INVALID, CONSTRAINT_LIMIT, FIELD_INVALID, MODEL_OUTPUT_INVALID, or as
                `shown`.
        """
        arrival = monotonic()
        if not self._engine.can_generate:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_GENERATE,
                "The model writes no text here: it reads a text as a whole, as models for"
                " embeddings, rankers and diffusion models do.",
            )
        sampling = sampling_from_wire(submit.sampling)
        self._check_named(sampling)
        rendering = await self._renderer.of(submit)
        if rendering is not None:
            tokens = rendering.tokens
            matchers = await self._answer_matchers(rendering, submit)
            if rendering.written.calling.required:
                # Stop strings are for content, and calls are none: they may well have such text.
                sampling = dataclasses.replace(sampling, stop=())
        else:
            tokens = await self._plain_tokens(submit)
            matchers = await self._matchers(from_wire(submit.format))
        shape = rendering.shape if rendering is not None else None
        if submit.options.HasField("last_prompt_tokens"):
            tokens = tokens[-self._kept(submit.options.last_prompt_tokens, sampling) :]
        media = rendering.media if rendering is not None else ()
        chunks = [chunk for one in media for chunk in one.chunks]
        if chunks:
            tokens = from_whole(tokens, chunks)
        self.check_length(tokens, room_for_answer=0 if sampling.max_tokens == 0 else 1)
        await self._compute(media, submit.options)
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
            banned=banned_runs(self._engine.vocabulary, sampling.banned_texts),
            prompt_logprobs=_prompt_logprobs(submit.options),
            progress=submit.options.progress,
            lasting=submit.lasting,
            media=spans(tokens, chunks),
        )
        count = submit.options.n or 1
        prompts = [_choice(first, choice, matchers) for choice in range(count)]
        return Reading(prompts, shape, rendering.dropped if rendering is not None else 0)

    async def render(self, conversation: worker_pb2.Conversation) -> Rendering:
        """See `ConversationRenderer.render`."""
        return await self._renderer.render(conversation)

    async def tokens(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text; see `Vocabulary.tokenize`."""
        return await tokenized(
            self._engine.vocabulary, text, add_special=add_special, parse_special=parse_special
        )

    async def close(self) -> None:
        """Ends the processes that check constraints."""
        await self._constraints.close()

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

    async def _compute(self, media: Sequence[ReadMedia], options: GenerationOptions) -> None:
        """Has the rows computed of what is shown."""
        if not media or self._media is None:
            return
        if options.HasField("prompt_logprobs"):
            raise EngineError(
                ErrorReason.FIELD_INVALID,
                "must be unset where messages show pictures or sounds: these have no likelihood",
                field="options.prompt_logprobs",
            )
        await self._media.compute(media)

    async def _plain_tokens(self, submit: worker_pb2.Submit) -> list[int]:
        """What is submitted as it is: tokens, or a text."""
        if submit.WhichOneof("input") == "tokens":
            tokens = list(submit.tokens.tokens)
            check_tokens(tokens, self._engine.vocabulary.size, "prompt_tokens")
            return tokens
        if submit.suffix:
            if submit.options.HasField("last_prompt_tokens"):
                raise EngineError(
                    ErrorReason.FIELD_INVALID,
                    "must be unset beside suffix: a mark begins what comes before the gap",
                    field="options.last_prompt_tokens",
                )
            return await self._gapped_tokens(submit.prompt, submit.suffix)
        text = submit.prompt or submit.message
        return await self.tokens(text, add_special=True, parse_special=True)

    async def _gapped_tokens(self, before: str, after: str) -> list[int]:
        """A text with a gap, for the model to fill. What looks like a mark in it is text."""
        marks = self._engine.vocabulary.infill
        if marks is None:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_INFILL,
                "The model can't write what is between two texts: it has no tokens for that, as"
                " models of code have. Leave suffix out, or use another model.",
            )
        prefix = await self.tokens(before, add_special=False, parse_special=False)
        suffix = await self.tokens(after, add_special=False, parse_special=False)
        begin = self._mark_token(self._begin_mark) if self._begin_mark else None
        return [
            *(() if begin is None else (begin,)),
            marks.prefix, *prefix, marks.suffix, *suffix, marks.middle,
        ]  # fmt: skip

    def _check_named(self, sampling: Sampling) -> None:
        """Refuses tokens that the model does not score."""
        size = self._engine.vocabulary_size
        check_tokens(sampling.stop_tokens, size, "sampling.stop_tokens")
        check_tokens(sampling.allowed_tokens, size, "sampling.allowed_tokens")
        if sampling.logit_bias and (token := max(sampling.logit_bias)) >= size:
            raise EngineError(
                ErrorReason.TOKEN_UNKNOWN,
                f"token {token} is not in the vocabulary of {size} tokens",
                vocabulary_size=str(size),
                field="sampling.logit_bias",
            )

    def _kept(self, last: int, sampling: Sampling) -> int:
        """How many of a prompt's last tokens to keep; -1: what the context has room for beside
        `max_tokens`, or beside one if so many can't be."""
        if last > 0:
            return last
        length, most = self._engine.context_length, sampling.max_tokens or 1
        return length - (most if most < length else 1)

    async def _answer_matchers(
        self, rendering: Rendering, submit: worker_pb2.Submit
    ) -> Callable[[], Matcher] | None:
        written, content = rendering.written, submit.format
        form = from_wire(content)
        if written.reasoning is not None or written.calling.allowed:
            form = answer_grammar(
                written.shape.call_format,
                written.calling,
                content,
                written.reasoning,
                self._mark_token,
                begun=written.shape.begun and not written.begun,
            )
        if form is None:
            return None
        try:
            make = await self._constraints.compile(form)
        except EngineError as error:
            compiled = self._constraints.compile
            raise await blamed(error, written.calling, content, compiled) from error
        if not written.begun:
            return make
        going_on = await self._constraints.begun(form, written.begun)
        if going_on is None:
            raise EngineError(
                ErrorReason.FIELD_INVALID,
                "must begin what the format and the tool choice ask for, if its message is to go"
                " on",
                field=f"messages[{len(submit.conversation.messages) - 1}].content",
            )
        return going_on

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
    first = choice == 0  # it computes the prompt for all
    return dataclasses.replace(
        prompt,
        choice=choice,
        sampling=sampling,
        matcher=matcher,
        prompt_logprobs=prompt.prompt_logprobs if first else None,
        progress=prompt.progress and first,
    )


def _top_logprobs(options: GenerationOptions) -> int | None:
    return options.top_logprobs if options.HasField("top_logprobs") else None


def _prompt_logprobs(options: GenerationOptions) -> int | None:
    return options.prompt_logprobs if options.HasField("prompt_logprobs") else None


def _adapters(options: GenerationOptions) -> tuple[tuple[str, float], ...]:
    """Each adapter once, ordered, so that the same adapters are the same to the engine."""
    uses = {use.adapter_id: use.scale if use.HasField("scale") else 1.0 for use in options.adapters}
    return tuple(sorted(uses.items()))
