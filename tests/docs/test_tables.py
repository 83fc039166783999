"""The documents' tables list what there is: no more, no less, and with the right values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from prometheus_client import Counter, Gauge, Histogram
from pydantic.fields import FieldInfo

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.system_pb2 import Setting
from funland_cli.main import app
from funland_gateway.app import spoken
from funland_gateway.config import GatewaySettings
from funland_gateway.dialects.ollama.options import FATES
from funland_gateway.dialects.openai import media_parameters
from funland_gateway.dialects.openai.parameter_table import CHAT, COMPLETION
from funland_gateway.failures import http_status
from funland_gateway.mcp.tools import TOOLS
from funland_gateway.transcoding.comments import contract_comments
from funland_gateway.transcoding.routes import compile_routes
from funland_server.config import ServerSettings
from funland_server.metrics import Metrics
from funland_server.system.effects import effect
from tests.docs.markdown import code, codes, read, rows, section
from tools.grafana import ROWS, board

REASONS = [value for value in ErrorReason.DESCRIPTOR.values if value.number]
SETTINGS: dict[str, FieldInfo] = {
    f"{name}.{field}": info
    for name, model in (("server", ServerSettings), ("gateway", GatewaySettings))
    for field, info in model.model_fields.items()
}

EFFECTS = {
    Setting.AT_ONCE: "at once",
    Setting.NEXT_LOAD: "next load",
    Setting.NEXT_START: "next start",
}


def error_rows() -> dict[str, list[str]]:
    return {code(row[0]): row for row in rows(section(read("docs/errors.md"), "## Reasons"))}


def setting_rows() -> dict[str, list[str]]:
    text = read("docs/settings.md")
    tables = rows(section(text, "## `[server]`")) + rows(section(text, "## `[gateway]`"))
    return {code(row[0]): row for row in tables}


def test_every_error_reason_is_documented() -> None:
    assert list(error_rows()) == [reason.name for reason in REASONS]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_an_error_reason_has_the_code_and_metadata_that_the_contract_says(reason: Any) -> None:
    comment = " ".join(
        contract_comments()[f"{ErrorReason.DESCRIPTOR.full_name}.{reason.name}"].split()
    )
    status, _, rest = comment.partition(". ")
    metadata = rest.partition("Metadata: ")[2]

    _, row_code, row_http, row_metadata, meaning = error_rows()[reason.name]

    assert code(row_code) == status
    assert row_http == str(http_status(Error(code=status, reason=reason.number)))
    assert codes(row_metadata) == codes(metadata)
    assert meaning


def test_every_setting_is_documented() -> None:
    assert sorted(setting_rows()) == sorted(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_the_default_the_flag_and_the_effect_that_are_documented(name: str) -> None:
    _, default, flag, changes, meaning = setting_rows()[name]
    value = SETTINGS[name].default

    if SETTINGS[name].default_factory is None:
        assert default == ("unset" if value is None else f"`{json.dumps(value)}`")
    assert set(codes(flag)) <= flags_of("serve")
    assert changes == EFFECTS[effect(name)]
    assert meaning


def test_every_metric_is_documented() -> None:
    documented = {code(row[0]): row for row in rows(read("docs/metrics.md")) if len(row) == 4}
    all_metrics = Metrics()
    metrics = {
        described.name: (metric, described.type)
        for metric in (*vars(all_metrics).values(), *all_metrics.devices.values())
        if isinstance(metric, Counter | Gauge | Histogram)
        for described in metric.describe()
    }

    assert sorted(documented) == sorted(metrics)
    for name, (metric, kind) in metrics.items():
        _, row_kind, labels, meaning = documented[name]
        assert row_kind == kind
        assert meaning
        if labels:
            # It raises ValueError for other labels than its own.
            assert metric.labels(**dict.fromkeys(codes(labels), "x"))
        else:
            assert next(iter(metric.collect())).samples[0].labels == {}


def test_grafanas_board_asks_for_metrics_and_labels_that_there_are() -> None:
    table = [row for row in rows(read("docs/metrics.md")) if len(row) == 4]
    known = {code(name): {"le", *codes(labels)} for name, _, labels, _ in table}
    queries = [
        query for charts in ROWS.values() for chart in charts for query in chart.queries.items()
    ]

    assert json.loads(read("docs/grafana.json")) == board(), "python -m tools.grafana"
    for legend, query in queries:
        bare = re.sub(r"{.*?}|\[.*?\]|by \(.*?\)|_(total|bucket|sum|count)\b", "", query)
        metrics = set(re.findall(r"\w{12,}", bare)) - {"histogram_quantile"}
        labels = set(re.findall(r"{{(\w+)}}", legend))
        labels |= {word for by in re.findall(r"by \((.*?)\)", query) for word in by.split(", ")}
        assert metrics
        assert metrics <= known.keys()
        assert all(labels <= known[metric] for metric in metrics), query


def test_every_parameter_of_openais_requests_is_documented_with_its_fate() -> None:
    document = read("docs/openai-parameters.md")
    both = {name: CHAT[name] for name in CHAT if CHAT[name] == COMPLETION.get(name)}
    tables = {
        "## Both": both,
        "## Chats alone": {name: CHAT[name] for name in CHAT if name not in both},
        "## Completions alone": {name: COMPLETION[name] for name in COMPLETION if name not in both},
    }

    for heading, table in tables.items():
        documented = {code(row[0]): row[1] for row in rows(section(document, heading))}
        assert documented == {name: fate.told for name, fate in table.items()}


def test_every_parameter_of_openais_sound_and_pictures_is_documented_with_its_fate() -> None:
    document = read("docs/openai-media.md")
    edits, variations = section(document, "## Pictures out of others").split("variations` paints")
    tables = (
        (section(document, "## Speech"), media_parameters.SPEECH),
        (section(document, "## Transcriptions"), media_parameters.TRANSCRIPTION),
        (section(document, "## Translations"), media_parameters.TRANSLATION),
        (section(document, "## Pictures out of texts"), media_parameters.GENERATION),
        (edits, media_parameters.EDIT),
        (variations, media_parameters.VARIATION),
    )

    for text, table in tables:
        documented = {code(row[0]): row[1] for row in rows(text)}
        assert documented == {name: fate.told for name, fate in table.items()}


def test_every_option_of_ollama_is_documented() -> None:
    table = rows(section(read("docs/ollama.md"), "## `options`"))

    assert {code(row[0]): row[1] for row in table} == {
        name: fate.told for name, fate in FATES.items()
    }


def test_every_command_is_documented() -> None:
    table = rows(read("docs/commands.md"))

    assert sorted(code(row[0]) for row in table) == sorted(commands(root(), "funland"))


def test_the_table_of_surfaces_names_every_rpc_and_every_route() -> None:
    modules = (
        auth_pb2, batches_pb2, datasets_pb2, files_pb2, images_pb2, plugins_pb2,
        projects_pb2, speech_pb2, tasks_pb2, training_pb2,
        deployments_pb2, downloads_pb2, hardware_pb2, hub_pb2, inference_pb2, mcp_pb2,
        models_pb2, nodes_pb2, responses_pb2, sessions_pb2, uploads_pb2,
        system_pb2,
    )  # fmt: skip
    files = [module.DESCRIPTOR for module in modules]
    native = {
        f"{route.rpc.containing_service.name}.{route.rpc.name}": f"{route.http_method} {route.path}"
        for route in compile_routes(files)
    }
    table = rows(section(read("docs/surfaces.md"), "## Routes"))

    assert {code(row[0]): code(row[1]) for row in table} == native
    for column, name in enumerate(columns(), start=2):
        named = [route for row in table for route in codes(row[column]) if " " in route]
        assert sorted(named) == routes_of(name), name


def test_each_dialect_has_a_column_or_rows_of_its_own() -> None:
    table = rows(section(read("docs/surfaces.md"), "## Ollama's and Anthropic's APIs, and MCP"))
    apart: dict[str, list[str]] = {}
    for row in table:
        apart.setdefault(code(row[0]), []).append(code(row[1]))

    assert columns() + list(apart) == [dialect.name for dialect in spoken()]
    for name, routes in apart.items():
        assert sorted(routes) == routes_of(name)


def test_every_tool_is_documented_with_its_arguments_and_what_it_does() -> None:
    table = rows(section(read("docs/mcp.md"), "## Tools"))

    assert [(code(row[0]), code(row[1]), codes(row[2])) for row in table] == [
        (
            tool.name,
            f"{tool.rpc.containing_service.name}.{tool.rpc.name}",
            [field.told_name for field in tool.takes],
        )
        for tool in TOOLS
    ]
    for row, tool in zip(table, TOOLS, strict=True):
        kind = "destroys" if tool.hints.destroys else "changes"
        assert row[3] == ("looks" if tool.hints.reads_only else kind)
    assert f"[{len(TOOLS)} tools](mcp.md)" in read("docs/surfaces.md")


def columns() -> list[str]:
    """The dialects that have a column in the table of surfaces."""
    head = re.search(r"^\| gRPC .*$", read("docs/surfaces.md"), re.MULTILINE)
    assert head is not None
    return codes(head[0])


def routes_of(name: str) -> list[str]:
    (dialect,) = (dialect for dialect in spoken() if dialect.name == name)
    return sorted(f"{route.method} {route.path}" for route in dialect.routes)


def root() -> Any:
    return typer.main.get_command(app)


def commands(group: Any, name: str) -> Iterator[str]:
    for part, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {part}")
        else:
            yield f"{name} {part}"


def flags_of(command: str) -> set[str]:
    return {flag for option in root().commands[command].params for flag in option.opts}
