"""When a task that was just submitted will be done: no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from funland.v1.tasks_pb2 import Lane, Task


def estimated_ms(task: Task, lanes: Iterable[Lane]) -> int | None:
    """What the task will take from now on, its wait included, by what the last tasks of its lane
    took. None: none has ended lately, or it does not begin yet."""
    lane = next((lane for lane in lanes if lane.name == task.lane), None)
    if lane is None or not lane.HasField("mean_duration") or task.HasField("start_time"):
        return None
    mean = lane.mean_duration.ToMilliseconds()
    if task.state != Task.PENDING or (task.position == 0 and lane.running < lane.limit):
        return mean
    # A place becomes free so often, if all are taken.
    return mean + round((task.position + 1) * mean / max(lane.limit, 1))
