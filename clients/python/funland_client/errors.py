"""What can go wrong in a call, for programs to catch.

    FunlandError
    ├── InvalidRequestError           the request itself is wrong; the same one fails again
    │   ├── PromptTooLongError
    │   ├── ContextLengthError        a kept conversation is too long
    │   ├── TemplateError             the model's chat template refuses the messages
    │   ├── PluginInvalidError        no plugin, or its manifest says what none may
    │   ├── FileTooLargeError
    │   ├── FileDamagedError          what came is not what its hash says
    │   ├── TextUnspeakableError      the voice can't say a part of it, or there is nothing to say
    │   ├── SsmlError
    │   ├── AudioError                it can't be read as sound
    │   ├── LanguageUnsupportedError  the model does not know it, or does not translate
    │   ├── ImageError                it can't be read as a picture, or has too many pixels
    │   ├── PromptRefusedError        the settings don't allow a term of it
    │   └── ConstraintError           the format, or a tool, can't be compiled or is too complex
    ├── UnauthenticatedError          it is not known who calls
    │   ├── CredentialsMissingError
    │   ├── CredentialsInvalidError   not known, revoked, or its user may not call any more
    │   ├── CredentialsExpiredError
    │   ├── PasswordWrongError
    │   ├── KeyUnsafeError            it would leave the machine in the open: nothing was sent
    │   └── LoginsUnreadableError     the file of the logins that are kept here is none
    ├── NotFoundError
    │   ├── ModelNotFoundError
    │   ├── AdapterNotFoundError
    │   ├── VoiceNotFoundError
    │   ├── ResponseNotFoundError
    │   ├── DownloadNotFoundError
    │   ├── DeviceNotFoundError
    │   ├── SessionNotFoundError
    │   ├── MessageNotFoundError
    │   ├── DeploymentNotFoundError
    │   ├── NodeNotFoundError
    │   ├── TaskNotFoundError
    │   ├── PluginNotFoundError
    │   ├── KeptFileNotFoundError
    │   ├── BatchNotFoundError
    │   ├── UploadNotFoundError
    │   ├── DatasetNotFoundError      or not that version
    │   ├── UserNotFoundError
    │   ├── AccessKeyNotFoundError
    │   ├── ProjectNotFoundError
    │   ├── TrainingRunNotFoundError
    │   ├── HubModelNotFoundError     the hub has no such model, or shows it only to others
    │   └── VariantNotFoundError      the hub's model has no such quantization or file
    ├── AlreadyExistsError
    │   ├── ModelExistsError
    │   ├── DeploymentExistsError
    │   ├── PluginExistsError
    │   ├── UserExistsError
    │   ├── IdempotencyKeyError       it belongs to a task of other work
    │   └── AdapterExistsError
    ├── PreconditionError             the state of things, not the request, stands in the way
    │   ├── ModelCannotChatError
    │   ├── ModelCannotGenerateError
    │   ├── ModelCannotInfillError    it writes nothing between two texts
    │   ├── ModelCannotSeeError       it takes no pictures
    │   ├── ModelCannotHearError      it takes no sounds
    │   ├── ModelKindError            it is for something else: text, sound or pictures
    │   ├── FormatUnavailableError    what reads or writes it is not installed
    │   ├── ModelFileError            not a whole model, gone, or changed since its import
    │   ├── ModelLoadError
    │   ├── ModelBuiltInError
    │   ├── ModelPinnedError
    │   ├── ModelDeployedError
    │   ├── DeploymentNotRunningError
    │   ├── PortTakenError
    │   ├── TaskStateError            it has not failed and was not cancelled
    │   ├── PluginDisabledError
    │   ├── PluginBrokenError
    │   ├── PluginBundledError
    │   ├── PluginIsolationError      the system can't hold it back
    │   ├── FileElsewhereError        another server keeps it
    │   ├── UploadOffsetError         retryable, from where the upload is
    │   ├── UploadIncompleteError
    │   ├── DatasetInvalidError       what it is to be made of can't be read, or has no row
    │   ├── DatasetNotReadyError      it is being read, or has nothing to use
    │   ├── LastAdminError            nobody would be left who may manage users
    │   ├── LastOwnerError            nobody would own the project
    │   ├── TrainingUnsupportedError  the model can't be trained, or not so
    │   ├── TrainingStateError        the run has ended, or has not
    │   ├── AdapterFileError          not an adapter for the model
    │   ├── EngineError               not installed, or it can't do what the call asks for
    │   ├── ResponseNotInBackgroundError
    │   ├── DownloadStateError        has ended, or has not
    │   ├── DeviceUnavailableError    it is gone, or nothing computes on it
    │   ├── SettingFixedError         a flag or a variable has set it
    │   ├── ConfigurationChangedError since it was read
    │   ├── OfflineError              the server's settings forbid to ask a hub
    │   ├── HubAnswerError            it breaks the rules of its protocol, or of safety
    │   └── HubModelUnsupportedError  no engine that is installed can load it
    ├── DeniedError
    │   ├── HubAccessError            the hub gives the model only to whom it lets in
    │   ├── ScopeMissingError         the role or the key does not allow it
    │   ├── ProjectRoleMissingError
    │   ├── PluginDeniedError         it tried what it may not
    │   └── AddressNotAllowedError
    ├── LimitError                    the request asks for more than is allowed
    │   ├── ModelTooLargeError
    │   ├── TrainingTooLargeError
    │   ├── AnswerTooLargeError       ask for it as a stream, or as a task
    │   ├── StorageFullError          the server's disk has no room for what is to be kept
    │   ├── QueueFullError            retryable
    │   ├── LaneFullError             retryable
    │   ├── LoginDelayedError         too many passwords were wrong
    │   ├── QuotaExceededError        retryable: a limit of the key is reached
    │   ├── PluginLimitError          it took more than it may
    │   └── HubRateLimitedError       retryable
    ├── UnavailableError              retryable: the same call may succeed
    │   ├── WorkerLostError
    │   ├── ModelUnloadedError
    │   ├── ModelBackingOffError
    │   ├── ServerStoppingError
    │   ├── ServerUnreachableError
    │   ├── StorageUnavailableError   the server does not reach its database
    │   ├── HubUnreachableError
    │   ├── DownloadInterruptedError  the line or the hub failed too often
    │   ├── StreamBrokenError
    │   ├── SessionBusyError          it writes an answer, and refuses others meanwhile
    │   └── ClusterUnreachableError
    ├── DownloadError                 a download has ended without a model
    │   ├── DownloadCorruptError      a file is not what the hub says it is
    │   ├── DownloadSourceChangedError
    │   └── DownloadStoppedError      somebody paused, cancelled or deleted it
    ├── TaskError                     a task has ended without a result
    │   ├── TaskLostError             the server ended amid it, again and again
    │   └── TaskStoppedError          somebody cancelled or deleted it
    ├── BatchError                    a batch has ended before all its lines were answered
    │   ├── BatchFailedError          its file is wrong: nothing was answered
    │   └── BatchStoppedError         somebody cancelled it, or its time ran out
    ├── PluginFailedError             its code raised an error, or its output is not as it says
    ├── DeadlineExceededError
    │   └── TaskTimeoutError          the task had not ended at its deadline
    ├── CallCancelledError
    ├── InternalError                 a defect of Funland, or of the model:
    │   └── ModelOutputError          it computes what is not a number
    └── AnswerError                   the call went well, what the model said is of no use
        ├── AnswerCutOffError
        ├── AnswerInvalidError
        └── ToolRoundsError

A reason that this version does not know becomes the class of its status code, so that a newer
server's errors are caught where the older ones are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

import grpc

from funland.v1.batches_pb2 import Batch
from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import FieldViolation
from funland.v1.inference_pb2 import Message
from funland.v1.tasks_pb2 import Task


class FunlandError(Exception):
    """A call failed.

    `reason` is the name of a `funland.v1.ErrorReason`, or empty if what failed gave none; its
    comment tells which keys `metadata` has. `field_violations` names the wrong fields of the
    request. `retry_delay` is how long to wait before another try, None when waiting does not help.
    `request_id` finds the call in the server's log.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_delay: timedelta | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code
        self.metadata = dict(metadata or {})
        self.field_violations = tuple(field_violations)
        self.retry_delay = retry_delay
        self.request_id = request_id


