"""Shows where the service's processes spend their time under load: `make bench-profile`.

py-spy (`pip install py-spy`) looks into the running processes without slowing them.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

from tools.bench.installing import install
from tools.bench.probe import Measurement, Subject
from tools.bench.rows import probe
from tools.bench.services import Service, funland
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 512
_SAMPLES_A_SECOND = 200
_SHOWN = 15
_WAITS = ("select (selectors", "_do_waitpid (", "wait (threading", "_worker (concurrent",
          "Thread.run (", "_end_with_input (")  # fmt: skip
"""Where threads that have nothing to do stand; py-spy can't always tell."""


def main() -> None:
    """Profiles the server, with its gateway, and the worker while streams of OpenAI's API run."""
    arguments = _arguments()
    model = make(arguments.cache, arguments.shape).resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="funland-profile-") as folder,
        funland(Path(folder), SERVER__THREADS=arguments.threads) as service,
    ):
        model_id = install(service, model, slots=arguments.streams, context_length=_CONTEXT)
        subject = Subject(
            kind="http",
            target=service.http,
            model=model_id,
            vocabulary=SHAPES[arguments.shape].vocabulary,
            seed=0,
            context_length=_CONTEXT,
            slots=arguments.streams,
            threads=arguments.threads,
        )
        profiles = {name: arguments.out / f"profile-{name}.txt" for name in ("server", "worker")}
        recorders = _record(arguments.py_spy, arguments.seconds, service, profiles)
        with probe(subject, arguments.out / "profile.log") as row:
            found = row.measure(Measurement(arguments.streams, 28, 64, arguments.seconds))
        for recorder in recorders:
            recorder.wait(60)
    print(f"{arguments.streams} streams, {found.tokens_per_second:.1f} tokens/s")
    for name, path in profiles.items():
        print(f"\n{name}, share of its work (stacks: {path})")
        print("\n".join(_shares(path.read_text(encoding="utf-8").splitlines())))


def _record(
    program: str, seconds: float, service: Service, profiles: dict[str, Path]
) -> list[subprocess.Popen[bytes]]:
    (worker,) = [
        child
        for child in psutil.Process(service.pid).children()
        if "funland_worker.main" in child.cmdline()
    ]
    return [
        subprocess.Popen(
            [program, "record", "--pid", str(pid), "--duration", str(int(seconds)),
             "--rate", str(_SAMPLES_A_SECOND), "--format", "raw", "--output", str(profiles[name])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name, pid in (("server", service.pid), ("worker", worker.pid))
    ]  # fmt: skip


def _shares(stacks: Sequence[str]) -> list[str]:
    """The functions in which most samples were taken, of lines such as `main;run;step 12`."""
    counts: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        function = stack.rpartition(";")[2]
        if not any(wait in function for wait in _WAITS):
            counts[function] += int(count)
    total = counts.total() or 1
    return [
        f"{100 * count / total:5.1f}%  {function}" for function, count in counts.most_common(_SHOWN)
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.profiling", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="of the stacks")
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False))
    parser.add_argument("--py-spy", default=shutil.which("py-spy"), help="the program")
    arguments = parser.parse_args()
    if not arguments.py_spy:
        parser.error("py-spy is not on the path: pip install py-spy")
    return arguments


if __name__ == "__main__":
    main()
