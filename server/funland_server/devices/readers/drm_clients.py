"""What programs do with a GPU, as the kernel tells of each that has it open.

https://docs.kernel.org/gpu/drm-usage-stats.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from funland_server.devices.readers.rates import Rates
from funland_server.kernel_files import KernelFiles, whole

_DEVICES: Final = ("/dev/dri/", "/dev/accel/")
_UNITS: Final = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_ENGINES: Final = ("render", "compute", "rcs", "ccs")
"""Those that compute, as i915 and xe call them; others copy and play films."""
_OWN: Final = ("local", "vram")
"""How regions of a card's own memory are called; all others are of the machine's."""
_NANOSECONDS: Final = 1e9


@dataclass(frozen=True, slots=True)
class DrmClient:
    """One opening of a GPU by a program."""

    address: str
    """The GPU's, on the bus."""
    client_id: str
    keys: Mapping[str, str]
    """All that is told, without `drm-`."""

    def number(self, key: str) -> int | None:
        """A count or a size."""
        told, _, unit = self.keys.get(key, "").partition(" ")
        factor = 1 if unit.strip() == "ns" else _UNITS.get(unit.strip())
        number = whole(told)
        return None if number is None or factor is None else number * factor


def drm_clients(files: KernelFiles) -> list[DrmClient]:
    """Of all programs that this process may look into, which for most users are their own."""
    found: dict[tuple[str, str], DrmClient] = {}
    for process in files.names("proc"):
        if not process.isdecimal():
            continue
        for descriptor in files.names(f"proc/{process}/fd"):
            if (files.link(f"proc/{process}/fd/{descriptor}") or "").startswith(_DEVICES):
                client = _client(files.text(f"proc/{process}/fdinfo/{descriptor}") or "")
                # A descriptor may be shared: then both tell of the same client.
                found.setdefault((client.address, client.client_id), client)
    return list(found.values())


def utilization_percent(clients: Iterable[DrmClient], rates: Rates) -> float | None:
    """How much of the time since the reading before its busiest kind of engine computed; None at
    the first reading, or if no program that may be looked into has the GPU open."""
    busy: dict[str, float] = {}
    for client in clients:
        for engine in _ENGINES:
            if (share := _share(client, engine, rates)) is not None:
                busy[engine] = busy.get(engine, 0.0) + share
    return min(100.0, 100 * max(busy.values())) if busy else None


def memory_bytes(clients: Iterable[DrmClient], *, own: bool) -> int | None:
    """What they hold, of the card's own memory or of the machine's; None if none tells."""
    sizes = [
        size
        for client in clients
        for key in client.keys
        if key.startswith("resident-")
        and key.removeprefix("resident-").startswith(_OWN) == own
        and (size := client.number(key)) is not None
    ]
    return sum(sizes) if sizes else None


def _client(text: str) -> DrmClient:
    lines = (line.partition(":") for line in text.splitlines() if line.startswith("drm-"))
    keys = {key.removeprefix("drm-"): value.strip() for key, _, value in lines}
    return DrmClient(keys.get("pdev", ""), keys.get("client-id", ""), keys)


def _share(client: DrmClient, engine: str, rates: Rates) -> float | None:
    """How much of one kind of engine a client takes, from 0 to 1."""
    key = f"{client.address}/{client.client_id}/{engine}"
    capacity = client.number(f"engine-capacity-{engine}") or 1
    taken = rates.per_second(key, client.number(f"engine-{engine}"))
    if taken is not None:
        return taken / _NANOSECONDS / capacity
    cycles = rates.per_second(f"{key}/cycles", client.number(f"cycles-{engine}"))
    passed = rates.per_second(f"{key}/all", client.number(f"total-cycles-{engine}"))
    return cycles / passed / capacity if cycles is not None and passed else None