class InvalidRequestError(FunlandError):
    """The request breaks a rule of the contract; `field_violations` names the fields."""


class PromptTooLongError(InvalidRequestError):
    """The prompt has more tokens than the model's context holds."""


class ContextLengthError(InvalidRequestError):
    """The session's conversation has more tokens than the model's context holds."""


class TemplateError(InvalidRequestError):
    """The model's chat template refuses these messages, or failed on them."""


class ConstraintError(InvalidRequestError):
    """The format, or the parameters of a tool, can't be compiled or are too complex."""


class PluginInvalidError(InvalidRequestError):
    """The path leads to no plugin, or its manifest says what none may."""


class FileTooLargeError(InvalidRequestError):
    """The file has more bytes than the server keeps; `metadata["limit_bytes"]` says how many."""


class FileDamagedError(InvalidRequestError):
    """What came is not what its SHA-256 says: it was damaged on its way, or has changed."""


class TextUnspeakableError(InvalidRequestError):
    """The voice can't say a part of the text, or there is nothing to say."""


class SsmlError(InvalidRequestError):
    """The text is no SSML, or has what is not supported."""


class AudioError(InvalidRequestError):
    """What was sent can't be read as sound."""


class LanguageUnsupportedError(InvalidRequestError):
    """The model does not know the language, or does not translate."""


