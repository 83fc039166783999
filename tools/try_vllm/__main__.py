"""Deploys the embedded model on a real vLLM, calls it, kills it, and says how that went.

`make try-vllm ARGS="--environment FOLDER"`; `--record tests/server/vllm/recorded.json` writes what
tests compare with.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import psutil

from funland.v1.deployments_pb2 import VllmSettings
from funland.v1.inference_pb2 import (
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
)
from funland.worker.v1.worker_pb2 import (
    Conversation,
    EmbedTexts,
    Submit,
    TokenizeText,
    Tokens,
)
from funland_server.errors import FunlandError
from funland_server.vllm.runner import VllmRunner
from tools.try_vllm.recording import PLAN, TEMPLATE, WITH_FUNCTIONS, about, record
from tools.try_vllm.stage import MODEL, Stage, stage, tiny

_GREEDY = SamplingParameters(temperature=0)
_STREAMS = 16


def ask(text: str, **more: object) -> Submit:
    """A chat of one message, answered greedily unless `sampling` says otherwise."""
    chat = Conversation(messages=[Message(role=Message.USER, content=text)])
    return Submit(conversation=chat, **{"sampling": _GREEDY, **more})  # type: ignore[arg-type]  # fields of the message


async def told(there: Stage, submit: Submit) -> str:
    """The text of a call, or its error."""
    try:
        return repr((await there.generations.complete(MODEL, submit)).texts[0].text)
    except FunlandError as error:
        return f"{error.to_wire().reason} {error.message} {error.metadata}"


async def calls(there: Stage, runner: VllmRunner) -> None:
    """One of each kind of call, for a reader to look at."""
    callee = runner.callee()

    async def other(name: str, work: Awaitable[object]) -> None:
        try:
            print(f"{name}: {str(await work)[:300]!r}")
        except FunlandError as error:
            print(f"{name}: {error.to_wire().reason} {error.message}")

    story = ask("Tell me a story.")
    named = {
        "story": story,
        "the same again": story,
        "prompt": Submit(prompt="Once upon a time", sampling=SamplingParameters(max_tokens=8)),
        "regex": ask("Test?", format=OutputFormat(regex="(yes|no), [0-9]+ times")),
        "schema": ask("Test?", format=OutputFormat(json_schema='{"enum": ["a", "b"]}')),
        "stop": ask("Tell me a story.", sampling=SamplingParameters(temperature=0, stop=["fox"])),
        "no limit": Submit(prompt="Once upon a time", sampling=_GREEDY),
        "too long": ask("word " * 3000),
        "unknown token": Submit(tokens=Tokens(tokens=[99999])),
        "bad regex": ask("Test?", format=OutputFormat(regex="((")),
        "adapters": ask("Test?", options=GenerationOptions(priority=GenerationOptions.HIGH)),
        "no tokens": Submit(
            prompt="Once upon",
            sampling=SamplingParameters(max_tokens=0),
            options=GenerationOptions(prompt_logprobs=1),
        ),
    }
    for name, submit in named.items():
        print(f"{name}: {(await told(there, submit))[:300]}")
    done = await there.generations.complete(MODEL, story)
    print(f"usage of a prompt that was there: {done.usage.cached_prompt_tokens} of"
          f" {done.usage.prompt_tokens} cached; {done.timings}".replace("\n", " "))  # fmt: skip
    await other("render", callee.render(story.conversation))
    await other("tokenize", callee.tokenize(TokenizeText(text="Hello é", with_pieces=True)))
    await other("detokenize", callee.detokenize(Tokens(tokens=[934, 130, 105])))
    await other("embed", callee.embed(EmbedTexts(inputs=["Hello"])))


async def speed(there: Stage, streams: int) -> float:
    """Tokens a second of so many texts at once."""
    sampling = SamplingParameters(temperature=0, max_tokens=200, ignore_end=True)

    async def one(number: int) -> int:
        submit = ask(f"Tell me story {number}.", sampling=sampling)
        done = await there.generations.complete(MODEL, submit)
        return done.usage.completion_tokens

    begin = monotonic()
    counts = await asyncio.gather(*(one(number) for number in range(streams)))
    return sum(counts) / (monotonic() - begin)


async def lost(there: Stage, runner: VllmRunner) -> None:
    """Kills it in the midst of a text."""
    endless = ask("Hi", sampling=SamplingParameters(max_tokens=900, ignore_end=True))
    events = there.generations.stream(MODEL, endless)
    for _ in range(4):
        await anext(events)
    pid = runner.present().pid
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    begin = monotonic()
    os.kill(pid, signal.SIGKILL)
    try:
        async for _ in events:
            pass
    except FunlandError as error:
        print(f"killed: {error.to_wire().reason} after {1e3 * (monotonic() - begin):.0f} ms")
    await becomes(there, lambda: runner.present().pid not in (pid, 0))
    print(f"left of the killed one: {[one.pid for one in family if one.is_running()]}")
    await becomes(there, lambda: bool(runner.engine()))
    print(f"answers again after {monotonic() - begin:.1f} s; restarts"
          f" {runner.present().restarts}, last error {runner.present().last_error!r}")  # fmt: skip


async def becomes(there: Stage, so: Callable[[], bool]) -> None:
    """Waits until something is so, which comes with a line of the log."""
    while not so():
        await there.written.wait()
        there.written.clear()


async def orphans(options: argparse.Namespace) -> None:
    """Kills a whole server that has one, and looks for what is left."""
    command = [sys.executable, "-m", "tools.try_vllm", "--hold"]
    if options.environment:
        command += ["--environment", str(options.environment)]
    holder = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert holder.stdout is not None  # noqa: S101 - it is a PIPE
    await holder.stdout.readline()
    family = psutil.Process(holder.pid).children(recursive=True)
    holder.kill()
    begin = monotonic()
    gone, left = await asyncio.to_thread(psutil.wait_procs, family, 30)
    print(f"a killed server's {len(gone)} processes were gone after {monotonic() - begin:.1f} s;"
          f" left: {[one.pid for one in left]}")  # fmt: skip


async def hold(options: argparse.Namespace) -> None:
    """Starts one, says so, and waits to be killed."""
    async with stage(Path(tempfile.mkdtemp()), options.environment) as there:
        await there.runner().start()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def timed(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Says how long something took."""
    begin = monotonic()
    await work()
    print(f"{name}: {monotonic() - begin:.1f} s")


