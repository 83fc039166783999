"""What a model is that speaks, hears or paints: it does jobs alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import HearLive, Job, JobEvent, LiveInput


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """How a loaded model runs."""

    engine: LoadSettings.Engine.ValueType
    device: str
    """By the engine's name."""
    slots: int
    """How many jobs it does at once."""
    threads: int
    """How many threads compute."""


class MediaEngine(Protocol):
    """A loaded model. Its generators are closed to end a job, and whatever computes then ends
    within a step: nothing of the job goes on when the generator's `aclose` has returned.

    An `EngineError` is a job's failure. Anything else that a job raises is a defect, and ends that
    job alone; what takes the model with it is told by `MediaServicer.fail`.
    """

    @property
    def facts(self) -> MediaFacts:
        """How it runs."""
        ...

    @property
    def step_ms(self) -> float:
        """For how long the native code that runs now has not come back, in milliseconds; 0: none
        runs. The server ends a worker in which that takes too long."""
        ...

    def run(self, job: Job) -> AsyncGenerator[JobEvent]:
        """The events of a job, the last of which is its result.

        Raises:
            EngineError: It can't be done.
        """
        ...

    def run_live(
        self, begin: HearLive, inputs: AsyncIterator[LiveInput]
    ) -> AsyncGenerator[JobEvent]:
        """The events of a job whose input comes meanwhile; it ends after `inputs` do.

        Raises:
            EngineError: It can't be done.
        """
        ...