class ImageError(InvalidRequestError):
    """What was sent can't be read as a picture, or has more pixels than it may."""


class PromptRefusedError(InvalidRequestError):
    """The server's settings don't allow a term of the prompt."""


class UnauthenticatedError(FunlandError):
    """It is not known who calls."""


class CredentialsMissingError(UnauthenticatedError):
    """The call needs an identity, and none was sent."""


class CredentialsInvalidError(UnauthenticatedError):
    """The token or key is not known, was revoked, or its user may not call any more."""


class CredentialsExpiredError(UnauthenticatedError):
    """The token or key counted until now."""


class PasswordWrongError(UnauthenticatedError):
    """The user name or the password is wrong."""


class KeyUnsafeError(UnauthenticatedError):
    """A key, a token or a password would leave this machine unencrypted: nothing was sent."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"Keys and passwords are not sent to {place}: the connection is not encrypted."
            f" Call grpcs://{place}, or name the server's certificate: ca=, --ca, FUNLAND_CA.",
            metadata={"address": place},
        )


class LoginsUnreadableError(UnauthenticatedError):
    """The file with the logins that are kept on this machine can't be read or written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"The logins in {path} can't be used: {why}.", metadata={"path": path})


class NotFoundError(FunlandError):
    """What the request names is not there."""


class ModelNotFoundError(NotFoundError):
    """No installed model has this name."""


class AdapterNotFoundError(NotFoundError):
    """The model has no adapter of this id."""


class VoiceNotFoundError(NotFoundError):
    """No voice has that id, or speaks that language."""


class ResponseNotFoundError(NotFoundError):
    """No stored response has this id."""


class DownloadNotFoundError(NotFoundError):
    """No download has this id."""


class DeviceNotFoundError(NotFoundError):
    """No device has this id."""


class SessionNotFoundError(NotFoundError):
    """No session has this id."""


class MessageNotFoundError(NotFoundError):
    """The session has no message of this id."""


