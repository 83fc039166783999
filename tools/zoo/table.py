"""Writes what is known of all architectures as a page of the documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from funland_worker.engines.llama_cpp import library
from tools.zoo.headers import KINDS
from tools.zoo.reference import ANSWER, BEFORE, LIMIT, RUNS
from tools.zoo.results import VECTORS_LIMIT, Result, Trial, stamp
from tools.zoo.trials import TRIALS

TABLE = Path(__file__).parents[2] / "docs" / "architectures.md"
_HEAD = """# Architectures

Written by `make zoo` for llama-cpp-python {release}: of {count} architectures, {right} are right in all that was tried.

For each, a tiny model of random weights is made, and what the engine writes is compared with what llama.cpp itself computes of
the same text in a context that has seen nothing else: each token must be the likeliest, and its logprob within {limit}. The texts
of a column come to what was computed before in one way each: `plain` has texts alone and of several lengths at once; `turns` a chat of three turns
and one that goes back; `eight` eight texts at once that begin alike, twice; `cancel` a text beside and after one that was given up; `n = 2` two texts of one call;
`guesses` speculation by looking into the text and by models that are nearly the same; `preemption` more texts than the cache holds; `restart` chats whose states leave the cache, and are
found on disk by an engine of its own. A number in brackets is how many prompt tokens were not computed again: in the second turn, and in the last of the eight.
Vectors are compared with the mean of llama.cpp's own, and right within {vectors} of their length.

*noise*: off by no more than llama.cpp is from itself when a prompt is computed in passes of {runs} tokens, or in those of a chat's turns
({answer} tokens of the answer before one by one), or when another text of
{before} tokens lies before it in one cache and grows beside it: sums over what a token attends to are then made in another order, and with
random weights some models make much of the last bits. Other sizes of the context, other numbers of texts and a shared cache without others in it
changed nothing where that was looked at (`gemma3n`, `gemma4`, `deepseek32`, `glm-dsa`). Where a text is off by more, why is not known yet. Tokens,
loading and chat templates of real files are not tried here, and random weights say nothing of how well a model writes.

"""


def summary(result: Result) -> str:
    """A line for who waits."""
    trials = result.trials.values()
    texts, right = sum(trial.texts for trial in trials), sum(trial.right for trial in trials)
    lost = f"; lost in {result.running}: {result.error}" if result.error else ""
    wrong = "".join(
        f"; {name}: {trial.right} of {trial.texts}, off by {trial.off:.2g} and llama.cpp by"
        f" {trial.noise:.2g}"
        for name, trial in result.trials.items()
        if trial.right < trial.texts
    )
    return f"{result.name}: {right} of {texts} texts, vectors {_vectors(result)}{wrong}{lost}"


def page(results: Sequence[Result]) -> str:
    """All of the page, in Markdown."""
    known = {result.name: result for result in results}
    text = _HEAD.format(
        release=library.release(),
        count=len(known),
        right=sum(result.right and not _noisy(result) for result in results),
        limit=LIMIT,
        vectors=VECTORS_LIMIT,
        runs=" and ".join(map(str, RUNS)),
        answer=ANSWER,
        before=" or ".join(map(str, BEFORE)),
    )
    if earlier := [result.name for result in results if result.stamp != stamp()]:
        text += f"Tried with an earlier state of the engine: {', '.join(earlier)}.\n\n"
    for kind, names in KINDS.items():
        shown = [known[name] for name in names if name in known]
        if not shown:
            continue
        text += f"## What is remembered of a text: {kind}\n\n"
        text += _writing(shown) if any(result.trials for result in shown) else _reading(shown)
    return text.rstrip() + "\n" + _remarks(results)


def _writing(results: Sequence[Result]) -> str:
    titles = ["architecture", "movable", *TRIALS, "vectors"]
    text = _row(titles) + _row(["---"] * len(titles))
    for result in results:
        cells = [_cell(name, result.trials.get(name)) for name in TRIALS]
        movable = "yes" if result.plain else "no"
        text += _row([f"`{result.name}`", movable, *cells, _vectors(result)])
    return text + "\n"


def _reading(results: Sequence[Result]) -> str:
    text = _row(["architecture", "vectors"]) + _row(["---", "---"])
    return text + "".join(_row([f"`{one.name}`", _vectors(one)]) for one in results) + "\n"


def _cell(name: str, trial: Trial | None) -> str:
    if trial is None:
        return "-"
    shown = {"turns": 1, "eight": -1}.get(name)
    cached = f" ({trial.cached[shown]})" if shown is not None else ""
    if trial.right == trial.texts:
        return f"right{cached}"
    if trial.right + trial.excused == trial.texts:
        return f"noise{cached}"
    return f"**{trial.right + trial.excused} of {trial.texts}**{cached}"


def _vectors(result: Result) -> str:
    if result.vectors_off is None:
        return "none"
    return (
        "right" if result.vectors_off <= VECTORS_LIMIT else f"**off by {result.vectors_off:.2g}**"
    )


def _noisy(result: Result) -> bool:
    return any(trial.excused for trial in result.trials.values())


def _remarks(results: Sequence[Result]) -> str:
    """What is not right, with what is known of why."""
    lines: list[str] = []
    for result in results:
        lines += [
            f"- `{result.name}`, {name}: off by {trial.off:.2g}; llama.cpp is off from itself by"
            f" {trial.noise:.2g}."
            for name, trial in result.trials.items()
            if trial.right < trial.texts
        ]
        if result.no_vectors:
            lines.append(f"- `{result.name}` gives no vectors: {result.no_vectors}")
        if result.error or result.running:
            lines.append(f"- `{result.name}` ended in {result.running}: {result.error}")
    return "\n## What is not right\n\n" + "\n".join(lines) + "\n" if lines else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
