"""A service with accounts: who logs in, and what admins do there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from funland_client import Funland
from tests.conftest import Stack, running
from tests.page.conftest import Tab, open_tab
from tests.page.test_places import violations

HERS = "correct horse battery"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with accounts."""
    with running(tmp_path_factory.mktemp("home"), FUNLAND_SERVER__ACCOUNTS="true") as stack:
        yield stack


def log_in(page: Page, name: str, password: str) -> None:
    """Fills the form that is shown."""
    page.get_by_label("User", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    """Leaves; the form is there again."""
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_where_accounts_are_on_one_logs_in(context: BrowserContext, guarded: Stack) -> None:
    page = open_tab(context, guarded.http_url).page
    page.goto(f"{guarded.http_url}/#/keys")
    log_in(page, "admin", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("PASSWORD_WRONG")
    log_in(page, "admin", guarded.admin_password)

    page.get_by_role("button", name="New key", exact=True).click()
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Make the key", exact=True).click()
    expect(page.locator(".snippet").first).to_contain_text("fl_")
    page.reload()
    expect(page.get_by_role("cell", name="nightly")).to_be_visible()
    page.get_by_role("link", name="Chat", exact=True).click()
    page.get_by_label("Write a message").fill("What is the capital of France?")
    page.get_by_label("Write a message").press("Enter")
    expect(page.locator(".answer .prose")).to_contain_text("Paris")

    log_out(page)


def test_admins_make_users_and_say_what_they_may(context: BrowserContext, guarded: Stack) -> None:
    tab = open_tab(context, guarded.http_url)
    page = tab.page
    tab.go("users")
    log_in(page, "admin", guarded.admin_password)
    page.get_by_role("button", name="New user", exact=True).click()
    dialog = page.get_by_role("dialog", name="New user", exact=True)
    dialog.get_by_label("User name", exact=True).fill("ada")
    dialog.get_by_label("Password", exact=True).fill(HERS)
    dialog.get_by_label("Role", exact=True).select_option("VIEWER")
    assert violations(tab) == []
    dialog.get_by_role("button", name="Make the user", exact=True).click()
    row = page.get_by_role("row").filter(has_text="ada")
    expect(row).to_contain_text("Viewer")
    choose(page, "Change the role")
    page.get_by_label("Role of ada", exact=True).select_option("MEMBER")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("Member")
    page.get_by_role("link", name="ada", exact=True).click()
    page.get_by_role("button", name="New key", exact=True).click()
    page.get_by_label("Name", exact=True).fill("hers")
    page.get_by_role("button", name="Make the key", exact=True).click()
    expect(page.get_by_role("cell", name="hers")).to_be_visible()
    log_out(page)

    tab.go("projects")
    log_in(page, "ada", HERS)
    expect(page.get_by_role("link", name="Projects", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Users", exact=True)).to_have_count(0)
    page.get_by_role("button", name="New project", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Letters")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Letters", exact=True)).to_be_visible()
    page.get_by_label("User name", exact=True).fill("admin")
    page.get_by_role("button", name="Add", exact=True).first.click()
    expect(page.get_by_role("row").filter(has_text="admin")).to_contain_text("Editor")
    assert violations(tab) == []
    log_out(page)

    tab.go("users")
    log_in(page, "admin", guarded.admin_password)
    choose(page, "Disable")
    expect(row).to_contain_text("disabled")
    log_out(page)
    log_in(page, "ada", HERS)

    expect(page.get_by_role("alert")).to_contain_text("PASSWORD_WRONG")


def choose(page: Page, what: str) -> None:
    """Does something to ada."""
    page.get_by_role("button", name="More for ada", exact=True).click()
    page.get_by_role("menuitem", name=what, exact=True).click()


def test_an_own_password_is_changed(context: BrowserContext, guarded: Stack) -> None:
    with Funland(guarded.grpc_address) as client:
        client.auth.login("admin", guarded.admin_password, keep=False)
        client.auth.create_user("bea", password=HERS)
    tab: Tab = open_tab(context, guarded.http_url)
    tab.go("keys")
    log_in(tab.page, "bea", HERS)
    tab.page.get_by_label("Password that counts now", exact=True).fill("it is not this")
    tab.page.get_by_label("New password", exact=True).fill(f"{HERS} 2")
    tab.page.get_by_role("button", name="Change the password", exact=True).click()
    expect(tab.page.get_by_role("alert")).to_contain_text("PASSWORD_WRONG")

    tab.page.get_by_label("Password that counts now", exact=True).fill(HERS)
    tab.page.get_by_role("button", name="Change the password", exact=True).click()
    log_in(tab.page, "bea", f"{HERS} 2")

    expect(tab.page.get_by_label("New password", exact=True)).to_have_value("")