class DeploymentNotFoundError(NotFoundError):
    """No deployment has this id or name."""


class NodeNotFoundError(NotFoundError):
    """No node has this id."""


class TaskNotFoundError(NotFoundError):
    """No task has this id."""


class PluginNotFoundError(NotFoundError):
    """No plugin of this id is installed."""


class KeptFileNotFoundError(NotFoundError):
    """The server keeps no file of this id."""


class BatchNotFoundError(NotFoundError):
    """No batch has this id."""


class UploadNotFoundError(NotFoundError):
    """No upload has that id; one of which nothing came for a day is forgotten."""


class DatasetNotFoundError(NotFoundError):
    """No dataset has that id, or it has no such version."""


class UserNotFoundError(NotFoundError):
    """No user has that id or name."""


class AccessKeyNotFoundError(NotFoundError):
    """The caller has no access key of that id."""


class ProjectNotFoundError(NotFoundError):
    """The caller has no project of that id."""


class TrainingRunNotFoundError(NotFoundError):
    """No training run has that id."""


class HubModelNotFoundError(NotFoundError):
    """The hub has no such model or revision, or shows it only to those whom it knows."""


class VariantNotFoundError(NotFoundError):
    """The hub's model has no such quantization, file or format."""


class AlreadyExistsError(FunlandError):
    """What the request makes is there already."""


class ModelExistsError(AlreadyExistsError):
    """An installed model has this id or alias already."""


class DeploymentExistsError(AlreadyExistsError):
    """The name belongs to another deployment or a model."""


class PluginExistsError(AlreadyExistsError):
    """A plugin of this id is installed already."""


class UserExistsError(AlreadyExistsError):
    """A user has the name."""


class IdempotencyKeyError(AlreadyExistsError):
    """The idempotency key belongs to a task of other work, `metadata["task_id"]`."""


class AdapterExistsError(AlreadyExistsError):
    """The model has an adapter of this id already."""


class PreconditionError(FunlandError):
    """The request is right, but the state of things does not allow it."""


class ModelCannotChatError(PreconditionError):
    """The model has no chat template: it can complete text but not chat."""


class ModelCannotGenerateError(PreconditionError):
    """The model writes no text: it is for embeddings or ranking."""


class ModelCannotInfillError(PreconditionError):
    """The model can't write what is between two texts."""


class ModelCannotSeeError(PreconditionError):
    """The model takes no pictures."""


class ModelCannotHearError(PreconditionError):
    """The model takes no sounds."""


class ModelKindError(PreconditionError):
    """The model is for something else than the call."""


class FormatUnavailableError(PreconditionError):
    """What reads or writes the format is not installed on the server."""


class ModelFileError(PreconditionError):
    """The model's file is not a whole model, is gone, or is not what was imported."""


class ModelLoadError(PreconditionError):
    """The engine could not load the model."""


class ModelBuiltInError(PreconditionError):
    """The model comes with Funland and can't be deleted."""


class ModelPinnedError(PreconditionError):
    """The model is held in memory; unpin it first."""


class ModelDeployedError(PreconditionError):
    """A deployment is made of the model; delete that first."""


class DeploymentNotRunningError(PreconditionError):
    """No process of the deployment answers."""


class PortTakenError(PreconditionError):
    """Another program, or another deployment, listens at the port."""


class TaskStateError(PreconditionError):
    """The task has not failed and was not cancelled, so that it can't be run once more."""


class PluginDisabledError(PreconditionError):
    """The plugin may not be executed; enable it first."""


class PluginBrokenError(PreconditionError):
    """The plugin's files are damaged, or its code can't be imported."""


class PluginBundledError(PreconditionError):
    """The plugin comes with Funland and can't be removed; disable it instead."""


class PluginIsolationError(PreconditionError):
    """The server's system has no means to keep the plugin from what it may not do."""


class FileElsewhereError(PreconditionError):
    """Another of the servers that share the database keeps the file."""


