"""llama.cpp's libraries and the declarations of them are of one release."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.structures import mismatches


def test_those_that_are_installed_fit() -> None:
    assert mismatches(lib) == []


def test_a_field_that_was_put_in_between_is_noticed() -> None:
    """Read by declarations that lack it, all fields behind it hold their neighbours' values."""
    context = lib.llama_context_params
    fields = list(context._fields_)
    place = [name for name, *_ in fields].index("type_k")

    class Longer(ctypes.Structure):
        _fields_ = (*fields[:place], ("new", ctypes.c_int), *fields[place:])

    def defaults() -> ctypes.Structure:
        made = Longer()
        told = lib.llama_context_default_params()
        for name, *_ in fields:
            setattr(made, name, getattr(told, name))
        return context.from_buffer_copy(made)

    other = SimpleNamespace(
        llama_model_default_params=lib.llama_model_default_params,
        llama_context_default_params=defaults,
    )

    wrong = mismatches(other)

    assert any(word.startswith("llama_context_default_params().type_k is 0") for word in wrong)
