"""`settings`: what the server is and can, and its disk."""

from __future__ import annotations

from typing import Final

from funland.v1.downloads_pb2 import Storage
from funland.v1.hardware_pb2 import ListDevicesResponse
from funland.v1.system_pb2 import Configuration, SystemStatus
from funland_gateway.dialects.asking import asked_in_turn
from funland_gateway.dialects.cards import is_card
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.rpcs import (
    GET_CONFIGURATION,
    GET_STATUS,
    GET_STORAGE,
    LIST_DEVICES,
)
from funland_gateway.dialects.sizes import gigabytes

_HOME: Final = "server.home"
_DATASET_BYTES: Final = "server.dataset_bytes"


def get_system(_incoming: Incoming) -> Unary:
    """Asks for the server's version, its models and its devices."""
    return asked_in_turn((GET_STATUS, LIST_DEVICES), _system)


def get_storage(_incoming: Incoming) -> Unary:
    """Asks for the disk and the settings about it, which admins alone may see."""
    return asked_in_turn((GET_CONFIGURATION, GET_STORAGE), _storage)


def _system(status: SystemStatus, devices: ListDevicesResponse) -> Reply:
    return json_reply(
        {
            "site_name": "Funland",
            "site_description": "A local AI service with one typed contract.",
            "version": status.version,
            # What there is to read is in English; how pages look is up to their makers.
            "language": "en",
            "theme": None,
            "features": {
                "gpu_monitoring": any(map(is_card, devices.devices)),
                "distributed_training": False,
                "model_registry": True,
                "inference_service": status.installed_models > 0,
            },
        }
    )


def _storage(configuration: Configuration, disk: Storage) -> Reply:
    values = {each.name: each.value for each in configuration.settings}
    most, home = values.get(_DATASET_BYTES), values.get(_HOME)
    return json_reply(
        {
            "max_dataset_size_gb": gigabytes(int(most.number_value)) if most else None,
            # No setting bounds it: a model must fit the disk.
            "max_model_size_gb": None,
            "default_storage_path": home.string_value if home else None,
            "used_storage_gb": gigabytes(disk.total_bytes - disk.free_bytes),
            "total_storage_gb": gigabytes(disk.total_bytes),
        }
    )
