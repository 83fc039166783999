"""Runs the revisions on the connection that `migrating` has opened, in its transaction."""

from __future__ import annotations

from typing import Any

import structlog
from alembic import context
from alembic.runtime.migration import MigrationInfo

logger = structlog.get_logger(__name__)


def _tell(*, step: MigrationInfo, **_more: Any) -> None:
    if step.is_upgrade and not step.is_stamp:
        for script in step.up_revisions:
            if script is not None:
                logger.info("database_migrated", revision=script.revision, what=script.doc)


context.configure(connection=context.config.attributes["connection"], on_version_apply=_tell)
context.run_migrations()
