"""The configuration as callers see it: no I/O, and no secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import SecretStr

from funland.v1.system_pb2 import Configuration, Setting
from funland_server.configuration.fields import Described, plain
from funland_server.configuration.sources import Joined
from funland_server.system.effects import effect
from funland_server.system.values import to_wire


def present(
    fields: Mapping[str, Described], running: Joined, wanted: Joined | None, key: bytes
) -> Configuration:
    """What the server runs with, and what it would run with if it were started now; None: it could
    not be started. `key` is of this server alone, so that an etag tells nothing of secrets."""
    settings = [_setting(field, running, wanted) for field in fields.values()]
    pending = wanted is not None and any(
        wanted.value(name) != running.value(name) for name in fields
    )
    return Configuration(
        settings=settings, etag=_etag(fields, running, wanted, key), restart_pending=pending
    )


def _setting(field: Described, running: Joined, wanted: Joined | None) -> Setting:
    value = running.value(field.name)
    given = running.given.get(field.name)
    setting = Setting(
        name=field.name,
        description=field.description,
        type=field.type,
        origin=given.origin if given else Setting.DEFAULT,
        origin_name=given.name if given and given.origin != Setting.FILE else "",
        effect=effect(field.name),
        secret=field.secret,
        is_set=field.secret and value is not None,
        choices=field.choices,
        minimum=field.minimum,
        maximum=field.maximum,
    )
    if not field.secret:
        setting.value.CopyFrom(to_wire(plain(value)))
        setting.default_value.CopyFrom(to_wire(plain(field.default)))
        if wanted is not None and wanted.value(field.name) != value:
            setting.pending_value.CopyFrom(to_wire(plain(wanted.value(field.name))))
    return setting


def _etag(
    fields: Mapping[str, Described], running: Joined, wanted: Joined | None, key: bytes
) -> str:
    told = [
        [
            _raw(running.value(name)),
            running.given[name].origin if name in running.given else 0,
            None if wanted is None else _raw(wanted.value(name)),
        ]
        for name in fields
    ]
    return hashlib.blake2b(orjson.dumps(told), key=key, digest_size=12).hexdigest()


def _raw(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else plain(value)