class UploadOffsetError(PreconditionError):
    """The bytes belong elsewhere: the upload goes on at `metadata["offset"]`."""

    retryable = True


class UploadIncompleteError(PreconditionError):
    """Bytes of the upload are missing, from `metadata["offset"]` on."""


class DatasetInvalidError(PreconditionError):
    """What the dataset is to be made of can't be read, or no row of it can be used."""


class DatasetNotReadyError(PreconditionError):
    """The dataset is being read, or has nothing that could be used."""


class LastAdminError(PreconditionError):
    """Nobody would be left who may manage users; make another admin first."""


class LastOwnerError(PreconditionError):
    """Nobody would own the project; make somebody else an owner first."""


class TrainingUnsupportedError(PreconditionError):
    """The model can't be trained, or not in this way there; the message says why."""


class TrainingStateError(PreconditionError):
    """The training run has ended, or has not, or its adapter is not there yet."""


class AdapterFileError(PreconditionError):
    """The file is not an adapter for this model."""


class EngineError(PreconditionError):
    """The engine is not installed, lacks the device, or can't do what the call asks for."""


class ResponseNotInBackgroundError(PreconditionError):
    """The response is not made in the background: only its own call can end it."""


class DeviceUnavailableError(PreconditionError):
    """The device is gone, its driver fails, or no engine that is installed computes on it."""


class SettingFixedError(PreconditionError):
    """A flag or a variable has set it, which goes before the settings file."""


class ConfigurationChangedError(PreconditionError):
    """The configuration has changed since it was read."""


class DownloadStateError(PreconditionError):
    """The download has ended, or has not, so that this can't be done with it."""


class OfflineError(PreconditionError):
    """The server's settings forbid to ask a hub for anything."""


class HubAnswerError(PreconditionError):
    """The hub's answer breaks the rules of its protocol, or of safety; nothing of it was used."""


class HubModelUnsupportedError(PreconditionError):
    """No engine that is installed can load anything of the hub's model."""


class DeniedError(FunlandError):
    """What the request asks for is not given to everybody."""


class HubAccessError(DeniedError):
    """The hub gives the model only to whom it lets in: by a license, or a token in the settings."""


class ScopeMissingError(DeniedError):
    """The caller's role, or the key, does not allow it: it needs `metadata["scope"]`."""


class ProjectRoleMissingError(DeniedError):
    """The caller's role in the project does not suffice; its owners give another."""


class PluginDeniedError(DeniedError):
    """The plugin tried what it may not, `metadata["permission"]`."""


class AddressNotAllowedError(DeniedError):
    """A URL leads to an address that the server does not call."""


class LimitError(FunlandError):
    """The request asks for more time, memory or room than is allowed."""


class ModelTooLargeError(LimitError):
    """The memory has no room for the model, even when all that is idle is unloaded."""


class AnswerTooLargeError(LimitError):
    """The answer would be larger than one may be: ask for it as a stream, or as a task."""


class TrainingTooLargeError(LimitError):
    """The training run needs more memory than there is; the message has both figures."""


class StorageFullError(LimitError):
    """The server's disk has no room for what is to be kept."""


class LoginDelayedError(LimitError):
    """Too many passwords were wrong; `retry_delay` says when the next is looked at."""


class QuotaExceededError(LimitError):
    """A limit of the key is reached, `metadata["limit"]`; `retry_delay` says when to try."""

    retryable = True


class QueueFullError(LimitError):
    """As many calls wait for the model as are allowed; `retry_delay` says when to try."""

    retryable = True


class LaneFullError(LimitError):
    """As many tasks of the lane wait as may; `retry_delay` says when to try."""

    retryable = True


class PluginLimitError(LimitError):
    """The plugin took more of `metadata["limit"]` than it may, and was stopped."""


class HubRateLimitedError(LimitError):
    """The hub takes no more calls for a while; `retry_delay` says how long."""

    retryable = True


