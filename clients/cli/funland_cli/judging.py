"""What the observations of `funland doctor` mean. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from funland_cli.output import size

State = Literal["ok", "note", "wrong"]

_LEAST_FREE: Final = 2 * 1024**3
"""With less on the disk, a model that is worth it has no room."""
_LEAST_MEMORY: Final = 2 * 1024**3
_SOON_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found."""

    name: str
    state: State
    """`note`: it works, and somebody may want to know."""
    message: str
    advice: str = ""
    """What to do. Empty: nothing."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A package that computes."""

    package: str
    version: str
    """Empty: it is not installed."""
    problem: str = ""
    """How a process ended that did nothing but load it. Empty: well."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of models and state."""

    path: Path
    exists: bool
    usable: bool
    open_to_others: bool
    free_bytes: int
    server: int | None
    """The process of the server that has it."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where the service would listen."""

    name: str
    place: str
    taken: bool
    process: int | None = None
    """Who listens there, if that can be seen."""
    program: str = ""
    """That process's name."""


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class Part:
    """How a part of a server is."""

    name: str
    healthy: bool
    failed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was called."""

    address: str
    answers: bool
    problem: str = ""
    """Why it did not do what was asked."""
    version: str = ""
    parts: Sequence[Part] = ()


def engines(seen: Sequence[Engine]) -> Iterator[Finding]:
    """One for each engine."""
    for engine in seen:
        if not engine.version:
            yield Finding(
                engine.package,
                "wrong",
                "It is not installed.",
                "Install Funland anew: it needs it.",
            )
        elif engine.problem:
            yield Finding(
                engine.package, "wrong",
                f"{engine.version}: {engine.problem}",
                "Install Funland anew on this machine: a library of it may be made for another.",
            )  # fmt: skip
        else:
            yield Finding(engine.package, "ok", engine.version)


def extras(missing: Mapping[str, Sequence[str]], known: Sequence[str]) -> Finding:
    """`missing` says which packages each extra still lacks."""
    there = [name for name in known if name not in missing]
    message = f"{', '.join(there) or 'none'} installed"
    if not missing:
        return Finding("extras", "ok", message)
    lacking = ", ".join(sorted(missing))
    return Finding("extras", "ok", f"{message}; not installed: {lacking}")


def settings(problem: str, hint: str, file: Path | None) -> Finding:
    """Whether a start would take them; `file` is the settings file, if there is one."""
    if problem:
        return Finding("settings", "wrong", problem, hint)
    return Finding("settings", "ok", f"as {file} says" if file else "the defaults")


def home(seen: Home) -> Iterator[Finding]:
    """The folder, and the room on its disk."""
    if not seen.usable:
        yield Finding(
            "home", "wrong", f"{seen.path} can't be written.",
            "Name another folder with --home or FUNLAND_HOME.",
        )  # fmt: skip
        return
    if seen.open_to_others:
        yield Finding(
            "home", "note", f"{seen.path} can be read by other users of this machine.",
            f"chmod 700 {seen.path}",
        )  # fmt: skip
    else:
        yield Finding("home", "ok", f"{seen.path}{'' if seen.exists else ', not there yet'}")
    room = f"{size(seen.free_bytes)} free"
    if seen.free_bytes < _LEAST_FREE:
        yield Finding("disk", "note", room, "Models take gigabytes: free some, or move the home.")
    else:
        yield Finding("disk", "ok", room)


def memory(seen: Memory) -> Finding:
    """Whether there is room for a model."""
    message = f"{size(seen.available)} of {size(seen.total)} free"
    if seen.available < _LEAST_MEMORY:
        return Finding("memory", "note", message, "End other programs, or choose small models.")
    return Finding("memory", "ok", message)


def ports(seen: Sequence[Port], server: int | None) -> Iterator[Finding]:
    """`server` is the process of the server that has the home: its ports are taken by itself."""
    for port in seen:
        if not port.taken:
            yield Finding(port.name, "ok", f"{port.place} is free")
        elif server is not None and port.process in (server, None):
            yield Finding(port.name, "ok", f"{port.place}, the server here listens")
        else:
            who = f"{port.program or 'a program'}, process {port.process}" if port.process else ""
            yield Finding(
                port.name, "wrong",
                f"{port.place} is used by {who or 'another program'}.",
                "Stop that, or start Funland with --grpc-port and --http-port.",
            )  # fmt: skip


def proxies(variables: Sequence[str]) -> Finding:
    """`variables` are those by which curl, SDKs and others would call this machine through a proxy;
    Funland's own clients don't."""
    if variables:
        return Finding(
            "proxy", "note",
            f"{', '.join(variables)}: programs may look for this machine behind a proxy.",
            "export no_proxy=localhost,127.0.0.1",
        )  # fmt: skip
    return Finding("proxy", "ok", "calls to this machine go straight")


def certificate(file: Path, days: float | None) -> Finding:
    """`days` is how long it holds; None: it can't be read."""
    if days is None:
        return Finding(
            "certificate", "wrong", f"{file} can't be read, or is none.",
            "funland certificate makes one for a trial.",
        )  # fmt: skip
    if days < 0:
        return Finding("certificate", "wrong", f"{file} has run out.", "Renew it.")
    state: State = "note" if days < _SOON_DAYS else "ok"
    return Finding("certificate", state, f"{file} holds {days:.0f} more days")


def server(seen: Server, own_version: str) -> Iterator[Finding]:
    """The server that commands call, and each of its parts that is not well."""
    if not seen.answers:
        yield Finding(
            "server", "note", f"{seen.problem}.",
            "funland serve starts one; --server and FUNLAND_SERVER name another.",
        )  # fmt: skip
        return
    if seen.problem:
        yield Finding("server", "wrong", f"{seen.address}: {seen.problem}", "funland login")
        return
    if seen.version != own_version:
        yield Finding(
            "server", "note",
            f"{seen.address} has version {seen.version}, this command {own_version}.",
            "Install the same version on both sides.",
        )  # fmt: skip
    else:
        yield Finding("server", "ok", f"{seen.address} answers, version {seen.version}")
    for part in seen.parts:
        if not part.healthy:
            yield Finding(part.name, "wrong" if part.failed else "note", part.message)


def are_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(finding.state != "wrong" for finding in findings)
