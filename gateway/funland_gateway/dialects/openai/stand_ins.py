"""OpenAI's names of models that speak, hear and paint, for programs that have no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from funland.v1 import deployments_pb2, models_pb2
from funland_gateway.dialects.dialect import Step, Unary
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.rpcs import LIST_DEPLOYMENTS

SPEAKING: Final = re.compile(r"tts-1.*|gpt-4o(-mini)?-tts.*")
HEARING: Final = re.compile(r"whisper-1|gpt-4o(-mini)?-transcribe(?!-diarize).*|gpt-transcribe.*")
PAINTING: Final = re.compile(r"gpt-image-.*|chatgpt-image-.*|dall-e-.*")
"""What these models are called at OpenAI. Those that tell speakers apart are not among them."""

_RUNNING: Final = deployments_pb2.ListDeploymentsRequest(
    states=[deployments_pb2.Deployment.RUNNING], page_size=1000
)


def named_here(name: str, openai: re.Pattern[str], then: Callable[[str], Step]) -> Step:
    """Goes on with the model that a request means: an OpenAI name is the default model's (empty),
    unless a model or a deployment is called so here."""
    if openai.fullmatch(name) is None:
        return then(name)

    def with_models(models: Sequence[models_pb2.Model]) -> Unary:
        def answer(page: deployments_pb2.ListDeploymentsResponse) -> Step:
            deployed = (one.name for one in page.deployments)
            installed = (known for one in models for known in (one.model_id, *one.aliases))
            return then(name if name in {*deployed, *installed} else "")

        return Unary(LIST_DEPLOYMENTS, _RUNNING, answer)

    return every_model(with_models)
