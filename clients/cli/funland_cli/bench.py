"""`funland bench`: how fast a server answers, alone and with many streams at once."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from funland_cli import options
from funland_cli.bench_load import measure, prompts
from funland_cli.bench_plot import charts, svg
from funland_cli.bench_statistics import Summary, summary, to_json
from funland_cli.failures import CommandError, ExitCode
from funland_client import AsyncFunland

EPILOG = """\b
Examples:
  funland bench
  funland bench -m qwen --concurrency 1,8,32 --max-tokens 128 --plot qwen.svg
  funland bench --json > before.json

\b
Columns:
  TOKENS/S    all tokens made over all the time, prompts included
  GENERATION  tokens a second while all streams write
  FIRST       milliseconds from a call to its first text: p50, p95
  GAP         milliseconds between two pieces of one text: p50, p95, p99
"""

_MOST_STREAMS = 1024


def bench(
    context: typer.Context,
    *,
    model: options.Model = "",
    concurrency: Annotated[
        str, typer.Option(metavar="N,N,...", help="How many calls to have answered at once.")
    ] = "1,4,8",
    requests: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Calls at each concurrency.  [default: twice as many]"
        ),
    ] = None,
    prompt_tokens: Annotated[
        int, typer.Option(metavar="TOKENS", min=1, max=1_000_000, help="How long a prompt is.")
    ] = 32,
    max_tokens: Annotated[
        int, typer.Option(metavar="TOKENS", min=1, max=1_000_000, help="How long an answer is.")
    ] = 64,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the figures as SVG.")
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Measure how fast a model answers a growing number of calls at once."""
    session = options.session(context, server, as_json)
    levels = _levels(concurrency)
    if plot is not None and plot.suffix != ".svg":
        raise CommandError(
            f"{plot.name} is not an .svg file.",
            hint="Plots are drawn as SVG: --plot bench.svg",
            exit_code=ExitCode.USAGE,
        )
    plan = {streams: requests or 2 * streams for streams in levels}
    name, summaries = asyncio.run(_run(session, model, plan, prompt_tokens, max_tokens))
    if plot is not None:
        _write(plot, svg(charts({name: summaries})))
    if session.output.as_json:
        figures = [to_json(each) for each in summaries]
        session.output.document({"model": name, "max_tokens": max_tokens, "levels": figures})
        return
    session.output.table(
        (">STREAMS", ">CALLS", ">TOKENS/S", ">GENERATION", ">FIRST p50", ">p95", ">GAP p50", ">p95",
         ">p99"),
        (_row(each) for each in summaries),
    )  # fmt: skip


async def _run(
    session: options.Session, model: str, plan: Mapping[int, int], prompt: int, answer: int
) -> tuple[str, list[Summary]]:
    """The model's id, and what each number of streams with its number of calls came to, after one
    call to warm up."""
    summaries: list[Summary] = []
    async with AsyncFunland(session.address, retries=0) as client:
        name = await _model_id(client, model)
        texts = await prompts(client, model, prompt)
        await measure(client, model, texts, streams=1, calls=1, max_tokens=1)
        with _progress(quiet=session.output.as_json) as progress:
            for streams, calls in plan.items():
                task = progress.add_task(f"{streams} at once", total=calls)
                made = await measure(
                    client,
                    model,
                    texts,
                    streams=streams,
                    calls=calls,
                    max_tokens=answer,
                    done=partial(progress.advance, task),
                )
                summaries.append(summary(made, streams))
    return name, summaries


async def _model_id(client: AsyncFunland, model: str) -> str:
    if model:
        return (await client.models.get(model)).model_id
    return next((each.model_id for each in await client.models.list() if each.default), "")


def _levels(text: str) -> list[int]:
    try:
        levels = sorted({int(item) for item in text.split(",")})
    except ValueError:
        levels = []
    if not levels or not 1 <= levels[0] <= levels[-1] <= _MOST_STREAMS:
        raise CommandError(
            f"--concurrency {text} is not a list of numbers from 1 to {_MOST_STREAMS}.",
            hint="Part them by commas: --concurrency 1,4,8",
            exit_code=ExitCode.USAGE,
        )
    return levels


def _progress(*, quiet: bool) -> Progress:
    """A bar for people at a terminal, and nothing for anybody else."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )


def _row(each: Summary) -> tuple[str, ...]:
    first, gap = each.first_token_seconds, each.gap_seconds
    return (
        str(each.streams),
        str(each.calls),
        f"{each.tokens_per_second:.1f}",
        *(
            "-" if math.isnan(value) else f"{value:.1f}"
            for value in (
                each.generation_tokens_per_second,
                *(1e3 * seconds for seconds in (first.p50, first.p95)),
                *(1e3 * seconds for seconds in (gap.p50, gap.p95, gap.p99)),
            )
        ),
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from error
