"""The devices of this machine, for all that compute on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

import structlog

from funland.v1.hardware_pb2 import Device, DeviceMetrics, ReaderProblem
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.devices.errors import DeviceNotFoundError
from funland_server.devices.history import History
from funland_server.devices.inventory import Inventory
from funland_server.devices.looking import PATIENCE, Looking
from funland_server.devices.readers.protocol import Reader
from funland_server.devices.readers.system import system_readers
from funland_server.devices.remembered import remember, remembered
from funland_server.domain import Domain
from funland_server.metrics import Metrics

logger = structlog.get_logger(__name__)

_PERIOD: Final = 10.0
_SILENCE: Final = 10.0
"""After how many seconds without an answer devices are not counted on any more."""
_HISTORY: Final = 60


class Devices(Domain):
    """What there is, and what it does now. Reading it costs nothing: readers work by themselves."""

    def __init__(
        self, settings: ServerSettings, metrics: Metrics, readers: Sequence[Reader] | None = None
    ) -> None:
        """`readers` are the system's, but in tests."""
        self._file: Path = settings.home / "devices.json"
        self._metrics = metrics
        readers = system_readers() if readers is None else readers
        self._lookings = [Looking(reader, self._heard) for reader in readers]
        self._inventory = Inventory()
        self._history = History()
        self._counted = asyncio.Event()
        """Each reader of the system had its chance: before, a slow one would get later numbers."""
        self._asked = asyncio.Event()
        """The engines have answered, or failed to."""
        self._saving = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.changes = Changes()
        """The ids of devices that changed or were sampled anew."""

    @property
    def problems(self) -> Sequence[ReaderProblem]:
        """What could not be read at the last look, and which readers are late."""
        return [
            ReaderProblem(reader=looking.reader.name, message=message)
            for looking in self._lookings
            for message in (*looking.problems, *looking.lateness)
        ]

    @property
    def engines_asked(self) -> bool:
        """Whether the engines have answered since the start, or failed to: until then there may be
        devices that only they know."""
        return self._asked.is_set()

    @property
    def troubles(self) -> Sequence[ReaderProblem]:
        """The problems without those of readers that are only slow."""
        slow = {one.reader.name for one in self._lookings if not one.problems and not one.hangs}
        return [problem for problem in self.problems if problem.reader not in slow]

    def all(self) -> Sequence[Device]:
        """Those that are or were there, with all details: the CPU first, then GPUs, then NPUs, each
        kind by number. They are the inventory's own: nobody changes them."""
        return self._inventory.all()

    def get(self, device_id: str) -> Device:
        """One of them.

        Raises:
            DeviceNotFoundError: None has that id.
        """
        device = self._inventory.get(device_id)
        if device is None:
            raise DeviceNotFoundError(device_id)
        return device

    def history(self, device_id: str, size: int) -> list[DeviceMetrics]:
        """The samples before the present one, the newest first; at most `size`, 0: 60.

        Raises:
            DeviceNotFoundError: None has that id.
        """
        device = self.get(device_id)
        return self._history.before(device_id, device.metrics, size or _HISTORY)

    async def refresh(self) -> None:
        """Looks for devices anew, for a second at most; what is slower comes later by itself."""
        await self._look(self._lookings, anew=True)

    async def sample(self) -> None:
        """Reads what devices do now, for a second at most."""
        sampled = [looking for looking in self._lookings if looking.reader.sampled]
        await self._look(sampled, anew=False)

    async def settled(self, device_ids: Sequence[str] = ()) -> None:
        """Waits until it is known what there is to compute on, and which engines do.

        After the start the engines take some seconds to answer. Where the system has found no
        accelerator there is nothing to wait for, unless one of `device_ids` is not known: engines
        may know devices that the system does not. Nor is there if `device_ids` has the CPU alone.
        Drivers that hang are not waited for; engines are, as long as their reader has patience.
        """
        await self._counted.wait()
        known = {device.device_id: device for device in self.all()}
        kinds = {known[each].kind for each in device_ids if each in known}
        if kinds == {Device.CPU} and known.keys() >= {*device_ids}:
            return
        if any(device_id not in known for device_id in device_ids) or any(
            device.kind != Device.CPU for device in known.values()
        ):
            await self._asked.wait()

    async def watch(self) -> AsyncGenerator[Device]:
        """Each device as it is, then those that change or are sampled. A reader that is slow finds
        each once, as it then is.

        Raises:
            ServerStoppingError: The server stops.
        """
        async with aclosing(self.changes.watch()) as changes:
            await anext(changes)  # from here on, no change is missed
            for device in self.all():
                yield device
            async for device_id in changes:
                yield self.get(device_id)

    async def start(self) -> None:
        """Finds the CPU; the others are found in the background."""
        self._inventory = Inventory(await asyncio.to_thread(remembered, self._file))
        await self._look(self._lookings[:1], anew=False)
        self._keep(self._go_on())

    def announce_stop(self) -> None:
        """Ends the watches."""
        self.changes.close()

    async def stop(self) -> None:
        """Ends all that looks, and waits for no driver."""
        for looking in self._lookings:
            looking.reader.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _go_on(self) -> None:
        await self._look(self._lookings[1:], anew=False)
        self._counted.set()
        self._conclude()
        self._keep(self._ask())
        sampled = [looking for looking in self._lookings if looking.reader.sampled]
        while True:
            self._sample()
            await asyncio.sleep(_PERIOD)
            await self._look(sampled, anew=False)

    async def _ask(self) -> None:
        for looking in self._lookings:
            if not looking.reader.sampled:
                await looking.ended()
        self._asked.set()

    async def _look(self, lookings: Iterable[Looking], *, anew: bool) -> None:
        """Lets readers look, and waits for those that answer in time."""
        lookings = list(lookings)
        for looking in lookings:
            looking.begin(anew=anew)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(looking.ended() for looking in lookings))
        for looking in lookings:
            if looking.seconds >= _SILENCE:
                self._inventory.silent(looking.reader.name, *looking.lateness)
        if self._counted.is_set():
            self._conclude()

    def _heard(self, looking: Looking) -> None:
        if looking.look is not None:
            self._inventory.heard(looking.reader.name, looking.look.found)
        else:
            self._inventory.silent(looking.reader.name, *looking.problems)
        if self._counted.is_set() or looking is self._lookings[0]:
            self._conclude()

    def _conclude(self) -> None:
        known = self._inventory.identities
        for device_id in self._inventory.update():
            self._metrics.device(device_id, self.get(device_id))
            self.changes.publish(device_id)
        if self._inventory.identities != known:
            self._keep(self._save())

    async def _save(self) -> None:
        async with self._saving:
            await asyncio.to_thread(remember, self._file, self._inventory.identities)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        """Lets something go on until it ends, or the server does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_complain)

    def _sample(self) -> None:
        for device in self._inventory.all():
            if device.HasField("metrics"):
                self._history.add(device.device_id, device.metrics)


def _complain(task: asyncio.Task[None]) -> None:
    """A defect that ended what should go on is at least in the log."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("devices_failed", exc_info=error)
