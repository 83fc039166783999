"""Gathers all installed models, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from funland.v1 import models_pb2
from funland_gateway.dialects.dialect import Reply, Unary
from funland_gateway.dialects.rpcs import LIST_MODELS

_PAGE_SIZE: Final = 1000


def every_model(answer: Callable[[Sequence[models_pb2.Model]], Reply | Unary]) -> Unary:
    """Asks for the models until there are no more, then hands all of them to `answer`."""
    models: list[models_pb2.Model] = []

    def ask(page_token: str) -> Unary:
        request = models_pb2.ListModelsRequest(page_size=_PAGE_SIZE, page_token=page_token)
        return Unary(LIST_MODELS, request, take)

    def take(page: models_pb2.ListModelsResponse) -> Reply | Unary:
        models.extend(page.models)
        return ask(page.next_page_token) if page.next_page_token else answer(models)

    return ask("")
