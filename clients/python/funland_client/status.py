"""Turns what the wire says of a failure into the exceptions of `errors`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland_client import errors

_DOMAIN = "funland"
_DETAILS_KEY = "grpc-status-details-bin"

BY_REASON: Final[Mapping[str, type[errors.FunlandError]]] = {
    "PROMPT_TOO_LONG": errors.PromptTooLongError,
    "TEMPLATE_FAILED": errors.TemplateError,
    "CONSTRAINT_INVALID": errors.ConstraintError,
    "CONSTRAINT_LIMIT": errors.ConstraintError,
    "QUEUE_FULL": errors.QueueFullError,
    "MODEL_NOT_FOUND": errors.ModelNotFoundError,
    "MODEL_EXISTS": errors.ModelExistsError,
    "MODEL_CANNOT_CHAT": errors.ModelCannotChatError,
    "MODEL_FILE_INVALID": errors.ModelFileError,
    "MODEL_FILE_MISSING": errors.ModelFileError,
    "MODEL_FILE_CHANGED": errors.ModelFileError,
    "MODEL_LOAD_FAILED": errors.ModelLoadError,
    "MODEL_BUILT_IN": errors.ModelBuiltInError,
    "MODEL_CANNOT_GENERATE": errors.ModelCannotGenerateError,
    "MODEL_CANNOT_INFILL": errors.ModelCannotInfillError,
    "MODEL_CANNOT_SEE": errors.ModelCannotSeeError,
    "MODEL_CANNOT_HEAR": errors.ModelCannotHearError,
    "MODEL_TOO_LARGE": errors.ModelTooLargeError,
    "WORKER_LOST": errors.WorkerLostError,
    "MODEL_UNLOADED": errors.ModelUnloadedError,
    "SERVER_STOPPING": errors.ServerStoppingError,
    "SERVER_UNREACHABLE": errors.ServerUnreachableError,
    "MODEL_BACKING_OFF": errors.ModelBackingOffError,
    "ENGINE_UNAVAILABLE": errors.EngineError,
    "ENGINE_UNSUPPORTED": errors.EngineError,
    "MODEL_OUTPUT_INVALID": errors.ModelOutputError,
    "ADAPTER_NOT_FOUND": errors.AdapterNotFoundError,
    "ADAPTER_EXISTS": errors.AdapterExistsError,
    "ADAPTER_INVALID": errors.AdapterFileError,
    "RESPONSE_NOT_FOUND": errors.ResponseNotFoundError,
    "RESPONSE_NOT_IN_BACKGROUND": errors.ResponseNotInBackgroundError,
    "STORAGE_FULL": errors.StorageFullError,
    "STORAGE_UNAVAILABLE": errors.StorageUnavailableError,
    "HUB_UNREACHABLE": errors.HubUnreachableError,
    "HUB_MODEL_NOT_FOUND": errors.HubModelNotFoundError,
    "HUB_ACCESS_DENIED": errors.HubAccessError,
    "HUB_RATE_LIMITED": errors.HubRateLimitedError,
    "HUB_ANSWER_INVALID": errors.HubAnswerError,
    "OFFLINE": errors.OfflineError,
    "VARIANT_NOT_FOUND": errors.VariantNotFoundError,
    "HUB_MODEL_UNSUPPORTED": errors.HubModelUnsupportedError,
    "ADDRESS_NOT_ALLOWED": errors.AddressNotAllowedError,
    "DOWNLOAD_NOT_FOUND": errors.DownloadNotFoundError,
    "DOWNLOAD_STATE": errors.DownloadStateError,
    "DOWNLOAD_CORRUPT": errors.DownloadCorruptError,
    "DOWNLOAD_INTERRUPTED": errors.DownloadInterruptedError,
    "DOWNLOAD_SOURCE_CHANGED": errors.DownloadSourceChangedError,
    "DEVICE_NOT_FOUND": errors.DeviceNotFoundError,
    "DEVICE_UNAVAILABLE": errors.DeviceUnavailableError,
    "SETTING_FIXED": errors.SettingFixedError,
    "CONFIGURATION_CHANGED": errors.ConfigurationChangedError,
    "SESSION_NOT_FOUND": errors.SessionNotFoundError,
    "MESSAGE_NOT_FOUND": errors.MessageNotFoundError,
    "SESSION_BUSY": errors.SessionBusyError,
    "CONTEXT_LENGTH_EXCEEDED": errors.ContextLengthError,
    "MODEL_PINNED": errors.ModelPinnedError,
    "MODEL_DEPLOYED": errors.ModelDeployedError,
    "DEPLOYMENT_NOT_FOUND": errors.DeploymentNotFoundError,
    "DEPLOYMENT_EXISTS": errors.DeploymentExistsError,
    "DEPLOYMENT_NOT_RUNNING": errors.DeploymentNotRunningError,
    "PORT_TAKEN": errors.PortTakenError,
    "NODE_NOT_FOUND": errors.NodeNotFoundError,
    "CLUSTER_UNREACHABLE": errors.ClusterUnreachableError,
    "TASK_NOT_FOUND": errors.TaskNotFoundError,
    "TASK_NOT_RETRYABLE": errors.TaskStateError,
    "TASK_TIMEOUT": errors.TaskTimeoutError,
    "TASK_LOST": errors.TaskLostError,
    "LANE_FULL": errors.LaneFullError,
    "IDEMPOTENCY_KEY_REUSED": errors.IdempotencyKeyError,
    "PLUGIN_NOT_FOUND": errors.PluginNotFoundError,
    "PLUGIN_EXISTS": errors.PluginExistsError,
    "PLUGIN_INVALID": errors.PluginInvalidError,
    "PLUGIN_DISABLED": errors.PluginDisabledError,
    "PLUGIN_BROKEN": errors.PluginBrokenError,
    "PLUGIN_BUNDLED": errors.PluginBundledError,
    "PLUGIN_FAILED": errors.PluginFailedError,
    "PLUGIN_LIMIT_EXCEEDED": errors.PluginLimitError,
    "PLUGIN_DENIED": errors.PluginDeniedError,
    "PLUGIN_ISOLATION_UNAVAILABLE": errors.PluginIsolationError,
    "FILE_NOT_FOUND": errors.KeptFileNotFoundError,
    "MODEL_KIND_WRONG": errors.ModelKindError,
    "VOICE_NOT_FOUND": errors.VoiceNotFoundError,
    "TEXT_UNSPEAKABLE": errors.TextUnspeakableError,
    "SSML_INVALID": errors.SsmlError,
    "AUDIO_INVALID": errors.AudioError,
    "LANGUAGE_UNSUPPORTED": errors.LanguageUnsupportedError,
    "IMAGE_INVALID": errors.ImageError,
    "PROMPT_REFUSED": errors.PromptRefusedError,
    "FORMAT_UNAVAILABLE": errors.FormatUnavailableError,
    "ANSWER_TOO_LARGE": errors.AnswerTooLargeError,
    "FILE_TOO_LARGE": errors.FileTooLargeError,
    "FILE_DAMAGED": errors.FileDamagedError,
    "FILE_ELSEWHERE": errors.FileElsewhereError,
    "BATCH_NOT_FOUND": errors.BatchNotFoundError,
    "UPLOAD_NOT_FOUND": errors.UploadNotFoundError,
    "UPLOAD_OFFSET_WRONG": errors.UploadOffsetError,
    "UPLOAD_INCOMPLETE": errors.UploadIncompleteError,
    "DATASET_NOT_FOUND": errors.DatasetNotFoundError,
    "DATASET_VERSION_NOT_FOUND": errors.DatasetNotFoundError,
    "DATASET_INVALID": errors.DatasetInvalidError,
    "DATASET_NOT_READY": errors.DatasetNotReadyError,
    "CREDENTIALS_MISSING": errors.CredentialsMissingError,
    "CREDENTIALS_INVALID": errors.CredentialsInvalidError,
    "CREDENTIALS_EXPIRED": errors.CredentialsExpiredError,
    "PASSWORD_WRONG": errors.PasswordWrongError,
    "LOGIN_DELAYED": errors.LoginDelayedError,
    "SCOPE_MISSING": errors.ScopeMissingError,
    "QUOTA_EXCEEDED": errors.QuotaExceededError,
    "USER_NOT_FOUND": errors.UserNotFoundError,
    "USER_EXISTS": errors.UserExistsError,
    "LAST_ADMIN": errors.LastAdminError,
    "ACCESS_KEY_NOT_FOUND": errors.AccessKeyNotFoundError,
    "PROJECT_NOT_FOUND": errors.ProjectNotFoundError,
    "PROJECT_ROLE_MISSING": errors.ProjectRoleMissingError,
    "LAST_OWNER": errors.LastOwnerError,
    "TRAINING_RUN_NOT_FOUND": errors.TrainingRunNotFoundError,
    "TRAINING_UNSUPPORTED": errors.TrainingUnsupportedError,
    "TRAINING_STATE_WRONG": errors.TrainingStateError,
    "TRAINING_TOO_LARGE": errors.TrainingTooLargeError,
}
BY_CODE: Final[Mapping[grpc.StatusCode, type[errors.FunlandError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.PreconditionError,
    grpc.StatusCode.PERMISSION_DENIED: errors.DeniedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.LimitError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceededError,
    grpc.StatusCode.CANCELLED: errors.CallCancelledError,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.DATA_LOSS: errors.InternalError,
}


def error_from_call(call: grpc.RpcError, address: str) -> errors.FunlandError:
    """Makes the exception for a failed call to the server at `address`."""
    status = _status(call)
    if status is None:
        return _error_of_transport(call, address)
    info, bad_request, retry, request = ErrorInfo(), BadRequest(), RetryInfo(), RequestInfo()
    for detail in status.details:
        for target in (info, bad_request, retry, request):
            detail.Unpack(target)  # Does nothing when the types differ.
    reason = info.reason if info.domain == _DOMAIN else ""
    return _kind(reason, call.code())(
        status.message,
        reason=reason,
        code=call.code(),
        metadata=info.metadata,
        field_violations=[
            FieldViolation(field=violation.field, description=violation.description)
            for violation in bad_request.field_violations
        ],
        retry_delay=retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
        request_id=request.request_id,
    )


def error_from_wire(error: Error) -> errors.FunlandError:
    """Makes the exception for an error that is part of an answer."""
    code = getattr(grpc.StatusCode, error.code, grpc.StatusCode.UNKNOWN)
    reason = ErrorReason.Name(error.reason) if error.reason in ErrorReason.values() else ""
    return _kind(reason, code)(
        error.message,
        reason=reason,
        code=code,
        metadata=error.metadata,
        field_violations=error.field_violations,
        retry_delay=error.retry_delay.ToTimedelta() if error.HasField("retry_delay") else None,
        request_id=error.request_id,
    )


def _kind(reason: str, code: grpc.StatusCode) -> type[errors.FunlandError]:
    return BY_REASON.get(reason) or BY_CODE.get(code, errors.FunlandError)


def _status(call: grpc.RpcError) -> Status | None:
    trailers = cast("Iterable[tuple[str, str | bytes]]", call.trailing_metadata() or ())
    details = dict(trailers).get(_DETAILS_KEY)
    try:
        return Status.FromString(details) if isinstance(details, bytes) else None
    except DecodeError:  # A proxy's trailer, not Funland's.
        return None


def _error_of_transport(call: grpc.RpcError, address: str) -> errors.FunlandError:
    """An error that gRPC itself made: no server of Funland had a word in it."""
    code, details = call.code(), call.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE:
        return errors.ServerUnreachableError(
            f"The server at {address} can't be reached: {details}",
            reason="SERVER_UNREACHABLE",
            code=code,
            metadata={"address": address},
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceededError(
            "The timeout passed before the answer was complete.",
            reason="DEADLINE_PASSED",
            code=code,
        )
    if _ended_amid_sending(call):
        return errors.StreamBrokenError("The call ended while something was sent.", code=code)
    return _kind("", code)(details or code.name, code=code)


def _ended_amid_sending(call: grpc.RpcError) -> bool:
    """grpc.aio tells of that as of a defect, in place of why the call has ended."""
    told = (call.debug_error_string() if isinstance(call, grpc.aio.AioRpcError) else "") or ""
    return told.startswith('Failed "execute_batch"') and "SendMessageOperation" in told
