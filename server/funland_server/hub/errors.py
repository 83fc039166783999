"""What can go wrong with hubs.

NotFoundError
├── HubModelNotFoundError       HUB_MODEL_NOT_FOUND
└── VariantNotFoundError        VARIANT_NOT_FOUND
FailedPreconditionError
└── HubModelUnsupportedError    HUB_MODEL_UNSUPPORTED
PermissionDeniedError
└── HubAccessDeniedError        HUB_ACCESS_DENIED
ResourceExhaustedError
└── HubRateLimitedError         HUB_RATE_LIMITED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
)
from funland_server.web.errors import AnswerInvalidError, UnreachableError

HubUnreachableError = UnreachableError
"""The hub can't be reached, or fails for now."""
HubAnswerInvalidError = AnswerInvalidError
"""The hub's answer breaks the rules of its protocol or of safety."""


class HubModelNotFoundError(NotFoundError):
    """The hub has no such model or revision."""

    reason = ErrorReason.HUB_MODEL_NOT_FOUND


class HubAccessDeniedError(PermissionDeniedError):
    """The hub gives the model only to those whom it lets in."""

    reason = ErrorReason.HUB_ACCESS_DENIED


class HubRateLimitedError(ResourceExhaustedError):
    """The hub takes no more calls for a while."""

    reason = ErrorReason.HUB_RATE_LIMITED


class VariantNotFoundError(NotFoundError):
    """The model has no such variant, file or format."""

    reason = ErrorReason.VARIANT_NOT_FOUND


class HubModelUnsupportedError(FailedPreconditionError):
    """No engine that is installed can load anything of the model."""

    reason = ErrorReason.HUB_MODEL_UNSUPPORTED
