"""`funland certificate`: a certificate that nobody has signed but itself, for a trial."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from funland_cli.failures import CommandError, ExitCode
from funland_cli.general import Json, said_before
from funland_cli.output import Output

if TYPE_CHECKING:
    from cryptography import x509

EPILOG = """\b
Examples:
  funland certificate
  funland certificate box.example 192.0.2.7 --folder /etc/funland
"""

_ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
_LONGEST_NAME: Final = 253
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}|\.(?=[A-Za-z0-9]))*")


def certificate(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Host names and addresses beside localhost."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to write it.  [default: here]")
    ] = Path(),
    days: Annotated[
        int, typer.Option(metavar="DAYS", min=1, max=825, help="For how long it counts.")
    ] = 365,
    *,
    as_json: Json = False,
) -> None:
    """Make a certificate and its key for a trial of TLS."""
    told = list(dict.fromkeys((*_ALWAYS, *(names or ()))))
    made, key = self_signed(told, datetime.timedelta(days=days))
    places = folder / "certificate.pem", folder / "key.pem"
    for place in places:
        if place.exists():
            raise CommandError(f"{place} is there already; nothing is written.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, data in zip(places, (made, key), strict=True):
            with os.fdopen(
                os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb"
            ) as file:
                file.write(data)
    except OSError as error:
        raise CommandError(f"{error.filename} can't be written: {error.strerror}.") from error
    whole, secret = (str(place.resolve()) for place in places)
    output = Output(as_json or said_before(context).as_json)
    if output.as_json:
        output.event({"certificate": whole, "key": secret, "names": told})
        return
    output.line("For funland.toml, in [server] and in [gateway]:")
    output.line(f'tls_certificate = "{whole}"')
    output.line(f'tls_key = "{secret}"')
    output.line(f"For who calls: FUNLAND_CA={whole}")


def self_signed(names: list[str], lasts: datetime.timedelta) -> tuple[bytes, bytes]:
    """A certificate for names and addresses, and its key, in PEM. It may sign no others, so who
    trusts it trusts these names alone. Raises CommandError for what is no name."""
    from cryptography import x509  # noqa: PLC0415 - no other command needs it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415 - as above

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Funland")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _name(text: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415 - as in `self_signed`

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _HOST.fullmatch(text) or len(text) > _LONGEST_NAME:
        raise CommandError(
            f"{text!r} is no host name or address; write international names as xn--...",
            exit_code=ExitCode.USAGE,
        )
    return x509.DNSName(text)
