"""The RPCs that dialects call."""

from __future__ import annotations

from typing import Final

from funland.v1 import inference_pb2, models_pb2, system_pb2

_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].methods_by_name
_MODELS = models_pb2.DESCRIPTOR.services_by_name["ModelService"].methods_by_name
_SYSTEM = system_pb2.DESCRIPTOR.services_by_name["SystemService"].methods_by_name

GENERATE: Final = _INFERENCE["Generate"]
STREAM_GENERATE: Final = _INFERENCE["StreamGenerate"]
BATCH_GENERATE: Final = _INFERENCE["BatchGenerate"]
CHAT: Final = _INFERENCE["Chat"]
STREAM_CHAT: Final = _INFERENCE["StreamChat"]
EMBED: Final = _INFERENCE["Embed"]

LIST_MODELS: Final = _MODELS["ListModels"]
GET_MODEL: Final = _MODELS["GetModel"]
LOAD_MODEL: Final = _MODELS["LoadModel"]

GET_STATUS: Final = _SYSTEM["GetStatus"]
GET_METRICS: Final = _SYSTEM["GetMetrics"]
