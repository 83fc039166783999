"""Envoy's configuration: what `envoy/envoy.yaml` says, for other ports and with TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "envoy" / "envoy.yaml"
DESCRIPTORS: Final = ROOT / "envoy" / "contract.binpb"
_TLS: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


@dataclass(frozen=True, slots=True)
class Places:
    """Where Envoy listens, and who answers behind it, each as `HOST:PORT`."""

    listen: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:9901"
    server: str = "127.0.0.1:50051"
    gateway: str = "127.0.0.1:8000"
    certificate: Path | None = None
    """With its `key`: TLS."""
    key: Path | None = None


def configured(places: Places) -> dict[str, Any]:
    """The configuration for these places."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["admin"]["address"] = _address(places.admin)
    resources = config["static_resources"]
    (listener,) = resources["listeners"]
    listener["address"] = _address(places.listen)
    (chain,) = listener["filter_chains"]
    _transcoder(chain)["proto_descriptor"] = str(DESCRIPTORS)
    if places.certificate is not None and places.key is not None:
        chain["transport_socket"] = _tls(places.certificate, places.key)
    for cluster in resources["clusters"]:
        (endpoints,) = cluster["load_assignment"]["endpoints"]
        (endpoint,) = endpoints["lb_endpoints"]
        endpoint["endpoint"]["address"] = _address(getattr(places, cluster["name"]))
    return config


def services() -> list[str]:
    """The services that `envoy/envoy.yaml` has transcoded."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    (listener,) = config["static_resources"]["listeners"]
    return _transcoder(listener["filter_chains"][0])["services"]


def _transcoder(chain: dict[str, Any]) -> dict[str, Any]:
    (manager,) = chain["filters"]
    filters = manager["typed_config"]["http_filters"]
    (found,) = (each for each in filters if each["name"].endswith("grpc_json_transcoder"))
    return found["typed_config"]


def _address(place: str) -> dict[str, Any]:
    host, _, port = place.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _tls(certificate: Path, key: Path) -> dict[str, Any]:
    chain = {
        "certificate_chain": {"filename": str(certificate)},
        "private_key": {"filename": str(key)},
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": _TLS,
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificates": [chain],
            },
        },
    }
