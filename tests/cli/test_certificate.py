"""`funland certificate`, and a service that would let anybody in."""

from __future__ import annotations

import datetime
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from funland_cli.certificate import self_signed

FUNLAND = str(Path(sys.executable).parent / "funland")


def test_the_service_does_not_start_where_only_the_gateway_is_guarded(
    tmp_path: Path,
) -> None:
    made, key = self_signed(["localhost"], datetime.timedelta(days=1))
    (tmp_path / "certificate.pem").write_bytes(made)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "funland.toml").write_text(
        f'[gateway]\nhost = "0.0.0.0"\nallowed_hosts = ["box.example"]\n'
        f'tls_certificate = "{tmp_path / "certificate.pem"}"\ntls_key = "{tmp_path / "key.pem"}"\n'
    )

    ended = subprocess.run(
        [FUNLAND, "serve", "--http-port", "0", "--home", str(tmp_path / "home")],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert ended.returncode == 2
    assert "server.accounts" in ended.stderr


def test_a_certificate_for_a_trial_is_its_users_alone_and_names_what_was_asked(
    tmp_path: Path,
) -> None:
    command = [FUNLAND, "certificate", "box.example", "192.0.2.7", "--folder", str(tmp_path)]

    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    for name in ("certificate.pem", "key.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert str(tmp_path / name) in made.stdout
    assert again.returncode == 1
    assert "is there already" in again.stderr
    read = x509.load_pem_x509_certificate((tmp_path / "certificate.pem").read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "box.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1", "::1", "192.0.2.7",
    ]  # fmt: skip
    assert not read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("name", ["", "a b", "-x", "bücher.example", "*", "a/b", "a..b"])
def test_what_is_no_name_gets_no_certificate(tmp_path: Path, name: str) -> None:
    command = [FUNLAND, "certificate", "--folder", str(tmp_path / "new"), "--", name]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2
    assert not (tmp_path / "new").exists()
