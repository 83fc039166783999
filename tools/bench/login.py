"""Shows what a client's calls lose while another tries a thousand passwords a minute:
`make bench-login`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Final

import aiohttp
import orjson

from tools.bench.services import Service, funland

_WRONG_A_MINUTE: Final = 1000
_DEMANDED: Final = 0.95
_BODY: Final = {
    "messages": [{"role": "user", "content": "Tell me a story."}],
    "temperature": 0,
    "max_tokens": 32,
}


@dataclass(frozen=True, slots=True)
class Lost:
    """What the calls have, in calls a second by round."""

    alone: list[float]
    beside: list[float]
    tried: list[float]
    """Passwords a minute that were tried beside them."""
    checked: int
    """Of those all, how many were looked at; the others were told to wait."""

    @property
    def ratio(self) -> float:
        """The median of each round's own."""
        return median(b / a for a, b in zip(self.alone, self.beside, strict=True))

    def text(self, name: str) -> str:
        """The line for people."""
        met = "met" if self.ratio >= _DEMANDED else "NOT MET"
        each = ", ".join(f"{b / a:.2f}" for a, b in zip(self.alone, self.beside, strict=True))
        return (
            f"{name}: {self.ratio:.3f} of the calls (>= {_DEMANDED}  {met}); by round {each};"
            f" {median(self.alone):.1f} calls/s alone; {median(self.tried):.0f} wrong passwords a"
            f" minute, {self.checked} looked at"
        )


async def measured(service: Service, rounds: int, seconds: float, *, spread: bool) -> Lost:
    """Rounds alone and beside the passwords, in turns."""
    alone: list[float] = []
    beside: list[float] = []
    tried: list[float] = []
    checked = 0
    async with aiohttp.ClientSession(service.http) as http:
        headers = {"authorization": f"Bearer {await _key(http, service)}"}
        await _calls(http, headers, 1.0)  # the model is there from then on
        for _ in range(rounds):
            alone.append(await _calls(http, headers, seconds))
            trying = asyncio.create_task(_beside(service.http, seconds, spread=spread))
            beside.append(await _calls(http, headers, seconds))
            count, looked_at = await trying
            tried.append(60 * count / seconds)
            checked += looked_at
    return Lost(alone, beside, tried, checked)


async def _key(http: aiohttp.ClientSession, service: Service) -> str:
    grant = {"password": service.first_admin}
    async with http.post("/funland/v1/auth/token", json=grant) as answer:
        answer.raise_for_status()
        token = (await answer.json())["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    async with http.post("/funland/v1/keys", json={"name": "bench"}, headers=headers) as answer:
        answer.raise_for_status()
        return (await answer.json())["secret"]


async def _calls(http: aiohttp.ClientSession, headers: dict[str, str], seconds: float) -> float:
    """How many calls a second one caller gets, one after the other."""
    begun, made = monotonic(), 0
    while monotonic() - begun < seconds:
        async with http.post("/v1/chat/completions", json=_BODY, headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()
        made += 1
    return made / (monotonic() - begun)


async def _beside(url: str, seconds: float, *, spread: bool) -> tuple[int, int]:
    """Has passwords tried by a process of its own, which lets all others go first: who attacks has
    a machine of their own. How many, and how many of them were looked at."""
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", sys.executable, "-m", "tools.bench.trying_passwords"),
        *(url, str(seconds), str(_WRONG_A_MINUTE), *(["--spread"] if spread else [])),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    tried: list[int] = orjson.loads(told)
    return tried[0], tried[1]


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    told: dict[str, Lost] = {}
    for name, spread in (("from one address", False), ("each from another", True)):
        with (
            tempfile.TemporaryDirectory() as home,
            funland(Path(home), SERVER__ACCOUNTS="true") as service,
        ):
            told[name] = asyncio.run(measured(service, asked.rounds, asked.seconds, spread=spread))
        if not asked.json:
            print(told[name].text(name))
    if asked.json:
        print(orjson.dumps({name: asdict(one) for name, one in told.items()}).decode())


if __name__ == "__main__":
    main()
