"""`funland projects`: what several users work on together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, cast, get_args

import typer

from funland_cli import options
from funland_cli.account_names import ProjectId, ProjectIds, project_id
from funland_cli.account_views import MEMBERS, PROJECTS, all_of, of_member, of_project
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_client.asynchronous.projects import MemberRole, ProjectStatus

EPILOG = """\b
Examples:
  funland projects create Bees --description "All that we know of them."
  funland projects members Bees-id --set ada=editor --remove bob
  funland projects edit 1 --status archived

\b
A project is named by its id, the beginning of it (`prj_` may be left out), or its number.
"""

app = typer.Typer(
    help="See and make projects, and say who works on them.", epilog=EPILOG, rich_markup_mode=None
)

Status = Annotated[ProjectStatus | None, typer.Option("--status", help="Where they stand.")]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What it is about.")]


@app.callback(invoke_without_command=True)
def projects(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See and make projects, and say who works on them; list them if nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_projects(context)


@app.command("list")
def list_projects(
    context: typer.Context,
    *,
    status: Status = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List one's projects, in the order in which they were made; for an admin all."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.projects.list(status=status)
    if session.output.as_json:
        session.output.document({"projects": [document(project) for project in found]})
        return
    session.output.table(PROJECTS, (of_project(project, datetime.now(UTC)) for project in found))


@app.command()
def create(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    description: Description = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Make a project, and write its id."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        project = client.projects.create(name, description=description or "")
    session.tell(project, project.project_id)


@app.command()
def show(
    context: typer.Context,
    *,
    project: ProjectId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a project, and who works on it."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.projects.get(project_id(client, project))
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(all_of(found, datetime.now(UTC)))


@app.command()
def edit(
    context: typer.Context,
    *,
    project: ProjectId,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Another name.")] = None,
    description: Description = None,
    status: Status = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Change a project's name, what it is about, or where it stands."""
    session = options.session(context, server, as_json)
    if name is None and description is None and status is None:
        raise CommandError(
            "Nothing is to be changed.",
            hint="Say what: --name, --description or --status",
            exit_code=ExitCode.USAGE,
        )
    with session.client() as client:
        changed = client.projects.update(
            project_id(client, project), name=name, description=description, status=status
        )
    session.tell(changed, f"Changed {changed.project_id}, {changed.name}.")


@app.command()
def delete(
    context: typer.Context,
    *,
    projects: ProjectIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove projects; their datasets and training runs stay, and belong to none."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in projects:
            deleted = project_id(client, text)
            client.projects.delete(deleted)
            if session.output.as_json:
                session.output.event({"deleted_project_id": deleted})
            else:
                session.output.line(f"Deleted {deleted}.")


@app.command()
def members(
    context: typer.Context,
    *,
    project: ProjectId,
    added: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="USER=ROLE",
            help="Make somebody an owner, editor or reader; may be given again.",
        ),
    ] = None,
    removed: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="USER", help="End a membership; may be given again."),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List who works on a project, and say who does from now on."""
    session = options.session(context, server, as_json)
    roles = [with_role(text) for text in added or ()]
    with session.client() as client:
        found = client.projects.get(project_id(client, project))
        for username, role in roles:
            found = client.projects.set_member(found.project_id, username, role)
        for username in removed or ():
            # Who ends their own membership does not see the project any more.
            found = client.projects.remove_member(found.project_id, username)
    if session.output.as_json:
        session.output.document({"members": [document(member) for member in found.members]})
        return
    session.output.table(MEMBERS, (of_member(member) for member in found.members))


def with_role(text: str) -> tuple[str, MemberRole]:
    """Reads `ada=editor`; anything else is wrong usage."""
    username, equals, role = text.rpartition("=")
    if not (username and equals) or role.lower() not in get_args(MemberRole):
        raise typer.BadParameter(
            f"{text!r} is not a user with a role, such as ada=editor; roles are"
            f" {', '.join(get_args(MemberRole))}.",
            param_hint="--set",
        )
    return username, cast("MemberRole", role.lower())
