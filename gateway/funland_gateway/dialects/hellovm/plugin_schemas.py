"""JSON Schemas of the `hellovm` dialect's bodies about plugins."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.hellovm.answers import done_schema
from funland_gateway.dialects.hellovm.executions import OBJECT, TEXT
from funland_gateway.dialects.hellovm.plugins import CATEGORIES, STATUSES
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)
from funland_gateway.dialects.states import STATE_WORDS

_JSON_SCHEMA: Final = described(nullable({"type": "object"}), "A JSON Schema.")

PLUGINS: Final = done_schema(
    object_with(
        {
            "plugins": array_of(
                object_with(
                    {
                        "id": STRING,
                        "name": STRING,
                        "description": STRING,
                        "version": STRING,
                        "category": one_of_values(*CATEGORIES),
                        "author": STRING,
                        "status": described(
                            one_of_values(*STATUSES),
                            "`beta`: it may be executed, and its author calls it unfinished.",
                        ),
                        "capabilities": array_of(STRING),
                        "supported_formats": described(array_of(STRING), "The default first."),
                        "max_resolution": described(nullable(STRING), "Null: no pictures."),
                        "max_duration": described(
                            nullable(INTEGER), "In seconds. Null: no sound and no films."
                        ),
                        "config_schema": _JSON_SCHEMA,
                        "input_schema": _JSON_SCHEMA,
                        "output_schema": _JSON_SCHEMA,
                        "error": described(nullable(STRING), "Why it can't be executed."),
                    }
                )
            ),
            "categories": array_of(one_of_values(*CATEGORIES)),
            "total": described(INTEGER, "Of all that are installed, whatever is shown."),
            "enabled": INTEGER,
            "beta": INTEGER,
            "disabled": INTEGER,
        }
    )
)

EXECUTE_REQUEST: Final = body_with(
    {
        "input": described({"type": "object"}, "By the plugin's `input_schema`."),
        "config": described(
            {"type": "object"}, "By the plugin's `config_schema`; goes before what is set for it."
        ),
        "output_format": described(
            {**STRING, "maxLength": 64}, "One of `supported_formats`. Empty: the first."
        ),
        "async": described(
            BOOLEAN, "Answer at once; the execution is a task, whose id is its own.", default=False
        ),
    }
)

EXECUTED: Final = done_schema(
    object_with(
        {
            "plugin_id": STRING,
            "execution_id": STRING,
            "status": one_of_values(*STATE_WORDS),
            "input": {"type": "object"},
            "output": described(
                object_with(
                    {
                        "type": described(
                            nullable(STRING), f"`{TEXT}`, `{OBJECT}` or the plugin's own."
                        ),
                        "format": nullable(STRING),
                        "data": {},
                        "size": described(nullable(INTEGER), "Bytes."),
                        "file_ids": array_of(STRING),
                    }
                ),
                "What it made, with what the plugin tells beside. Nulls: it is not done.",
            ),
            "metadata": object_with(
                {
                    "execution_time": described(nullable(NUMBER), "Seconds."),
                    "device_used": nullable(STRING),
                    "model_version": described(nullable(STRING), "The models that it asked."),
                    "seed": {},
                    "generation_steps": {},
                    "plugin_version": STRING,
                    "tokens": INTEGER,
                }
            ),
            "timestamp": TIME,
            "error": described(
                {"type": "object"}, "Of one that failed: as in the body of an HTTP error."
            ),
        }
    )
)