class UnavailableError(FunlandError):
    """The call could not be answered now; the same call may succeed."""

    retryable = True


class WorkerLostError(UnavailableError):
    """The process that held the model ended during the call; the next call starts another."""


class ModelUnloadedError(UnavailableError):
    """The model was unloaded during the call; the next call loads it."""


class ModelBackingOffError(UnavailableError):
    """The model's process was lost again and again; `retry_delay` says when it is started anew."""


class ServerStoppingError(UnavailableError):
    """The server ends the calls it has and takes no others."""


class ServerUnreachableError(UnavailableError):
    """Nothing answers at the server's address, `metadata["address"]`."""


class StorageUnavailableError(UnavailableError):
    """The server does not reach its database for now."""


class HubUnreachableError(UnavailableError):
    """The hub can't be reached, or fails for now."""


class DownloadInterruptedError(UnavailableError):
    """The line or the hub failed too often; `downloads.retry` goes on where it was."""


class StreamBrokenError(UnavailableError):
    """The stream ended before its answer was complete."""


class SessionBusyError(UnavailableError):
    """The session writes an answer and refuses other calls meanwhile."""


class ClusterUnreachableError(UnavailableError):
    """The cluster that holds models on other machines does not answer."""


class DownloadError(FunlandError):
    """A download has ended without a model."""


class DownloadCorruptError(DownloadError):
    """A file does not have the SHA-256 or size that the hub tells, however often it is fetched."""


class DownloadSourceChangedError(DownloadError):
    """The file on the hub changes again and again while it is fetched."""


class DownloadStoppedError(DownloadError):
    """Somebody paused, cancelled or deleted it; `download` is how it was then, None if deleted."""

    def __init__(self, message: str, download: Download | None) -> None:
        super().__init__(message)
        self.download = download


class TaskError(FunlandError):
    """A task has ended without a result."""


class TaskLostError(TaskError):
    """The server ended amid the task, again and again."""


class TaskStoppedError(TaskError):
    """Somebody cancelled or deleted it; `task` is how it was then, None if deleted."""

    def __init__(self, message: str, task: Task | None) -> None:
        super().__init__(message)
        self.task = task


class BatchError(FunlandError):
    """A batch has ended before all its lines were answered; `batch` is how it is."""

    def __init__(self, message: str, batch: Batch) -> None:
        super().__init__(message)
        self.batch = batch


class BatchFailedError(BatchError):
    """Nothing of the batch was answered: `batch.errors` says what is wrong with its file."""


class BatchStoppedError(BatchError):
    """Somebody cancelled it, or its time ran out; what was answered can be read all the same."""


class PluginFailedError(FunlandError):
    """The plugin's code raised an error, or its output breaks its schema."""


class DeadlineExceededError(FunlandError):
    """The client's timeout passed before the answer was complete."""


class TaskTimeoutError(DeadlineExceededError):
    """The task had not ended at its deadline."""


class CallCancelledError(FunlandError):
    """The call was cancelled, by this side or because it did not read for too long."""


class InternalError(FunlandError):
    """A defect of Funland; `metadata["error_id"]` finds it in the server's log."""


class ModelOutputError(InternalError):
    """The model computed what is not a number: its file is damaged or badly quantized."""


class AnswerError(FunlandError):
    """The call went well, but what the model said can't be used; `text` is what it said."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class AnswerCutOffError(AnswerError):
    """`max_tokens`, or the model's context, ended the answer before it was whole."""


class AnswerInvalidError(AnswerError):
    """The answer is not what its class asks for; `__cause__` is pydantic's ValidationError."""


class ToolRoundsError(AnswerError):
    """The model went on to call functions; `messages` is the conversation."""

    def __init__(self, message: str, messages: Sequence[Message]) -> None:
        super().__init__(message, messages[-1].content)
        self.messages = tuple(messages)
