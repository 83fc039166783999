"""What is sent to another machine for a worker: the files by digest, and nothing of this one's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from funland.v1.models_pb2 import LoadSettings, Model
from funland_server.nodes.remote.files import pack
from funland_server.workers.spec import PrefixSpill, WorkerSpec


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def test_all_files_go_by_their_digests(tmp_path: Path) -> None:
    model, draft, adapter = tmp_path / "m" / "model.gguf", tmp_path / "d.gguf", tmp_path / "a.gguf"
    digests = {path: write(path, path.name) for path in (model, draft, adapter)}
    spec = WorkerSpec(
        "m", model, LoadSettings(slots=3), 512, digests={model: digests[model], draft: ""},
        adapters={"x": adapter}, draft_model_path=draft, node_id="n",
    )  # fmt: skip

    parcel = pack(spec, "token")

    names = {name: file.sha256 for name, file in parcel.launch.files.items()}
    assert names == {
        "model/model.gguf": digests[model],
        "draft/d.gguf": digests[draft],
        "adapters/x.gguf": digests[adapter],
    }
    assert parcel.launch.files["model/model.gguf"].size_bytes == len("model.gguf")
    assert parcel.paths == {sha256: path for path, sha256 in digests.items()}
    launch = parcel.launch.launch
    assert (launch.model_path, launch.draft_model_path, launch.adapters["x"]) == (
        "model/model.gguf", "draft/d.gguf", "adapters/x.gguf",
    )  # fmt: skip
    assert (launch.token, launch.settings.slots) == ("token", 3)


def test_a_model_of_several_files_goes_whole(tmp_path: Path) -> None:
    parts = [tmp_path / f"model-0000{number}-of-00002.gguf" for number in (1, 2)]
    digests = {path: write(path, path.name) for path in parts}
    write(tmp_path / "model.json", "{}")

    parcel = pack(WorkerSpec("m", parts[0], LoadSettings(), 512, digests=digests), "token")

    assert set(parcel.launch.files) == {f"model/{path.name}" for path in parts}
    assert parcel.launch.launch.model_path == f"model/{parts[0].name}"


def test_a_folder_goes_whole_and_the_same_file_once(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for name in ("a.bin", "b.bin"):
        write(folder / name, "same")

    parcel = pack(WorkerSpec("m", folder, LoadSettings(), 512, format=Model.OPENVINO_IR), "token")

    assert set(parcel.launch.files) == {"model/a.bin", "model/b.bin"}
    assert parcel.launch.launch.model_path == "model"
    assert parcel.size_bytes == len("same")


def test_nothing_of_this_machine_is_told(tmp_path: Path) -> None:
    model = tmp_path / "secret-place" / "model.gguf"
    write(model, "m")
    spec = WorkerSpec(
        "m", model, LoadSettings(), 512,
        prefix_spill=PrefixSpill(tmp_path / "secret-place", 7, b"secret-key"),
        conversion_folder=tmp_path / "secret-place", compile_folder=tmp_path / "secret-place",
    )  # fmt: skip

    told = pack(spec, "token").launch.SerializeToString()

    assert b"secret" not in told
