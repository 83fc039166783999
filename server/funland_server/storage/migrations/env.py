"""Runs the revisions on the connection that `migrating` has opened, in its transaction."""

from __future__ import annotations

from typing import Any

import structlog
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo

logger = structlog.get_logger(__name__)


def _tell(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:
    if step.is_upgrade and not step.is_stamp:
        logger.info("database_migrated", revision=step.up_revision_id)


context.configure(connection=context.config.attributes["connection"], on_version_apply=_tell)
context.run_migrations()
