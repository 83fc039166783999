"""Why what does not pass does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """Where the reason lies; its value is what the document calls it."""

    MODEL = "the model is too small"
    DESIGN = "not served by design"
    CLIENT = "the client"
    TEST = "what the test wants of its own model or program"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Reason:
    """Explains the checks of a client whose names match."""

    client: str
    checks: str
    """A regular expression that matches the whole of a check's name."""
    kind: Kind
    told: str

    def explains(self, client: str, check: str) -> bool:
        """Whether it does."""
        return client == self.client and re.fullmatch(self.checks, check) is not None


_LANGCHAIN: Final = "LangChain's standard tests"
_LITELLM: Final = "LiteLLM"
_INSTRUCTOR: Final = "instructor"
_LLAMA: Final = "llama.cpp's server tests"

REASONS: Final = (
    Reason("openai (JavaScript)", "moderations", Kind.DESIGN, "No text is judged."),
    Reason("ollama-python", "push", Kind.DESIGN, "No model is sent to a hub."),
    Reason("ollama-js", "push", Kind.DESIGN, "No model is sent to a hub."),
    Reason(
        _LANGCHAIN,
        r"TestOllama test_(tool_calling.*|bind_runnables_as_tools|tool_choice|agent_loop.*|"
        r"unicode_tool_call_integration|structured_few_shot_examples)",
        Kind.MODEL,
        "Makes no call unless it must, and Ollama's API can't say that it must.",
    ),
    Reason(
        _LANGCHAIN,
        r"\w+ test_tool_calling(_async|\[.*)?",
        Kind.MODEL,
        "Calls the function with another number than it was asked for.",
    ),
    Reason(_LANGCHAIN, r"\w+ test_agent_loop.*", Kind.MODEL, "Makes no call where it is free to."),
    Reason(
        _LANGCHAIN,
        r"\w+ test_unicode_tool_call_integration",
        Kind.MODEL,
        "Writes a free string on to the end of what it may write.",
    ),
    Reason(
        _LANGCHAIN,
        r"TestAnthropic test_structured_output.*",
        Kind.MODEL,
        "Writes a free string on to the end of what it may write.",
    ),
    Reason(
        _LITELLM,
        "ollama chat: calls a tool and goes on",
        Kind.MODEL,
        "Makes no call unless it must, and Ollama's API can't say that it must.",
    ),
    Reason(
        _LITELLM,
        "ollama chat: a prompt too long is known",
        Kind.CLIENT,
        "It looks for these words in errors of other providers, and not of Ollama's.",
    ),
    Reason(
        _LLAMA,
        r"test_basic test_(server_multiple_addresses|server_props|server_slots|no_ui|"
        r"load_split_model)",
        Kind.DESIGN,
        "Routes and start options of llama-server's own.",
    ),
    Reason(
        _LLAMA,
        r"test_basic test_server_model.*",
        Kind.TEST,
        "Counts on a server that has one model.",
    ),
    Reason(
        _LLAMA,
        r"test_chat_completion test_chat_completion(_stream|_with_openai_library)?(\[.*)?",
        Kind.TEST,
        "Wants a fingerprint with llama.cpp's build number, and the texts of its own model.",
    ),
    Reason(
        _LLAMA,
        r"test_chat_completion test_(chat_template.*|verbose_debug)",
        Kind.DESIGN,
        "Reads `__verbose`, a field of llama-server's own.",
    ),
    Reason(
        _LLAMA,
        r"test_chat_completion test_(chat_completion_cached_tokens|apply_chat_template|"
        r"return_progress.*|completion_with_response_format.*)|"
        r"test_embedding test_embedding_usage.*|test_rerank test_rerank_usage.*|"
        r"test_tokenize test_tokenize_with_bos|test_compat_oai_responses test_responses_with.*",
        Kind.TEST,
        "Wants the tokens, the template or the texts of its own model.",
    ),
    Reason(
        _LLAMA,
        r"test_chat_completion test_context_size_exceeded(_stream)?",
        Kind.DESIGN,
        "The type of the error is OpenAI's, and not llama-server's.",
    ),
    Reason(
        _LLAMA,
        r"test_chat_completion test_invalid_chat_completion_req\[messages7\]",
        Kind.DESIGN,
        "Two answers in a row are taken.",
    ),
    Reason(
        _LLAMA,
        "test_compat_oai_responses test_responses_stream_with_llama_telemetry",
        Kind.OURS,
        "Responses tell no progress of the prompt, and no stream tells timings at each token.",
    ),
    Reason(
        _LLAMA,
        r"test_compat_anthropic test_anthropic_(vision.*|tool_result_with_image)",
        Kind.DESIGN,
        "Pictures are refused, with 400 and not 500; one test fetches its own first.",
    ),
    Reason(
        _LLAMA,
        "test_compat_anthropic test_anthropic_empty_messages",
        Kind.DESIGN,
        "A request without messages is refused.",
    ),
    Reason(
        _LLAMA,
        r"test_compat_anthropic test_anthropic_thinking_.*",
        Kind.MODEL,
        "Does not think, and its template tells no thoughts.",
    ),
    Reason(
        _LLAMA,
        r"test_embedding test_embedding_(mixed_input.*|content_text.*|pooling_none.*|"
        r"error_prompt_too_long)",
        Kind.DESIGN,
        "Forms of input, a pooling and words of llama-server's own, and an empty text.",
    ),
    Reason(
        _LLAMA,
        r"test_rerank test_rerank(_tei_format)?",
        Kind.MODEL,
        "Puts texts in another order than a model that was made for it.",
    ),
    Reason(
        _INSTRUCTOR,
        r"(MD )?JSON: create",
        Kind.MODEL,
        "The form is told in words alone, which it does not follow.",
    ),
)


def why(client: str, check: str) -> Reason | None:
    """The reason for a check that failed; None if nobody knows it."""
    return next((one for one in REASONS if one.explains(client, check)), None)
