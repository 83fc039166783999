"""`funland keys`: what programs call with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from funland.v1.auth_pb2 import KeyLimits
from funland_cli import options
from funland_cli.account_names import KeyIds, key_id, user_id
from funland_cli.account_views import KEYS, end_of, limits_of, of_key
from funland_cli.documents import document
from funland_cli.units import seconds

EPILOG = """\b
Examples:
  funland keys create nightly --scope infer --expires 90d > nightly.key
  funland keys create dashboard --scope read:models --scope read:system
  funland keys revoke fl_3f2a

\b
A key is named by its id, or the beginning of it. Scopes are read, infer, manage and admin, each
alone for all services or with one of them, as in manage:tasks.
"""

app = typer.Typer(
    help="See, make and revoke the access keys of programs.", epilog=EPILOG, rich_markup_mode=None
)

Limit = int | None


@app.callback(invoke_without_command=True)
def keys(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, make and revoke access keys of programs; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_keys(context)


@app.command("list")
def list_keys(
    context: typer.Context,
    *,
    user: Annotated[str, typer.Option(metavar="USER", help="Only this user's.")] = "",
    ended: Annotated[
        bool, typer.Option("--all", "-a", help="Also those that are revoked or expired.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List one's access keys, the newest first; for an admin everybody's."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        whose = user_id(client, user) if user else ""
        found = client.auth.list_keys(user_id=whose, include_ended=ended)
    if session.output.as_json:
        session.output.document({"keys": [document(key) for key in found]})
        return
    session.output.table(KEYS, (of_key(key, datetime.now(UTC)) for key in found))


@app.command()
def create(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it is to allow; may be given again.  [default: what you may do]",
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="After how long it ends: 12h, 90d.  [default: never]"),
    ] = None,
    requests_per_minute: Annotated[
        Limit, typer.Option(metavar="N", min=1, help="How many calls may begin in a minute.")
    ] = None,
    tokens_per_minute: Annotated[
        Limit, typer.Option(metavar="N", min=1, help="How many tokens a minute may take.")
    ] = None,
    tokens_per_day: Annotated[
        Limit, typer.Option(metavar="N", min=1, help="How many tokens a day may take.")
    ] = None,
    concurrent_requests: Annotated[
        Limit, typer.Option(metavar="N", min=1, help="How many calls may be answered at once.")
    ] = None,
    user: Annotated[
        str, typer.Option(metavar="USER", help="Whose it is to be.  [default: yours]")
    ] = "",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Make an access key, and write its secret: it is never told again."""
    session = options.session(context, server, as_json)
    limits = KeyLimits(
        requests_per_minute=requests_per_minute or 0,
        tokens_per_minute=tokens_per_minute or 0,
        tokens_per_day=tokens_per_day or 0,
        concurrent_requests=concurrent_requests or 0,
    )
    end = None if expires is None else ending(expires, datetime.now(UTC))
    with session.client() as client:
        key = client.auth.create_key(
            name,
            scopes=scope or (),
            expire_time=end,
            limits=limits if limits.ByteSize() else None,
            user_id=user_id(client, user) if user else "",
        )
    if session.output.as_json:
        session.output.document(document(key))
        return
    # The secret stands alone on standard output, so that it can go where it belongs.
    session.output.line(key.secret)
    parts = [
        f"{key.key_id} may {', '.join(key.scopes)}",
        f"ends: {end_of(key, datetime.now(UTC))}",
        limits_of(key.limits),
    ]
    session.output.note("; ".join(part for part in parts if part) + ". It is told this once.")


@app.command()
def revoke(
    context: typer.Context,
    *,
    keys: KeyIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """End access keys: from then on they are refused."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in keys:
            key = client.auth.revoke_key(key_id(client, text))
            session.tell(key, f"Revoked {key.key_id}, {key.name}.")


@app.command("rotate-signing")
def rotate_signing(
    context: typer.Context,
    *,
    end_logins: Annotated[
        bool, typer.Option("--end-logins", help="End all logins at once, this one too.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Have the tokens of logins signed with a new key; access keys stay."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        client.auth.rotate_signing_key(revoke_tokens=end_logins)
    if session.output.as_json:
        session.output.event({"rotated": True, "logins_ended": end_logins})
    else:
        rest = (
            "All logins have ended." if end_logins else "Tokens that are out count until they end."
        )
        session.output.line(f"Tokens are signed with a new key. {rest}")


def ending(text: str, now: datetime) -> datetime:
    """When something ends that lasts so long from now on; what is no time is wrong usage."""
    lasts = seconds(text)
    if not 0 < lasts <= timedelta(days=36_500).total_seconds():
        raise typer.BadParameter(f"{text!r} is not a time such as 12h or 90d.")
    return now + timedelta(seconds=lasts)
