"""Describes a table: computes what it tells, and has a model say it in words if that is wanted."""

from __future__ import annotations

from typing import Any, Final

from funland_plugin import Context
from funland_plugin.bundled.asking import Question, TooLongError, asked
from funland_plugin.bundled.describe_table.statistics import column
from funland_plugin.bundled.describe_table.tables import from_rows, from_text
from funland_plugin.bundled.describe_table.wording import agreeing, markdown
from funland_plugin.bundled.splitting import parts

_MARKDOWN: Final = "markdown"
_WORDS_TOKENS: Final = 300
_LENGTHS: Final = (12_000, 6_000, 3_000, 1_500, 750)
"""Characters of the description that a model is shown, the most that it reads."""


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    output_format = context.output_format or _MARKDOWN
    header = config.get("header", "auto")
    if "rows" in input:
        table = from_rows(input["rows"], header)
    else:
        table = from_text(input["table"], config.get("delimiter", ""), header)
    columns: list[dict[str, Any]] = []
    for name, values in zip(table.names, table.columns, strict=True):
        columns.append(column(name, values, decimal_comma=table.decimal_comma))
        context.progress(90 * len(columns) / len(table.names), f"{name} is described")
    rows = len(table.columns[0]) if table.columns else 0
    text = markdown(rows, columns, table.uneven_rows)
    summary = (
        agreeing(_words(context, text, config), rows, columns) if config.get("summary") else ""
    )
    told = {"text": f"{summary}\n\n{text}" if summary else text}
    return {
        **(told if output_format == _MARKDOWN else {}),
        "format": output_format,
        "rows": rows,
        "columns": columns,
        "uneven_rows": table.uneven_rows,
        **({"summary": summary} if summary else {}),
    }


def _words(context: Context, text: str, config: dict[str, Any]) -> str:
    """What a model says of the description, or of as much of it as it reads."""
    question = Question(
        "The user shows the description of a table. Say in a few sentences what the table holds and"
        " what is striking. Use no number that the description does not have. Write in"
        f" {config.get('language', 'English')}, without Markdown.",
        config.get("model", ""),
        _WORDS_TOKENS,
    )
    for length in _LENGTHS:
        shown = parts(text, length)[0]
        try:
            return asked(context, question, [shown])[0].text.strip()
        except TooLongError:
            continue
    return ""
