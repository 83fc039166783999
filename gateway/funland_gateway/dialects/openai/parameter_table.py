"""Every parameter of OpenAI's, vLLM's and llama-server's requests for texts, and its fate.

A name that is not here is no parameter of any of the three, and is ignored as they ignore it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland_gateway.dialects.openai.fates import (
    Fate,
    Harmless,
    Served,
    refused,
    unless,
    unless_at_most,
    unless_empty,
    unless_negative,
)

SAMPLING: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logit_bias": "logit_bias",
    "seed": "seed",
    "stop": "stop",
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    # Not OpenAI's: what clients of llama-server and vLLM send beside them.
    "n_predict": "max_tokens",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "penalty_window",
    "ignore_eos": "ignore_end",
    "min_tokens": "min_tokens",
    "stop_token_ids": "stop_tokens",
    "allowed_token_ids": "allowed_tokens",
    "bad_words": "banned_texts",
    "include_stop_str_in_output": "include_stop",
}
"""The contract's names of the sampling parameters by the names that requests use."""

_FORMAT: Final = Served("`format`")
_ELSEWHERE: Final = Harmless("it acts on pictures and sound, which are refused themselves")
_SPEED: Final = Harmless("it changes the speed alone")
_MORE: Final = Harmless("it asks for figures beside the answer, not for another answer")
_NAMES: Final = Harmless("it names the request or its sender")
_MIROSTAT: Final = Harmless("it acts with `mirostat` alone")
_DRY: Final = Harmless("it acts with `dry_multiplier` alone")
_SHIFT: Final = Harmless("it acts when a context is shifted, and here a full one ends the text")
_BUDGET: Final = Harmless("it acts with a budget of thoughts alone")
_RENDER: Final = Harmless("it acts on other routes alone, on vLLM too")

_ORDER: Final = (
    "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature",
)  # fmt: skip
"""The order of samplers of which Funland has some, as llama-server has it unasked."""

_SPECULATIVE: Final = (
    "n_min", "n_max", "p_min", "type", "ngram_size_n", "ngram_size_m", "ngram_min_hits",
)  # fmt: skip

_EVERY: Final[Mapping[str, Fate]] = {
    # OpenAI's.
    "model": Served("`model`"),
    "stream": Served("the answer is a stream"),
    "stream_options": Served("`include_usage`: a last chunk with the usage"),
    **{name: Served(f"`sampling.{field}`") for name, field in SAMPLING.items()},
    "n": Served("`options.n`"),
    "response_format": _FORMAT,
    "service_tier": Served("`options.priority`"),
    "prediction": Served("`options.speculation`"),
    "user": _NAMES,
    # vLLM's.
    "structured_outputs": _FORMAT,
    "guided_json": _FORMAT,
    "guided_regex": _FORMAT,
    "guided_choice": _FORMAT,
    "guided_grammar": _FORMAT,
    "guided_decoding_backend": _SPEED,
    "guided_whitespace_pattern": unless_empty(),
    "structural_tag": unless_empty(),
    "truncate_prompt_tokens": Served("`options.last_prompt_tokens`"),
    "truncation_side": unless("left"),
    "use_beam_search": unless(False),
    "length_penalty": unless(1),
    "early_stopping": unless(False),
    "watermarking": unless(False),
    "skip_special_tokens": unless(True),
    "spaces_between_special_tokens": Harmless("it acts on marks in a text, and none is sent"),
    "prompt_logprobs": refused(),  # 0 asks for those of the prompt's own tokens
    "logprob_token_ids": unless_empty(),
    "logits_processors": unless_empty(),
    "return_tokens_as_token_ids": unless(False),
    "return_token_ids": unless(False),
    "cache_salt": unless_empty(),  # who salts a cache wants it parted from others'
    "kv_transfer_params": unless_empty(),
    "ec_transfer_params": unless_empty(),
    "vllm_xargs": unless_empty(),
    "repetition_detection": unless_empty(),
    "thinking_token_budget": unless(-1),
    "priority": Harmless("it orders what waits; `service_tier` is served"),
    "request_id": _NAMES,
    "session_id": _NAMES,
    "stream_interval": Harmless("it is about how a stream is cut"),
    "routed_experts_prompt_start": _MORE,
    "return_token_offsets": _RENDER,
    "return_mm_kwargs": _RENDER,
    # llama-server's.
    "grammar": _FORMAT,
    "json_schema": _FORMAT,
    "lora": Served("`options.adapters`"),
    "n_cmpl": Served("`options.n`"),
    "grammar_type": Harmless("it acts with calls that llama-server makes itself"),
    "grammar_lazy": unless(False),
    "grammar_triggers": unless_empty(),
    "preserved_tokens": unless_empty(),
    "samplers": unless([], list(_ORDER), "edskypmxt"),
    "mirostat": unless(0),
    "mirostat_tau": _MIROSTAT,
    "mirostat_eta": _MIROSTAT,
    "dry_multiplier": unless(0),
    "dry_base": _DRY,
    "dry_allowed_length": _DRY,
    "dry_penalty_last_n": _DRY,
    "dry_sequence_breakers": _DRY,
    "xtc_probability": unless(0),
    "xtc_threshold": Harmless("it acts with `xtc_probability` alone"),
    "typical_p": unless(1),
    "tfs_z": unless(1),
    "penalize_nl": unless(True),
    "top_n_sigma": unless_at_most(0),
    "dynatemp_range": unless(0),
    "dynatemp_exponent": Harmless("it acts with `dynatemp_range` alone"),
    "adaptive_target": unless_negative(),
    "adaptive_decay": Harmless("it acts with `adaptive_target` alone"),
    "min_keep": unless_at_most(1),
    "n_probs": unless(0),
    **{f"speculative.{name}": _SPEED for name in _SPECULATIVE},
    "post_sampling_probs": unless(False),
    "n_indent": unless(0),
    "t_max_predict_ms": unless_at_most(0),
    "t_max_prompt_ms": unless_at_most(0),
    "n_keep": _SHIFT,
    "n_discard": _SHIFT,
    "cache_prompt": _SPEED,
    "n_cache_reuse": _SPEED,
    "id_slot": _SPEED,
    "backend_sampling": _SPEED,
    "sse_ping_interval": Harmless("a stream that waits sends comments anyway"),
    "response_fields": Harmless("the answer has all fields"),
    "return_tokens": unless(False),
    "verbose": _MORE,
    "timings_per_token": _MORE,
    "return_progress": Served("`options.progress`, told in chunks; not with `store`"),
    "reasoning_format": unless("auto", "deepseek"),
    "reasoning_control": unless(False),
    "reasoning_budget_tokens": unless(-1),
    "thinking_budget_tokens": unless(-1),
    "reasoning_budget_start_tag": _BUDGET,
    "reasoning_budget_end_tag": _BUDGET,
    "reasoning_budget_end_tags": _BUDGET,
    "reasoning_budget_message": _BUDGET,
    "thinking_forced_open": unless(False),
    "chat_format": unless_empty(),
    "chat_parser": unless_empty(),
    "generation_prompt": unless_empty(),
}

