"""Tells people of users, keys, projects and what was done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from funland.v1.auth_pb2 import AccessKey, AuditEvent, CurrentUser, KeyLimits, User
from funland.v1.projects_pb2 import Project, ProjectMember
from funland_cli.views import ago, word

USERS: Final = ("USER", "NAME", "ROLE", "EMAIL", "STATE", "LOGGED IN")
KEYS: Final = ("KEY", "NAME", "USER", "SCOPES", "USED", "ENDS")
PROJECTS: Final = ("PROJECT", "NAME", "STATUS", ">MEMBERS", "CHANGED")
MEMBERS: Final = ("NAME", "ROLE", "USER")
EVENTS: Final = ("WHEN", "USER", "KEY", "CALL", "END", "ABOUT", "FROM")
_LIMITS: Final = (
    *("requests_per_minute", "tokens_per_minute"),
    *("tokens_per_day", "concurrent_requests"),
)


def of_user(user: User, now: datetime) -> tuple[str, ...]:
    """A user in a list of them."""
    return (
        user.user_id,
        user.username,
        role_of(user),
        user.email,
        "active" if user.is_active else "inactive",
        ago(user.login_time, now) if user.HasField("login_time") else "never",
    )


def role_of(user: User) -> str:
    """What a user may do; empty for a later version's."""
    return word(User.Role, user.role)


def of_key(key: AccessKey, now: datetime) -> tuple[str, ...]:
    """A key in a list of them."""
    return (
        key.key_id,
        key.name,
        key.user_id,
        " ".join(key.scopes),
        ago(key.use_time, now) if key.HasField("use_time") else "never",
        end_of(key, now),
    )


def end_of(key: AccessKey, now: datetime) -> str:
    """When a key counts no longer, or since when."""
    if key.HasField("revoke_time"):
        return f"revoked {ago(key.revoke_time, now)}"
    if not key.HasField("expire_time"):
        return "never"
    end = key.expire_time.ToDatetime(tzinfo=UTC)
    return f"expired {ago(key.expire_time, now)}" if end <= now else _local(end)


def limits_of(limits: KeyLimits) -> str:
    """What a key's calls are limited to: `60 requests per minute`."""
    given = [(name, getattr(limits, name)) for name in _LIMITS]
    return ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in given if value)


def of_caller(who: CurrentUser, now: datetime) -> Iterator[tuple[str, str]]:
    """Who calls, by name; what is not known is empty."""
    user, key = who.user, who.key
    yield "user", user.username
    yield "id", user.user_id
    yield "email", user.email
    yield "role", role_of(user)
    yield "may", ", ".join(who.scopes)
    if who.HasField("key"):
        yield "key", f"{key.key_id} ({key.name})"
        yield "ends", end_of(key, now)
        yield "limits", limits_of(key.limits)


def of_project(project: Project, now: datetime) -> tuple[str, ...]:
    """A project in a list of them."""
    return (
        project.project_id,
        project.name,
        word(Project.Status, project.status),
        str(len(project.members)),
        ago(project.update_time, now),
    )


def all_of(project: Project, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a project, by name; what is not known is empty."""
    yield "project", project.project_id
    yield "number", str(project.number)
    yield "name", project.name
    yield "description", project.description
    yield "status", word(Project.Status, project.status)
    yield "made", ago(project.create_time, now)
    yield "changed", ago(project.update_time, now)
    for member in project.members:
        yield word(ProjectMember.Role, member.role), member.username


def of_member(member: ProjectMember) -> tuple[str, ...]:
    """A member in a list of them."""
    return member.username, word(ProjectMember.Role, member.role), member.user_id


def of_event(event: AuditEvent) -> tuple[str, ...]:
    """What was done, in a list of it."""
    return (
        _local(event.time.ToDatetime(tzinfo=UTC), seconds=True),
        event.user_id,
        event.key_id,
        event.rpc,
        event.reason or event.code,
        event.subject,
        event.address,
    )


def _local(time: datetime, *, seconds: bool = False) -> str:
    """A time of this machine's zone: `2026-11-29 14:05`."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
