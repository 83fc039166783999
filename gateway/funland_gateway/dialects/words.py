"""Failures of calls in the words of the request that made them."""

from __future__ import annotations

from funland_gateway.dialects.dialect import Download, Streaming, Unary, Upload
from funland_gateway.failures import CallFailed, renamed


def in_its_words(failed: CallFailed, call: Unary | Streaming | Upload | Download) -> CallFailed:
    """The failure with the fields called as the request called them."""
    error = renamed(failed.error, call.field_name)
    if not error.field_violations and (blamed := call.blames.get(error.reason)):
        error.metadata["parameter"] = blamed
    error.message = call.words.get(error.reason, error.message)
    return CallFailed(error)