CHAT: Final[Mapping[str, Fate]] = {
    **_EVERY,
    # OpenAI's.
    "messages": Served("`messages`"),
    "logprobs": Served("`options.top_logprobs`"),
    "top_logprobs": Served("`options.top_logprobs`"),
    "tools": Served("`tools`"),
    "tool_choice": Served("`tool_choice`"),
    "parallel_tool_calls": Served("`parallel_tool_calls`"),
    "functions": Served("`tools`"),
    "function_call": Served("`tool_choice`"),
    "reasoning_effort": Served("`reasoning`, and the template is told"),
    "store": Served("`CreateResponse`, which keeps it"),
    "metadata": Served("with `store`: it is kept"),
    "audio": unless_empty(),
    "modalities": unless(["text"]),
    "moderation": unless_empty(),
    "web_search_options": refused(),  # an empty object asks for it too
    "verbosity": Harmless("a wish that no model here was trained to hear"),
    "prompt_cache_key": _SPEED,
    "prompt_cache_options": _SPEED,
    "prompt_cache_retention": _SPEED,
    "safety_identifier": _NAMES,
    # vLLM's.
    "chat_template_kwargs": Served("`template_arguments`"),
    "enable_thinking": Served("`reasoning`"),
    "continue_final_message": Served("`continue_last`"),
    "add_generation_prompt": Served("`false` with `continue_final_message` alone"),
    "add_special_tokens": unless(False),
    "include_reasoning": unless(True),
    "echo": unless(False),
    "best_of": unless(1),
    "documents": unless_empty(),
    "chat_template": unless_empty(),
    "media_io_kwargs": _ELSEWHERE,
    "mm_processor_kwargs": _ELSEWHERE,
    "return_prompt_text": unless(False),
    # llama-server's.
    "parse_tool_calls": unless(True),
    # Funland's own.
    "mcp_servers": Served("`mcp_servers`"),
}
"""For chat completions."""

COMPLETION: Final[Mapping[str, Fate]] = {
    **_EVERY,
    # OpenAI's.
    "prompt": Served("`prompt`, or `prompt_tokens`"),
    "logprobs": Served("`options.top_logprobs`"),
    "echo": Served("the text begins with the prompt; with `logprobs`: `options.prompt_logprobs`"),
    "best_of": Served("at most `n`"),
    "suffix": Served("`suffix`: what is between is written, by models of code"),
    "store": unless_empty(),
    # vLLM's.
    "add_special_tokens": unless(True),
    "prompt_embeds": unless_empty(),
    # llama-server's.
    "image_data": unless_empty(),
    "multimodal_data": unless_empty(),
}
"""For completions."""

_FORMATS: Final = (
    "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
    "grammar", "json_schema",
)  # fmt: skip

RESPONSE: Final[Mapping[str, Fate]] = {
    **_EVERY,
    # OpenAI's.
    "conversation": unless_empty(),
    "prompt": unless_empty(),
    "context_management": unless_empty(),
    "moderation": unless_empty(),
    # What chats have, and responses have elsewhere or not at all.
    "response_format": unless({"type": "text"}),
    **dict.fromkeys(_FORMATS, unless_empty()),
    "n": unless(1),
    "n_cmpl": unless(1),
    "prediction": _SPEED,
    "truncate_prompt_tokens": refused(),
    "lora": unless_empty(),
    "logprobs": unless(False),
    "return_progress": _MORE,
    "functions": unless_empty(),
    "function_call": unless("none", "auto"),
    "reasoning_effort": refused(),
    "continue_final_message": unless(False),
}
"""For responses, with what people know from chats: hints that change no answer are not here."""
