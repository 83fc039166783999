"""What the server shows to prove who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from funland_server.errors import StartError


def server_credentials(certificate: Path, key: Path) -> grpc.ServerCredentials:
    """Those of two files in PEM; TLS 1.2 and 1.3 are spoken, as gRPC does by itself.

    Raises:
        StartError: They can't be read, or don't belong together. gRPC would only say so in its own
            log.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, _no_password)
        pair = key.read_bytes(), certificate.read_bytes()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise StartError(
            "server.tls_certificate and server.tls_key name no certificate in PEM with its key,"
            f" without a password: {error.strerror if isinstance(error, OSError) else error}."
        ) from error
    return grpc.ssl_server_credentials([pair])


def _no_password() -> str:
    """Without it, OpenSSL would ask the terminal."""
    raise ValueError("the key has a password")
