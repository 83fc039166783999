"""What OpenAI's requests for texts have in common: how to choose, how to run, what to make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from funland.v1 import errors_pb2, inference_pb2
from funland.v1.inference_pb2 import GenerationOptions, Speculation
from funland_gateway.dialects.dialect import Blames
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.formats import read_format
from funland_gateway.dialects.openai.parameter_table import SAMPLING
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.sampling import Sampling, read_sampling
from funland_gateway.dialects.showing import SHOWN_REASONS

_PRIORITIES: Final = {"flex": GenerationOptions.LOW, "priority": GenerationOptions.HIGH}
"""By service tier; the others are NORMAL."""

_COUNTS: Final = ("n", "n_cmpl")  # the second is llama-server's

_LAST: Final = "truncate_prompt_tokens"  # vLLM's


@dataclass(frozen=True, slots=True)
class Generation:
    """What a request says beside its prompt."""

    sampling: Sampling
    options: GenerationOptions | None
    format: inference_pb2.OutputFormat | None
    names: dict[str, str]
    """What the request calls the contract's fields, but for those of the sampling."""
    tells_prefill: bool
    """Whether chunks are to tell how far the prompt is, as llama-server's do."""

    @property
    def n(self) -> int:
        """How many texts are wanted."""
        return self.options.n if self.options is not None and self.options.HasField("n") else 1

    @property
    def wants_logprobs(self) -> bool:
        """Whether the tokens are to be told."""
        return self.options is not None and self.options.HasField("top_logprobs")

    def field_name(self, path: str) -> str:
        """What the request calls a field of the contract."""
        return self.sampling.field_name(renamed(path, self.names))

    def blames(self, prompt: str, tools: str = "tools") -> Blames:
        """The field that is to blame, by reasons; `prompt` holds what is continued."""
        blames = generation_blames(prompt, self.names.get("format", tools))
        return {**blames, errors_pb2.ADAPTER_NOT_FOUND: "lora"}


def generation_blames(prompt: str, constraint: str) -> Blames:
    """The field that is to blame, by the reasons that all generations share: the one that holds
    what is continued, and the one that binds the answer."""
    return {
        errors_pb2.PROMPT_TOO_LONG: prompt,
        errors_pb2.TEMPLATE_FAILED: prompt,
        errors_pb2.TEMPLATE_LIMIT: prompt,
        errors_pb2.CONSTRAINT_INVALID: constraint,
        errors_pb2.CONSTRAINT_LIMIT: constraint,
        **dict.fromkeys(SHOWN_REASONS, prompt),
    }


def read_generation(body: JsonObject, top_logprobs: int | None, logprobs_name: str) -> Generation:
    """Reads what requests share; how they ask for logprobs is their own."""
    n = next((name for name in _COUNTS if body.raw(name) is not None), "n")
    names = {
        "options.n": n,
        "options.top_logprobs": logprobs_name,
        "options.prompt_logprobs": logprobs_name,
        "options.last_prompt_tokens": _LAST,
    }
    wanted = read_format(body)
    if wanted is not None:
        names["format"] = wanted.name
        # Which of the formats it is says nothing to the caller.
        kind = wanted.wire.WhichOneof("format")
        names[f"format.{kind}"] = wanted.name
    streams = bool(body.boolean("stream"))
    options = GenerationOptions(
        n=body.integer(n),
        top_logprobs=top_logprobs,
        priority=_PRIORITIES.get(
            body.optional_string("service_tier"), GenerationOptions.PRIORITY_UNSPECIFIED
        ),
        adapters=_adapters(body, names),
        speculation=_speculation(body),
        last_prompt_tokens=body.integer(_LAST),
        progress=streams,  # of which comments tell
    )
    return Generation(
        sampling=read_sampling(body, SAMPLING),
        options=options if options.ListFields() else None,
        format=None if wanted is None else wanted.wire,
        names=names,
        tells_prefill=bool(body.boolean("return_progress")) and streams,
    )


def _adapters(body: JsonObject, names: dict[str, str]) -> list[inference_pb2.AdapterUse]:
    """Reads `lora` as llama-server has it; its ids are the names that adapters have here."""
    if body.raw("lora") is None:
        return []
    uses: list[inference_pb2.AdapterUse] = []
    names["options.adapters"] = "lora"
    for index, use in enumerate(body.objects("lora")):
        uses.append(
            inference_pb2.AdapterUse(adapter_id=use.string("id"), scale=use.number("scale"))
        )
        names[f"options.adapters[{index}].adapter_id"] = use.path_of("id")
    return uses


def _speculation(body: JsonObject) -> Speculation | None:
    """A `prediction` says that the answer resembles a text that the prompt has most often too."""
    if body.object("prediction") is None:
        return None
    return Speculation(method=Speculation.PROMPT_LOOKUP)
