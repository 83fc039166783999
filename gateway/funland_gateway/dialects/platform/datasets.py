"""`datasets`: rows to train with. Their ids are numbers here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funland.v1.datasets_pb2 import Dataset, DatasetVersion, ListDatasetsRequest
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.platform.numbering import with_numbers
from funland_gateway.dialects.rpcs import LIST_DATASETS
from funland_gateway.dialects.skipping import skipped_to
from funland_gateway.dialects.times import moment

STATUSES: Final[Mapping[Dataset.Status.ValueType, str]] = {
    Dataset.PREPARING: "preparing",
    Dataset.READY: "ready",
    Dataset.FAILED: "failed",
}
FORMATS: Final[Mapping[DatasetVersion.Format.ValueType, str]] = {
    DatasetVersion.JSONL: "jsonl",
    DatasetVersion.JSON: "json",
    DatasetVersion.CSV: "csv",
    DatasetVersion.PARQUET: "parquet",
    DatasetVersion.TEXT: "text",
    DatasetVersion.MIXED: "mixed",
}


def list_datasets(incoming: Incoming) -> Unary:
    """Asks for a part of the datasets that are there for the caller."""

    def answer(found: Sequence[Dataset], total: int) -> Reply | Unary:
        def told(numbers: Mapping[str, int]) -> Reply:
            shown = [_dataset(each, numbers) for each in found]
            return json_reply({"total": total, "datasets": shown})

        return with_numbers((each.project_id for each in found), told)

    return skipped_to(LIST_DATASETS, ListDatasetsRequest(), "datasets", incoming.query, answer)


def _dataset(dataset: Dataset, numbers: Mapping[str, int]) -> dict[str, Any]:
    newest = dataset.versions[0] if dataset.versions else None
    return {
        "id": dataset.number,
        "dataset_id": dataset.dataset_id,
        "name": dataset.name,
        "description": dataset.description,
        "project_id": numbers.get(dataset.project_id),
        "format": FORMATS.get(newest.format) if newest else None,
        "size": newest.source_bytes if newest else None,
        "row_count": newest.row_count if newest else None,
        "status": STATUSES.get(dataset.status),
        "created_at": moment(dataset, "create_time"),
    }
