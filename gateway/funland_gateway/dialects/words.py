"""Failures of calls in the words of the request that made them."""

from __future__ import annotations

from funland_gateway.dialects.dialect import (
    Download,
    RawUpload,
    Sent,
    Streaming,
    Unary,
    Upload,
)
from funland_gateway.failures import CallFailed, renamed


def in_its_words(
    failed: CallFailed, call: Unary | Sent | Streaming | Upload | RawUpload | Download
) -> CallFailed:
    """The failure with the fields called as the request called them."""
    error = renamed(failed.error, call.field_name)
    if not error.field_violations and (blamed := call.blames.get(error.reason)):
        named = error.metadata.get("field")  # it may be one of several that are blamed for it
        error.metadata["parameter"] = parameter = call.field_name(named) if named else blamed
        if named:
            error.message = error.message.replace(f"`{named}`", f"`{parameter}`")
    error.message = call.words.get(error.reason, error.message)
    return CallFailed(error)
