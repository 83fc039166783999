"""lm-eval: its models for OpenAI's completions and chats, on tasks of a few lines."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"}

import lm_eval
from checks import MODEL, URL, Checks

checks = Checks()
folder = Path(tempfile.mkdtemp(prefix="lm-eval-"))
os.environ["HF_HOME"] = str(folder / "hub")
rows = [{"question": "What is the capital of France?", "choices": ["Paris", "Banana"], "answer": 0}]
rows.append({"question": "Say hello.", "choices": ["Hello!", "Seven"], "answer": 0})
(folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
TASK = {
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": str(folder / "rows.jsonl")}},
    "test_split": "test",
    "doc_to_text": "{{question}}\n",
}
CHOICES = {
    **TASK, "task": "choices", "output_type": "multiple_choice",
    "doc_to_choice": "{{choices}}", "doc_to_target": "{{answer}}",
    "metric_list": [{"metric": "acc"}],
}  # fmt: skip
WRITES = {
    **TASK, "task": "writes", "output_type": "generate_until", "doc_to_target": "{{choices[0]}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 16, "temperature": 0},
    "metric_list": [{"metric": "exact_match"}],
}  # fmt: skip
BEGINS = {
    **TASK, "task": "perplexity", "output_type": "loglikelihood_rolling",
    "doc_to_text": "", "doc_to_target": "{{question}}",
    "metric_list": [{"metric": "word_perplexity"}],
}  # fmt: skip


def evaluate(kind: str, task: dict[str, Any], path: str, **more: Any) -> dict[str, Any]:
    told = {"model": MODEL, "base_url": f"{URL}{path}", "num_concurrent": 1, "max_retries": 1}
    chat = kind == "local-chat-completions"
    found = lm_eval.simple_evaluate(
        kind, model_args={**told, **more}, tasks=[task], apply_chat_template=chat, bootstrap_iters=0
    )
    return found["results"][task["task"]]


AS_TEXT = {"tokenized_requests": False}
REMOTE = {"tokenizer_backend": "remote"}
NONE = {"tokenizer_backend": None, **AS_TEXT}


@checks
def choices_by_likelihood_of_text() -> None:
    found = evaluate("local-completions", CHOICES, "/v1/completions", **REMOTE, **AS_TEXT)
    assert 0 <= found["acc,none"] <= 1, found


@checks
def choices_by_likelihood_of_the_server_s_tokens() -> None:
    found = evaluate("local-completions", CHOICES, "/v1/completions", **REMOTE)
    assert 0 <= found["acc,none"] <= 1, found


@checks
def perplexity_by_the_server_s_tokens() -> None:
    found = evaluate("local-completions", BEGINS, "/v1/completions", **REMOTE)
    assert found["word_perplexity,none"] > 1, found


@checks
def text_that_goes_on() -> None:
    assert evaluate("local-completions", WRITES, "/v1/completions", **NONE)


@checks
def text_by_chat() -> None:
    assert evaluate("local-chat-completions", WRITES, "/v1/chat/completions")


checks.run()
