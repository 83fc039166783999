"""The suites of langchain-tests, for each of LangChain's packages that talks to Funland."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from langchain_anthropic import ChatAnthropic
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import (
    ChatModelIntegrationTests,
    EmbeddingsIntegrationTests,
)

URL = os.environ["SERVICE_URL"]
MODEL = "funland-tiny"
OPENAI = {"base_url": f"{URL}/v1", "api_key": "none", "model": MODEL}


class OpenAISuite(ChatModelIntegrationTests):
    extra: ClassVar[dict[str, Any]] = {}

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**OPENAI, "temperature": 0, "max_tokens": 200, "stream_usage": True, **self.extra}


class TestChatCompletions(OpenAISuite):
    pass


class TestResponses(OpenAISuite):
    extra: ClassVar[dict[str, Any]] = {"use_responses_api": True}


class TestAnthropic(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": URL, "api_key": "none", "model": MODEL, "max_tokens": 200}


class TestOllama(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": URL, "model": MODEL, "temperature": 0, "num_predict": 200}


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {**OPENAI, "check_embedding_ctx_length": False}  # else it fetches a vocabulary


class TestEmbeddingsOfOllama(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OllamaEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"base_url": URL, "model": MODEL}