async def attempt(options: argparse.Namespace, home: Path) -> None:
    """All of it."""
    async with stage(home, options.environment) as there:
        await there.vllm.check(there.model)
        runner = there.runner(VllmSettings(max_num_seqs=32))
        try:
            await timed("first start", runner.start)
            print(runner.engine(), str(runner.present()).replace("\n", " "))
            await calls(there, runner)
            for streams in (1, _STREAMS):
                await speed(there, streams)
                print(f"{streams} streams: {await speed(there, streams):.0f} tokens/s")
            print(f"memory: {runner.present().memory_bytes / 1e9:.2f} GB")
            await lost(there, runner)
            await timed("stop", lambda: runner.stop(force=False))
        finally:
            await runner.stop(force=True)
            if options.log:
                options.log.write_text("\n".join(f"{at} {text}" for at, text in there.log))


async def recordings(options: argparse.Namespace, folder: Path) -> None:
    """Writes what two models answer: one that knows no functions, and one that does."""
    told: dict[str, Any] = {}
    for name, template, plan in (("plain", "", PLAN), ("functions", TEMPLATE, WITH_FUNCTIONS)):
        source = tiny(folder / name / "source", template)
        async with stage(folder / name / "home", options.environment, source) as there:
            runner = there.runner(VllmSettings(max_num_seqs=32))
            await runner.start()
            http = runner.http
            told |= (await about(http) if not told else {}) | await record(http, plan)
            await runner.stop(force=True)
    options.record.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, help="default: the one in the home")
    parser.add_argument("--home", type=Path, help="default: a new one")
    parser.add_argument("--record", type=Path, help="record answers into this file instead")
    parser.add_argument("--log", type=Path, help="write vLLM's log to this file")
    parser.add_argument("--orphans", action="store_true", help="kill a whole server instead")
    parser.add_argument("--hold", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        asyncio.run(hold(options))
    elif options.orphans:
        asyncio.run(orphans(options))
    else:
        with tempfile.TemporaryDirectory() as folder:
            work = recordings if options.record else attempt
            asyncio.run(work(options, options.home or Path(folder)))


if __name__ == "__main__":
    main()
