"""As which numbers keys and values are kept where a load does not say."""

from __future__ import annotations

from funland.v1.models_pb2 import LoadSettings, Model

CacheType = LoadSettings.CacheType.ValueType


def unasked(settings: LoadSettings, stored: Model.Format.ValueType, default: str) -> CacheType:
    """The server's `cache_type` where it counts: for llama.cpp, if a load names neither type; else
    unspecified, which is F16 or what the load names."""
    ours = (LoadSettings.ENGINE_UNSPECIFIED, LoadSettings.LLAMA_CPP)
    named = settings.key_type or settings.value_type
    if named or stored != Model.GGUF or settings.engine not in ours:
        return LoadSettings.CACHE_TYPE_UNSPECIFIED
    return LoadSettings.CacheType.Value(default.upper())


def counted(settings: LoadSettings, unasked_type: CacheType) -> LoadSettings:
    """The settings by which memory is counted: with the type of keys and values that nobody asked
    for."""
    if not unasked_type:
        return settings
    told = LoadSettings(key_type=unasked_type, value_type=unasked_type)
    told.MergeFrom(settings)
    return told
