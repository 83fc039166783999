"""Which clients are run, in which versions, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Client:
    """A client, which has an environment of its own."""

    name: str
    """What it is called in the document; its first package is whose version is told."""
    packages: tuple[str, ...]
    """As pip or npm names them, pinned."""
    script: str
    """Below `python/` or `node/`, by the language."""
    language: Literal["python", "node"] = "python"
    runs_pytest: bool = False
    """Whether the script is tests of pytest and not checks."""
    used: str = ""
    """What is used of Funland."""
    release: str = ""
    """Its version, where no package that is installed has it."""

    @property
    def version(self) -> str:
        """Its release, or that of its first package."""
        return (
            self.release
            or self.packages[0].rpartition("==" if self.language == "python" else "@")[2]
        )


NODE: Final = "node-linux-{machine}@24.22.3"
"""The program that runs scripts for Node, which some clients want newer than systems have it."""

_OPENAI: Final = "openai==3.57.0"

CLIENTS: Final = (
    Client(
        "openai (JavaScript)",
        ("openai@7.59.0", "zod@4.6.7"),
        "openai_node.mjs",
        "node",
        used="chats, responses, vectors, files, batches, speech, pictures",
    ),
    Client("Anthropic SDK", ("anthropic==2.14.0",), "anthropic_sdk.py", used="messages"),
    Client(
        "Anthropic SDK (JavaScript)",
        ("@anthropic-ai/sdk@1.14.0",),
        "anthropic_node.mjs",
        "node",
        used="messages",
    ),
    Client(
        "Claude Agent SDK",
        ("@anthropic-ai/claude-agent-sdk@0.3.332", "zod@4.6.7"),
        "claude_agent.mjs",
        "node",
        used="messages, five steps of tools",
    ),
    Client("ollama-python", ("ollama==0.6.3",), "ollama_python.py", used="every method"),
    Client("ollama-js", ("ollama@0.6.4",), "ollama_js.mjs", "node", used="every method"),
    Client(
        "Vercel AI SDK",
        (
            "ai@7.0.173",
            "@ai-sdk/openai@4.0.118",
            "@ai-sdk/openai-compatible@3.0.92",
            "@ai-sdk/anthropic@4.0.105",
            "zod@4.6.7",
        ),
        "vercel_ai.mjs",
        "node",
        used="OpenAI's chats and responses, compatible servers, Anthropic's messages",
    ),
    Client(
        "LangChain's standard tests",
        (
            "langchain-tests==1.1.9",
            "langchain-openai==1.7.4",
            "langchain-anthropic==1.7.10",
            "langchain-ollama==1.1.0",
            "pytest-asyncio==1.5.0",
        ),
        "langchain_suites.py",
        runs_pytest=True,
        used="its packages for OpenAI (chats, responses, vectors), Anthropic and Ollama",
    ),
    Client(
        "LiteLLM",
        ("litellm==1.108.7",),
        "litellm_sdk.py",
        used="its providers openai, hosted_vllm, ollama and anthropic",
    ),
    Client(
        "LiteLLM's proxy",
        ("litellm[proxy]==1.108.7",),
        "litellm_proxy.py",
        used="OpenAI's and Anthropic's clients before it",
    ),
    Client(
        "pydantic-ai",
        ("pydantic-ai-slim[openai,anthropic]==2.68.0", _OPENAI),
        "pydantic_ai_agents.py",
        used="OpenAI's chats and responses, Anthropic's messages",
    ),
    Client(
        "openai-agents",
        ("openai-agents==0.24.0", _OPENAI),
        "openai_agents.py",
        used="OpenAI's responses and chats",
    ),
    Client(
        "instructor",
        ("instructor==1.17.0",),
        "instructor_modes.py",
        used="OpenAI's chats, six modes",
    ),
    Client(
        "lm-eval",
        ("lm_eval[api]==0.4.13",),
        "lm_eval_tasks.py",
        used="completions (likelihoods by tokens, perplexity, text) and chats",
    ),
    Client(
        "llama.cpp's server tests",
        (
            "scikit-build-core==1.1.2",
            "pytest==9.2.0",
            "requests==2.34.2",
            _OPENAI,
            "numpy==2.4.6",
            "aiohttp==3.14.5",
            "filelock==4.3.1",
            "wget==3.2",
            "prometheus-client==0.26.0",
        ),
        "llama_server_tests.py",
        used="those of OpenAI's and Anthropic's routes, vectors, reranking and tokens",
        release="0.3.36",
    ),
    Client("llm", ("llm==0.36",), "llm_program.py", used="chats, schemas, functions"),
)

NOT_RUN: Final = {
    "Open WebUI": "its installation has 261 packages, PyTorch for CUDA among them.",
}
"""Clients that are left out, and why."""
