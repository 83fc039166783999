"""What can go wrong with installed models.

NotFoundError
└── ModelNotFoundError          MODEL_NOT_FOUND
AlreadyExistsError
├── ModelExistsError            MODEL_EXISTS
└── AdapterExistsError          ADAPTER_EXISTS
FailedPreconditionError
├── ModelFileMissingError       MODEL_FILE_MISSING
├── ModelFileChangedError       MODEL_FILE_CHANGED
├── ModelBuiltInError           MODEL_BUILT_IN
├── ModelPinnedError            MODEL_PINNED
├── ModelKindWrongError         MODEL_KIND_WRONG
└── ModelDeployedError          MODEL_DEPLOYED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError


class ModelNotFoundError(NotFoundError):
    """No installed model has that name."""

    reason = ErrorReason.MODEL_NOT_FOUND

    def __init__(self, model: str, message: str = "") -> None:
        """`message` says more where no name was given."""
        super().__init__(
            message
            or f"Model {model!r} is not installed. `funland models list` shows those that are.",
            model=model,
        )


class ModelKindWrongError(FailedPreconditionError):
    """The model is for something else."""

    reason = ErrorReason.MODEL_KIND_WRONG

    def __init__(self, model: str, kind: str, needed: str) -> None:
        super().__init__(
            f"Model {model!r} is of the kind {kind}, and the call needs one of the kind {needed}."
            " `funland models list` shows them.",
            model=model,
            kind=kind,
            needed=needed,
        )


class ModelExistsError(AlreadyExistsError):
    """An installed model has that id or alias."""

    reason = ErrorReason.MODEL_EXISTS

    def __init__(self, model: str, *, replaces: bool = False) -> None:
        """`replaces`: the new one was to take its place."""
        told = (
            "it can't be replaced, since it comes with Funland or has other aliases; give another"
            " model_id"
            if replaces
            else "give another model_id, or replace or delete it"
        )
        super().__init__(f"A model named {model!r} is installed already; {told}.", model=model)


class AdapterExistsError(AlreadyExistsError):
    """The model has an adapter of that id."""

    reason = ErrorReason.ADAPTER_EXISTS

    def __init__(self, model: str, adapter: str) -> None:
        super().__init__(
            f"Model {model!r} has an adapter {adapter!r} already; give another adapter_id, or"
            " detach it.",
            model=model,
            adapter=adapter,
        )


class ModelFileMissingError(FailedPreconditionError):
    """The model's file is gone from the store."""

    reason = ErrorReason.MODEL_FILE_MISSING

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The file of model {model!r} is gone from the store; delete the model and import it"
            " again.",
            model=model,
        )


class ModelFileChangedError(FailedPreconditionError):
    """The file's SHA-256 is not the one expected."""

    reason = ErrorReason.MODEL_FILE_CHANGED


class ModelBuiltInError(FailedPreconditionError):
    """The model comes with Funland."""

    reason = ErrorReason.MODEL_BUILT_IN

    def __init__(self, model: str) -> None:
        super().__init__(f"Model {model!r} comes with Funland and can't be deleted.", model=model)


class ModelPinnedError(FailedPreconditionError):
    """The model is held in memory."""

    reason = ErrorReason.MODEL_PINNED

    def __init__(self, model: str) -> None:
        super().__init__(
            f"Model {model!r} is pinned; unpin it first, or unload it with `force`.", model=model
        )


class ModelDeployedError(FailedPreconditionError):
    """A deployment is made of the model."""

    reason = ErrorReason.MODEL_DEPLOYED

    def __init__(self, model: str, deployment_id: str) -> None:
        super().__init__(
            f"Deployment {deployment_id!r} is made of model {model!r}; delete that first.",
            model=model,
            deployment_id=deployment_id,
        )
