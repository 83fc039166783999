"""Which models are loaded now, which leave for them, and which wait or are refused: each race that
has hit somebody is a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland_server.devices.errors import DeviceUnavailableError
from funland_server.errors import FunlandError
from funland_server.workers.decisions import Decision, Drop, Refuse, Start, State, Wait, Waiting
from funland_server.workers.errors import ModelTooLargeError
from funland_server.workers.fit import Held, Kind, Memories
from funland_server.workers.machine import MachineMemory
from funland_server.workers.plan import plan
from funland_server.workers.spec import PlacedDevice, WorkerSpec
from funland_server.workers.taken import Taken

NOW = 1000.0
PATIENCE = 60.0
AMPLE = MachineMemory(10_000, 10_000)
DEVICE = "gpu_0"
TEXT, EMBEDDING, RANKING = Model.TEXT, Model.EMBEDDING, Model.RANKING


@dataclass(frozen=True)
class OnDevice:
    """Places all of a model on a device with so much memory."""

    total: int
    bytes: int

    def place(self, spec: WorkerSpec, taken: Taken) -> WorkerSpec:
        free = self.total - taken.staying.get(DEVICE, 0)
        if self.bytes > free:
            raise ModelTooLargeError("It is too large for gpu_0.", devices=DEVICE)
        placed = PlacedDevice(DEVICE, "CUDA0", bytes=self.bytes, available_bytes=free)
        return replace(spec, devices=(placed,))

    def instead(self, spec: WorkerSpec, error: FunlandError) -> WorkerSpec | None:
        return None

    def elsewhere(self, spec: WorkerSpec) -> WorkerSpec:
        return spec

    better_here = True


class Gone(OnDevice):
    """A device that is not there any more."""

    def place(self, spec: WorkerSpec, taken: Taken) -> WorkerSpec:
        raise DeviceUnavailableError(DEVICE, "it is gone.")


def held(
    key: str, size: int, used: float = 0, *, device: int = 0, calls: int = 0, kind: Kind = TEXT,
    loading: bool = False, leaving: bool = False, guest: bool = False, kept_by: str = "",
    keep_alive: float = -1, model: str = "", resident: int | None = None,
) -> Held:  # fmt: skip
    devices = {DEVICE: device} if device else {}
    return Held(
        key, size, size if resident is None else resident, used, model, kind, calls,
        loading=loading, leaving=leaving, guest=guest, kept_by=kept_by,
        keep_alive_seconds=keep_alive, devices=devices, resident_devices=devices,
    )  # fmt: skip


def waiting(
    key: str, size: int, since: float = NOW, *, kind: Kind = TEXT, callers: int = 1,
    wanted: bool = False, patience: float = PATIENCE, placer: OnDevice | None = None,
) -> Waiting:  # fmt: skip
    spec = WorkerSpec(
        key, Path("x"), LoadSettings(), 512, kind=kind, needed_bytes=size, placer=placer
    )
    return Waiting(spec, key, since, since + patience, callers, wanted=wanted)


def guest(key: str, size: int) -> Waiting:
    """A benchmark of a model."""
    return replace(waiting(key, size, patience=0, wanted=True), key="", evicts=False)


def run(key: str, size: int, since: float = NOW) -> Waiting:
    """A model that is to be trained."""
    return replace(waiting(key, size, since, callers=0, wanted=True), key="")


def told(decision: Decision) -> str:
    """A decision in few words."""
    match decision:
        case Start(_, _, evict):
            return f"start without {' '.join(evict)}" if evict else "start"
        case Wait(_, _, models):
            return f"wait for {' '.join(models)}"
        case Refuse():
            return "refuse"
        case Drop():
            return "drop"


Case = tuple[Sequence[Held], Sequence[Waiting], Sequence[str]]


def case(there: Sequence[Held], wanted: Waiting | Sequence[Waiting], *expected: str) -> Case:
    return there, [wanted] if isinstance(wanted, Waiting) else wanted, expected


PINNED, DEPLOYED = "pinned", "held by deployment deploy_1"

# Of a limit of 1000 bytes. What is expected is in the order of age.
PLANS: dict[str, Case] = {
    "an empty memory": case([], waiting("x", 1000), "start"),
    "a byte too much": case([], waiting("x", 1001), "refuse"),
    "nothing is known of it": case([held("a", 1000, calls=1)], waiting("x", 0), "start"),
    "the least recently used leaves": case(
        [held("a", 400, 2), held("b", 400, 1)], waiting("x", 500), "start without b"
    ),
    "none leaves without whom the others do": case(
        [held("a", 100, 1), held("b", 900, 2)], waiting("x", 500), "start without b"
    ),
    "as many leave as are needed": case(
        [held("a", 400, 1), held("b", 400, 2)], waiting("x", 900), "start without a b"
    ),
    "nobody leaves for what is too large for good": case(
        [held("a", 400), held("b", 400)], waiting("x", 1001), "refuse"
    ),
    "what is too large for good is refused though others are busy": case(
        [held("a", 400, calls=1)], waiting("x", 1001), "refuse"
    ),
    "nobody leaves while it would not be enough yet": case(
        [held("a", 100), held("b", 800, calls=1)], waiting("x", 950), "wait for b"
    ),
    "it waits only for those that it needs": case(
        [held("a", 300, 1, calls=1), held("b", 600, 2, calls=1)], waiting("x", 600), "wait for b"
    ),
    "evicted in mid-request: the busy one stays, however old": case(
        [held("a", 500, 1, calls=1), held("b", 500, 2)], waiting("x", 500), "start without b"
    ),
    "evicted in mid-request: all are busy": case(
        [held("a", 1000, calls=3)], waiting("x", 500), "wait for a"
    ),
    "evicted while loading": case([held("a", 800, loading=True)], waiting("x", 500), "wait for a"),
    "evicted when just loaded, before its call has begun": case(
        [held("a", 800, NOW - 0.01)], waiting("x", 500), "wait for a"
    ),
    "evicted between a prompt's rendering and its generation": case(
        [held("a", 500, NOW - 0.05), held("b", 500, calls=1)], waiting("x", 500), "wait for a"
    ),
    "evicted when it has rested a moment": case(
        [held("a", 800, NOW - 0.2)], waiting("x", 500), "start without a"
    ),
    "without patience nobody is spared for a moment": case(
        [held("a", 800, NOW - 0.01)], waiting("x", 500, patience=0), "start without a"
    ),
    "a victim that was called again is no victim": case(
        [held("a", 800, 1, calls=1), held("b", 800, 2)],
        waiting("x", 200, NOW - 5), "start without b",
    ),
    "without patience what is busy refuses": case(
        [held("a", 800, calls=1)], waiting("x", 500, patience=0), "refuse"
    ),
    "it has waited for as long as it may": case(
        [held("a", 800, calls=1)], waiting("x", 500, NOW - 60), "refuse"
    ),
    "there is room in the last moment": case(
        [held("a", 800)], waiting("x", 500, NOW - 60), "start without a"
    ),
    "unloaded while it is needed: its process has yet to end": case(
        [held("a", 800, leaving=True)], waiting("x", 500), "wait for a"
    ),
    "unloaded and called again at once: its own process has yet to end": case(
        [held("x", 800, leaving=True)], waiting("x", 800), "wait for x"
    ),
    "one that leaves with its last calls": case(
        [held("a", 800, calls=2, leaving=True)], waiting("x", 500), "wait for a"
    ),
    "a pin stays, and the other leaves": case(
        [held("a", 500, 1, kept_by=PINNED), held("b", 500, 2)],
        waiting("x", 500), "start without b",
    ),
    "pin above memory": case(
        [held("a", 500, kept_by=PINNED), held("b", 400)], waiting("x", 600), "refuse"
    ),
    "a pin that is busy is not waited for": case(
        [held("a", 500, calls=1, kept_by=PINNED)], waiting("x", 600), "refuse"
    ),
    "a pin that is being loaded is not waited for": case(
        [held("a", 500, loading=True, kept_by=PINNED)], waiting("x", 600), "refuse"
    ),
    "pin while leaving: it goes all the same": case(
        [held("a", 500, leaving=True, kept_by=PINNED)], waiting("x", 600), "wait for a"
    ),
    "a deployment stays": case([held("d/0", 500, kept_by=DEPLOYED)], waiting("x", 600), "refuse"),
    "instances of one model are waited for under its name": case(
        [held("d/0", 500, calls=1, model="m"), held("d/1", 500, calls=1, model="m")],
        waiting("x", 900), "wait for m",
    ),
    "two loads whose sum is too large": case(
        [], [waiting("x", 600, NOW - 1), waiting("y", 600)], "start", "wait for x"
    ),
    "two loads whose sum fits": case(
        [], [waiting("x", 500, NOW - 1), waiting("y", 500)], "start", "start"
    ),
    "two loads share what one has left": case(
        [held("a", 900)], [waiting("x", 500, NOW - 1), waiting("y", 500)],
        "start without a", "start",
    ),
    "a victim is no victim twice": case(
        [held("a", 600, 1), held("b", 300, 2)],
        [waiting("x", 500, NOW - 1), waiting("y", 500)], "start without a", "start without b",
    ),
    "the oldest goes first, wherever it stands": case(
        [], [waiting("y", 600), waiting("x", 600, NOW - 1)], "start", "wait for x"
    ),
    "a small one goes before one that waits": case(
        [held("a", 800, calls=1)],
        [waiting("x", 900, NOW - 1), waiting("y", 100)], "wait for a", "start",
    ),
    "one that would delay an older one does not": case(
        [held("a", 800, calls=1)],
        [waiting("x", 900, NOW - 1), waiting("y", 101)], "wait for a", "wait for x",
    ),
    "nobody takes the idle one that an older one counts on": case(
        [held("a", 600, calls=1), held("b", 400)],
        [waiting("x", 1000, NOW - 1), waiting("y", 100)], "wait for a", "wait for x",
    ),
    "one that would delay an older one is refused when its time is over": case(
        [held("a", 800, calls=1)],
        [waiting("x", 900, NOW - 50), waiting("y", 101, NOW - 49, patience=40)],
        "wait for a", "refuse",
    ),
    "one that is refused delays nobody": case(
        [held("a", 500, calls=1)],
        [waiting("x", 1001, NOW - 1), waiting("y", 500)], "refuse", "start",
    ),
    "a load fails and its promise goes": case(
        [], [waiting("y", 600, NOW - 9)], "start"
    ),
    "a worker is lost, and its restart stands behind those that waited": case(
        [], [waiting("lost", 800, wanted=True, callers=0), waiting("x", 900, NOW - 9)],
        "start", "wait for x",
    ),
    "the callers of a waiting load have gone away": case(
        [held("a", 800, calls=1)], waiting("x", 500, callers=0), "drop"
    ),
    "what is wanted is loaded without a caller": case(
        [held("a", 800, calls=1)], waiting("x", 500, callers=0, wanted=True), "wait for a"
    ),
    "who went away delays nobody": case(
        [held("a", 800, calls=1)],
        [waiting("x", 900, NOW - 1, callers=0), waiting("y", 200)], "drop", "start",
    ),
    "what embeds does not push out what writes": case(
        [held("a", 800)], waiting("x", 500, kind=EMBEDDING), "refuse"
    ),
    "what ranks does not push out what writes": case(
        [held("a", 800)], waiting("x", 500, kind=RANKING), "refuse"
    ),
    "what embeds waits for what writes if that leaves in time": case(
        [held("a", 800, NOW - 280, keep_alive=300)],
        waiting("x", 500, kind=EMBEDDING), "wait for a",
    ),
    "what embeds does not wait for what writes if that stays too long": case(
        [held("a", 800, NOW - 200, keep_alive=300)], waiting("x", 500, kind=EMBEDDING), "refuse"
    ),
    "what embeds waits for what writes and then leaves at once": case(
        [held("a", 800, calls=1, keep_alive=0)], waiting("x", 500, kind=EMBEDDING), "wait for a"
    ),
    "what embeds pushes out its own kind": case(
        [held("a", 400, 1), held("e", 400, 2, kind=EMBEDDING)],
        waiting("x", 500, kind=EMBEDDING), "start without e",
    ),
    "what ranks pushes out what embeds": case(
        [held("a", 400, 1), held("e", 400, 2, kind=EMBEDDING)],
        waiting("x", 500, kind=RANKING), "start without e",
    ),
    "its own kind leaves first, however lately used": case(
        [held("e", 400, 1, kind=EMBEDDING), held("a", 400, 2)],
        waiting("x", 500), "start without a",
    ),
    "what writes pushes out what embeds if need be": case(
        [held("e", 400, 1, kind=EMBEDDING), held("a", 400, 2)],
        waiting("x", 1000), "start without a e",
    ),
    "another run of a model has its former memory": case(
        [held("x", 600), held("a", 300, calls=1)], waiting("x", 700), "start"
    ),
    "another run waits while its former goes on": case(
        [held("x", 400, calls=1), held("a", 400, calls=1)], waiting("x", 700), "wait for a"
    ),
    "two runs that wait for each other's memory": case(
        [held("x", 400), held("y", 400)],
        [waiting("x", 700, NOW - 1), waiting("y", 700)], "start without y", "wait for x",
    ),
    "two busy runs that wait for each other's memory": case(
        [held("x", 400, calls=1), held("y", 400, calls=1)],
        [waiting("x", 700, NOW - 1), waiting("y", 700)], "wait for y", "wait for x",
    ),
    "nobody leaves for a guest": case([held("a", 600)], guest("m", 500), "refuse"),
    "a guest fits beside the model that it measures": case(
        [held("m", 500)], guest("m", 500), "start"
    ),
    "a guest is waited for": case([held("m", 600, guest=True)], waiting("x", 500), "wait for m"),
    "a guest takes nothing that others wait for": case(
        [held("a", 800, calls=1)],
        [waiting("x", 900, NOW - 1), guest("m", 150)], "wait for a", "refuse",
    ),
    "idle models leave for a run": case(
        [held("a", 500, 2), held("e", 400, 1, kind=EMBEDDING)], run("m", 450), "start without a"
    ),
    "a model leaves for a run of its own": case([held("m", 600)], run("m", 500), "start without m"),
    "nobody leaves for a run that fits": case([held("m", 500)], run("m", 500), "start"),
    "a run waits for busy models": case([held("a", 600, calls=1)], run("m", 500), "wait for a"),
    "a run that has waited long enough": case(
        [held("a", 600, calls=1)], run("m", 500, NOW - 60), "refuse"
    ),
    "a run waits for another": case([held("x", 600, guest=True)], run("m", 500), "wait for x"),
    "a pinned model does not leave for a run": case(
        [held("a", 600, kept_by=PINNED)], run("m", 500), "refuse"
    ),
    "a run that is too large leaves all where they are": case(
        [held("a", 600)], run("m", 1001), "refuse"
    ),
    "what has a device's memory leaves for it": case(
        [held("a", 10, 1), held("b", 10, 2, device=300)],
        waiting("x", 10, placer=OnDevice(400, 200)), "start without b",
    ),
    "what is busy on a device is waited for": case(
        [held("a", 10, calls=1), held("b", 10, calls=1, device=300)],
        waiting("x", 10, placer=OnDevice(400, 200)), "wait for b",
    ),
    "a device that is too small for good": case(
        [held("b", 10, calls=1, device=300)],
        waiting("x", 10, placer=OnDevice(400, 500)), "refuse",
    ),
    "a device with a pin on it": case(
        [held("b", 10, kept_by=PINNED, device=300)],
        waiting("x", 10, placer=OnDevice(400, 200)), "refuse",
    ),
    "device memory and machine memory at once": case(
        [held("a", 900, 1), held("b", 10, 2, device=300)],
        waiting("x", 500, placer=OnDevice(400, 200)), "start without a b",
    ),
    "a device's memory is there and the machine's is busy": case(
        [held("a", 900, 1, calls=1), held("b", 10, 2, device=300)],
        waiting("x", 500, placer=OnDevice(400, 200)), "wait for a",
    ),
    "a small one on the device goes before a large one in the machine": case(
        [held("a", 900, calls=1)],
        [waiting("x", 500, NOW - 1), waiting("y", 50, placer=OnDevice(400, 200))],
        "wait for a", "start",
    ),
    "a device that is gone": case([], waiting("x", 10, placer=Gone(400, 200)), "refuse"),
}  # fmt: skip


def state(there: Sequence[Held], wanted: Sequence[Waiting], limit: int = 1000) -> State:
    return State(NOW, Memories(AMPLE, limit, tuple(there)), tuple(wanted))


@pytest.mark.parametrize("name", PLANS)
def test_plan(name: str) -> None:
    there, wanted, expected = PLANS[name]

    decisions = plan(state(there, wanted))

    assert [told(decision) for decision in decisions] == [*expected]


@pytest.mark.parametrize(
    ("machine", "there", "expected"),
    [
        (MachineMemory(10_000, 400), [], "refuse"),
        (MachineMemory(10_000, 400), [held("a", 300, calls=1)], "wait for a"),
        (MachineMemory(10_000, 400), [held("a", 300)], "start without a"),
        (MachineMemory(10_000, 600), [held("a", 300, resident=100, calls=1)], "wait for a"),
    ],
    ids=["others have it", "a busy model has it", "an idle model has it", "it is yet to be read"],
)
def test_what_other_programs_leave_counts(
    machine: MachineMemory, there: list[Held], expected: str
) -> None:
    memories = Memories(machine, 10_000, tuple(there))

    (decision,) = plan(State(NOW, memories, (waiting("x", 500),)))

    assert told(decision) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1000, "wait for a"), (1400, "start"), (500, "wait for a"), (499, "refuse")],
)
def test_a_limit_that_changes_meanwhile_counts(limit: int, expected: str) -> None:
    busy = held("a", 900, calls=1)

    (decision,) = plan(state([busy], [waiting("x", 500)], limit))

    assert told(decision) == expected


def test_what_it_waits_for_is_told_in_words() -> None:
    there = [
        held("a", 200, calls=3), held("b", 200, loading=True), held("c", 200, leaving=True),
        held("m", 200, guest=True), held("e", 200, NOW, kind=EMBEDDING),
    ]  # fmt: skip

    (decision,) = plan(state(there, [waiting("x", 1000)]))

    assert isinstance(decision, Wait)
    assert set(decision.why.split(", and ")) == {
        "a has 3 calls", "b is being loaded", "c is being unloaded",
        "m is being measured or trained", "e has just answered",
    }  # fmt: skip


TOO_LARGE = (
    "Model 'x' needs about 0.00 GB, and 0.00 GB can be had. Ask for a shorter context_length,"
    " fewer slots or fewer cache_tokens, or unload what is busy."
)


@pytest.mark.parametrize(
    ("there", "wanted", "why"),
    [
        ([], waiting("x", 1001), ""),
        ([held("a", 800, kept_by=PINNED)], waiting("x", 500), " Now a is pinned."),
        (
            [held("a", 800, calls=1)],
            waiting("x", 500, NOW - 60),
            " After 60 s a has 1 call.",
        ),
        (
            [held("a", 800)],
            waiting("x", 500, kind=EMBEDDING),
            " Now a writes text and does not leave for what does not.",
        ),
    ],
    ids=["too large", "a pin", "it has waited", "another kind"],
)
def test_a_refusal_says_what_is_needed_and_what_has_it(
    there: list[Held], wanted: Waiting, why: str
) -> None:
    (decision,) = plan(state(there, [wanted]))

    assert isinstance(decision, Refuse)
    assert isinstance(decision.error, ModelTooLargeError)
    assert decision.error.message == TOO_LARGE + why
    had = 1000 - sum(each.weight for each in there)
    assert decision.error.metadata == {
        "model": "x",
        "needed_bytes": str(wanted.spec.needed_bytes),
        "available_bytes": str(had),
    }


def test_a_device_s_refusal_is_told_with_what_has_it() -> None:
    there = [held("b", 10, kept_by=PINNED, device=300)]

    (decision,) = plan(state(there, [waiting("x", 10, placer=OnDevice(400, 200))]))

    assert isinstance(decision, Refuse)
    assert decision.error.message == "It is too large for gpu_0. Now b is pinned."
    assert decision.error.metadata == {"devices": DEVICE}


def test_what_one_like_it_took_counts() -> None:
    measured: Callable[[WorkerSpec], int] = lambda spec: 300  # noqa: E731 - it is a field's value
    memories = Memories(AMPLE, 1000, (held("a", 700, calls=1),))

    (decision,) = plan(State(NOW, memories, (waiting("x", 900),), measured))

    assert told(decision) == "start"


def test_whoever_waits_starts_in_the_end(  # lest two wait for each other for ever
) -> None:
    """Carries decisions out until nothing waits, with all calls ended: no state is a dead end."""
    there = [held("x", 400), held("y", 400), held("a", 200, calls=1)]
    wanted = [
        waiting("x", 800, NOW - 3), waiting("y", 800, NOW - 2), waiting("z", 1000, NOW - 1),
        waiting("e", 100, kind=EMBEDDING),
    ]  # fmt: skip
    started: list[str] = []

    for _ in range(10):
        for decision in plan(state(there, wanted)):
            if isinstance(decision, Start):
                key = decision.waiting.key
                there = [one for one in there if one.key not in (key, *decision.evict)]
                there.append(held(key, decision.spec.needed_bytes, kind=decision.spec.kind))
                wanted = [one for one in wanted if one.key != key]
                started.append(key)
                break
        there = [replace(one, calls=0) for one in there]

    assert started == ["x", "y", "z"]
