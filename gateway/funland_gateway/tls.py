"""What the gateway shows to prove who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

from funland_gateway.config import GatewaySettings


class CertificateUnusableError(Exception):
    """The files of the settings are no certificate with its key."""


def context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """TLS 1.2 and 1.3 with the certificate of the settings; None without one.

    Raises:
        CertificateUnusableError
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return _context(settings.tls_certificate, settings.tls_key)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(certificate, key, _no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise CertificateUnusableError(
            "gateway.tls_certificate and gateway.tls_key name no certificate in PEM with its key,"
            f" without a password: {error.strerror if isinstance(error, OSError) else error}."
        ) from error
    return made


def _no_password() -> str:
    """Without it, OpenSSL would ask the terminal."""
    raise ValueError("the key has a password")
