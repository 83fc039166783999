"""Pictures and sounds that are shown to models in chats."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from funland_client import Funland
from funland_server.models.installed.embedded import embedded_model
from tests import projectors
from tests.conftest import Stack
from tests.page.conftest import Tab
from tests.page.test_places import violations

MODEL = "seeing"
FRANCE, JAPAN = 3228, 3229
FILES = "Attached files"


def picture(colour: str, size: int = 48) -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def seeing(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model with a projector, among those of the service that tests share."""
    path = embedded_model().path
    folder = tmp_path_factory.mktemp("seeing")
    projector = projectors.write_naming(folder / "mmproj-f32.gguf", path, FRANCE, JAPAN)
    with Funland(stack.grpc_address) as client:
        client.models.import_file(path, MODEL, projector=projector)
        yield MODEL
        client.models.delete(MODEL)


BRING = """
([kind, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], `${kind}.png`, { type: "image/png" }));
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".composer textarea").dispatchEvent(event);
}
"""


def test_pictures_are_attached_and_shown(tab: Tab, seeing: str, tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    red.write_bytes(picture("red"))
    with Funland(tab.grpc) as client:
        session = client.sessions.create(model=seeing, max_tokens=4)
        tab.go(f"chat/{session.session_id}")
        with tab.page.expect_file_chooser() as chooser:
            tab.page.get_by_role("button", name="Attach pictures or sounds", exact=True).click()
        chooser.value.set_files(red)
        attached = tab.page.get_by_role("list", name=FILES, exact=True).get_by_role("listitem")
        expect(attached).to_have_text(["red.png"])
        for kind in ("paste", "drop"):
            tab.page.evaluate(BRING, [kind, list(picture("blue"))])
        expect(attached).to_have_text(["red.png", "paste.png", "drop.png"])
        assert violations(tab) == []
        tab.page.get_by_role("button", name="Remove drop.png", exact=True).click()
        expect(attached).to_have_text(["red.png", "paste.png"])
        tab.page.get_by_label("Write a message").fill("What are these?")
        tab.page.get_by_label("Write a message").press("Enter")

        expect(tab.page.locator(".took")).to_be_visible()
        shown = tab.page.get_by_role("img", name="A picture that was shown", exact=True)
        expect(shown).to_have_count(2)
        width = "(each) => each.decode().then(() => each.naturalWidth)"
        assert shown.first.evaluate(width) == 48
        expect(attached).to_have_count(0)
        said = client.sessions.messages(session.session_id)[0].message
    assert [each.image.data for each in said.parts[:2]] == [picture("red"), picture("blue")]
    assert said.parts[2].text == "What are these?"


def test_large_pictures_are_kept_as_files(tab: Tab, seeing: str, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.effect_noise((1600, 1500), 90).save(noise, "PNG")
    assert noise.stat().st_size > 2 << 20
    with Funland(tab.grpc) as client:
        session = client.sessions.create(model=seeing, max_tokens=4)
        tab.go(f"chat/{session.session_id}")
        tab.page.get_by_label(FILES, exact=True).set_input_files(noise)
        tab.page.get_by_label("Write a message").fill("What is it?")
        tab.page.get_by_label("Write a message").press("Enter")

        shown = tab.page.get_by_role("img", name="A picture that was shown", exact=True)
        expect(shown).to_be_visible()
        width = "(each) => each.decode().then(() => each.naturalWidth)"
        assert shown.evaluate(width) == 1600
        said = client.sessions.messages(session.session_id)[0].message
    assert said.parts[0].image.file_id


def test_a_model_that_sees_nothing_is_told_of(tab: Tab, tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    red.write_bytes(picture("red"))
    tab.go("chat")
    expect(tab.page.get_by_role("option", name="funland-tiny", exact=True)).to_be_attached()

    tab.page.get_by_label(FILES, exact=True).set_input_files(red)
    expect(tab.page.get_by_role("alert")).to_contain_text("funland-tiny can't see pictures")

    red.rename(tmp_path / "red.txt")
    tab.page.get_by_label(FILES, exact=True).set_input_files(tmp_path / "red.txt")
    expect(tab.page.get_by_role("alert")).to_contain_text("neither a picture nor a sound")
