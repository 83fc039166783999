"""How long the first token takes after 512 tokens of prompt: computed, and found in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from statistics import median
from time import perf_counter

import grpc

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from tools.bench.prompts import messages

PROMPT_TOKENS = 512
DEMANDED = 0.1
_SEED = 512_000_000


@dataclass(frozen=True, slots=True)
class CachedPrompt:
    """Medians, in seconds; `cached_tokens` is what the server said it had."""

    cold_seconds: float
    cached_seconds: float
    cached_tokens: int

    @property
    def ratio(self) -> float:
        """Cached against cold."""
        return self.cached_seconds / self.cold_seconds

    def text(self) -> str:
        """The line for people."""
        met = "met" if self.ratio <= DEMANDED else "NOT MET"
        return (
            f"first token after {PROMPT_TOKENS} prompt tokens:"
            f" cold {1e3 * self.cold_seconds:.0f} ms,"
            f" {self.cached_tokens} cached {1e3 * self.cached_seconds:.0f} ms,"
            f" ratio {self.ratio:.3f} (<= {DEMANDED}  {met})"
        )


def measure(address: str, model: str, vocabulary: int, repeats: int) -> CachedPrompt:
    """Asks two questions after each of several system prompts that no call had before."""
    cold: list[float] = []
    cached: list[float] = []
    counts: list[int] = []
    systems = messages(vocabulary, PROMPT_TOKENS, _SEED)
    questions = messages(vocabulary, 24, _SEED + 1)
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        stub = InferenceServiceStub(channel)
        for system in islice(systems, repeats):
            for seconds in (cold, cached):
                request = ChatRequest(
                    model=model,
                    messages=[
                        Message(role=Message.SYSTEM, content=system),
                        Message(role=Message.USER, content=next(questions)),
                    ],
                    sampling=SamplingParameters(temperature=0, max_tokens=1, ignore_end=True),
                )
                start = perf_counter()
                for event in stub.StreamChat(request, timeout=120):
                    if event.HasField("delta"):
                        seconds.append(perf_counter() - start)
                    elif event.HasField("finish") and seconds is cached:
                        counts.append(event.finish.usage.cached_prompt_tokens)
    return CachedPrompt(median(cold), median(cached), round(median(counts)))
