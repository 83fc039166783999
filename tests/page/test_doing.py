"""What the pages do, with the models that come with Funland."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from funland.v1.training_pb2 import Hyperparameters, SubmitTrainingRequest
from funland_client import Funland
from tests.page.conftest import WAIT_MS, Tab
from tests.page.test_places import violations


def test_a_model_is_estimated_loaded_and_unloaded(tab: Tab) -> None:
    tab.go("models")
    row = tab.page.get_by_role("row", name="funland-sketch")
    row.get_by_role("button", name="More for funland-sketch").click()
    tab.page.get_by_role("menuitem", name="Estimate and load").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("fits")
    dialog.get_by_role("button", name="Load").click()
    expect(row).to_contain_text("in memory")

    row.get_by_role("button", name="Unload").click()

    expect(row).to_contain_text("not loaded")


def test_pictures_come(tab: Tab) -> None:
    tab.go("pictures")
    tab.page.get_by_label("What is to be seen").fill("a red circle on a blue background")
    tab.page.get_by_label("Steps").fill("2")
    tab.page.get_by_label("Pictures", exact=True).fill("2")
    tab.page.get_by_role("button", name="Paint").click()

    expect(tab.page.locator(".gallery img")).to_have_count(2)
    width = "(each) => each.decode().then(() => each.naturalWidth)"
    assert tab.page.locator(".gallery img").first.evaluate(width) == 64


def test_what_is_marked_is_painted_anew(tab: Tab, tmp_path: Path) -> None:
    source = tmp_path / "green.png"
    Image.new("RGB", (64, 64), "green").save(source)
    tab.go("pictures")
    tab.page.get_by_label("What is to be seen").fill("a red circle on a blue background")
    tab.page.get_by_label("Steps").fill("2")
    tab.page.get_by_label("Begin with").set_input_files(source)
    canvas = tab.page.locator(".mask canvas")
    expect(canvas).to_have_js_property("width", 64)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] * 3 / 4)
    tab.page.mouse.up()
    expect(tab.page.get_by_role("button", name="Clear the marks", exact=True)).to_be_enabled()
    assert violations(tab) == []
    with tab.page.expect_request("**/images:stream") as asked:
        tab.page.get_by_role("button", name="Paint", exact=True).click()

    expect(tab.page.locator(".gallery img")).to_have_count(1)
    sent: dict[str, str] = json.loads(asked.value.post_data or "")
    mask = Image.open(io.BytesIO(base64.b64decode(sent["mask"])))
    assert mask.size == (64, 64)
    assert mask.convert("L").getpixel((16, 32)) == 255
    assert mask.convert("L").getpixel((56, 32)) == 0


def test_what_is_spoken_is_heard(tab: Tab, tmp_path: Path) -> None:
    tab.go("speech")
    tab.page.get_by_label("Text").fill("Hello there. The kettle is on.")
    tab.page.get_by_role("button", name="Speak").click()
    expect(tab.page.locator("audio")).to_be_visible()
    with tab.page.expect_download() as saving:
        tab.page.get_by_role("button", name="Save").click()
    recording = tmp_path / "kettle.mp3"
    saving.value.save_as(recording)

    tab.page.get_by_label("Recording").set_input_files(recording)
    tab.page.get_by_role("button", name="Write down").click()

    expect(tab.page.locator(".transcript")).to_contain_text("kettle")


def test_a_run_begins_with_a_file_and_its_curve_grows(tab: Tab, tmp_path: Path) -> None:
    rows = tmp_path / "numbers.jsonl"
    rows.write_text("\n".join(json.dumps({"prompt": f"{n}", "completion": "x"}) for n in range(8)))
    tab.go("training")
    tab.page.get_by_role("button", name="New run").click()
    tab.page.get_by_label("New dataset").set_input_files(rows)
    tab.page.get_by_role("button", name="Add").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_label("Dataset", exact=True)).to_contain_text("numbers.jsonl")
    dialog.get_by_label("Most steps").fill("3")
    dialog.get_by_role("button", name="Start").click()

    expect(tab.page.locator(".state")).to_have_text("done", timeout=WAIT_MS)
    expect(tab.page.get_by_role("img", name="Loss")).to_be_visible()
    beside_another(tab)
    tab.page.get_by_role("link", name="Tasks").click()
    tab.page.get_by_role("button", name="Details").first.click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("funland-tiny")


def beside_another(tab: Tab) -> None:
    """The run with another that learned from the same, as the page compares them."""
    with Funland(tab.grpc) as client:
        first, *_ = client.training.list()  # the newest
        other = SubmitTrainingRequest(
            model_id=first.model_id,
            dataset_id=first.dataset_id,
            template_id=first.template_id,
            name="Other",
            hyperparameters=Hyperparameters(max_steps=2, rank=4),
        )
        client.training.submit(other)
    tab.go("training")
    tab.page.get_by_label(f"Compare {first.name}", exact=True).check()
    tab.page.get_by_label("Compare Other", exact=True).check()
    tab.page.get_by_role("button", name="Compare", exact=True).click()

    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Runs compared")
    expect(tab.page.locator(".state")).to_have_text(["done", "done"], timeout=WAIT_MS)
    expect(tab.page.get_by_role("row", name=re.compile("^Rank"))).to_contain_text("4")
    picture = tab.page.get_by_role("img", name=re.compile("^Loss: "))
    expect(picture).to_have_attribute("aria-label", re.compile(f"{first.name}.*Other"))
    assert violations(tab) == []


def test_the_log_comes_as_it_is_written(tab: Tab) -> None:
    tab.go("logs")
    log = tab.page.get_by_role("log")
    expect(log).to_contain_text("request")

    seen = log.locator(".log-line").count()
    tab.page.get_by_role("button", name="Read again").click()

    expect(log.locator(".log-line").nth(seen)).to_be_visible()
