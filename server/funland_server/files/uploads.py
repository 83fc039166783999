"""What a caller says of a file while it sends it."""

from __future__ import annotations

from typing import Final

from funland.v1.files_pb2 import UploadFileRequest
from funland_server.errors import FieldInvalidError, Violation

_SAID: Final = ("name", "purpose", "media_type", "retention_seconds", "sha256")


def joined(said: UploadFileRequest, request: UploadFileRequest) -> UploadFileRequest:
    """What is said of a file once a further message came, without its data; raises
    FieldInvalidError if it was said otherwise before."""
    both = UploadFileRequest()
    for name in _SAID:
        before, now = getattr(said, name), getattr(request, name)
        if before and now and before != now:
            raise FieldInvalidError([Violation(name, "was said otherwise in a message before")])
        setattr(both, name, now or before)
    return both
