"""The adapters of a model that is installed: they change together with it."""

from __future__ import annotations

import shutil

from funland_server.models.adapters.store import Adapter, Adapters, Prepared
from funland_server.models.installed.model import InstalledModel


class Exchange:
    """See `funland_server.models.installed.store.Beside`."""

    def __init__(self, adapters: Adapters, model: InstalledModel, prepared: Prepared) -> None:
        """`model` is to have what is prepared, and nothing else."""
        self._adapters = adapters
        self._model = model
        self._prepared = prepared
        self._old: dict[str, Adapter] = {}

    def put(self) -> None:
        """See `Beside`."""
        self._old = self._adapters.exchange(self._model, self._prepared)

    def settle(self) -> None:
        """See `Beside`."""
        self._adapters.settle(self._model.model_id, self._old)
        shutil.rmtree(self._prepared.folder, ignore_errors=True)  # of a model without adapters

    def take_back(self) -> None:
        """See `Beside`."""
        self._adapters.take_back(self._model.model_id, self._old)
        self._adapters.drop(self._prepared)
