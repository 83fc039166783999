"""Tries all architectures, each in a process of its own, and tells what each can do: `make zoo`.

Goes on where it was broken off. What is known of the code as it is now is not tried again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.zoo.headers import HEADERS
from tools.zoo.results import Result, read, stamp, write
from tools.zoo.table import TABLE, page, summary

_LONGEST_SECONDS = 600
_TOLD = 300


def try_apart(name: str, folder: Path, *, again: bool) -> Result:
    """The result of an architecture, that of before if it still holds."""
    known = read(folder, name)
    if known is not None and known.stamp == stamp() and not again:
        return known
    (folder / f"{name}.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tools.zoo.one", name, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_LONGEST_SECONDS, check=False, text=True
        )
        failed = done.returncode != 0
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = lines[-1][:_TOLD] if lines else f"the process ended with {done.returncode}"
    except subprocess.TimeoutExpired:
        failed, said = True, f"it took more than {_LONGEST_SECONDS} seconds"
    result = read(folder, name) or Result(name, stamp(), running="loading")
    if failed:
        result.error = said
        write(folder, result)
    return result


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ARCHITECTURE", help="else all")
    parser.add_argument("--folder", type=Path, default=Path("build/zoo"), help="for results")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="try what is known too")
    options = parser.parse_args()
    if unknown := set(options.names) - HEADERS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; known are {', '.join(HEADERS)}")
    options.folder.mkdir(parents=True, exist_ok=True)

    def one(name: str) -> Result:
        result = try_apart(name, options.folder, again=options.again)
        print(summary(result), flush=True)
        return result

    with ThreadPoolExecutor(options.parallel) as pool:
        results = [*pool.map(one, options.names or HEADERS)]
    if not options.names:
        TABLE.write_text(page(results))
        print(f"{TABLE} is written")
    if wrong := [result.name for result in results if not result.right]:
        print(f"{len(wrong)} of {len(results)} are not right: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
