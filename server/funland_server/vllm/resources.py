"""What of the machine a vLLM takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland.v1.deployments_pb2 import VllmSettings
from funland.v1.hardware_pb2 import Device

_MOST_BYTES: Final = 4 * 1024**3
_MOST_SHARE: Final = 0.25


def cache_bytes(
    settings: VllmSettings,
    *,
    slots: int,
    context_length: int,
    bytes_per_token: int,
    available_bytes: int,
) -> int | None:
    """What keys and values may take of the machine's memory, where vLLM computes on the CPU; None:
    what it makes of its settings. Unasked it would take and fill nearly all that there is, which
    leaves other models none.

    Args:
        settings: The deployment's.
        slots: How many calls a model answers at once, if the settings don't say.
        context_length: The model's, in tokens; 0: not known.
        bytes_per_token: What a token's keys and values take at most; 0: not known.
        available_bytes: What is free of the memory.
    """
    if settings.HasField("gpu_memory_utilization"):
        return None
    most = min(_MOST_BYTES, int(_MOST_SHARE * available_bytes))
    length = settings.max_model_len or context_length
    wanted = (settings.max_num_seqs or slots) * length * bytes_per_token
    return min(wanted, most) if wanted else most


def device_ids(
    devices: Sequence[Device], *, on_cpu: bool, gpus: int, chosen_elsewhere: bool
) -> tuple[str, ...]:
    """Where it computes. On GPUs it takes NVIDIA's in their order, unless that is
    `chosen_elsewhere`: then nobody knows."""
    if on_cpu:
        return tuple(one.device_id for one in devices if one.kind == Device.CPU)
    if chosen_elsewhere:
        return ()
    found = [one for one in devices if one.kind == Device.GPU and one.vendor == "NVIDIA"]
    return tuple(one.device_id for one in found[:gpus])
