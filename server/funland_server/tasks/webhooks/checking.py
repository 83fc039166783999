"""Looks at the webhook of a task before the task is kept."""

from __future__ import annotations

from collections.abc import Callable

from funland.v1.tasks_pb2 import Webhook
from funland_server.errors import FieldInvalidError, Violation
from funland_server.tasks.webhooks.signing import key_of


def check(webhook: Webhook, check_url: Callable[[str], None], *, has_default: bool) -> None:
    """Refuses what can be seen to lead nowhere; the addresses of its host are looked at when it is
    told. `check_url` is `Web.check`; `has_default` says whether the settings have a secret.

    Raises:
        FieldInvalidError: It has no secret, or one that is none.
        AddressNotAllowedError: Its URL is none, holds a password, or leads into this machine or
            site.
        OfflineError: Nothing is sent.
    """
    if not webhook.secret and not has_default:
        what = "is needed, since the setting server.webhook_secret is not set: a webhook is signed"
        raise FieldInvalidError([Violation("webhook.secret", what)])
    if webhook.secret and key_of(webhook.secret) is None:
        what = "must be whsec_ and 24 to 64 bytes in base64, padding included"
        raise FieldInvalidError([Violation("webhook.secret", what)])
    check_url(webhook.url)
