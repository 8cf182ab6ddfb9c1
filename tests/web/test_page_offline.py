"""Once visited, the page opens without a network; what needs one says so."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.web.steps import choose, identify

File = dict[str, Any]
# The paths of all that the service worker keeps.
PATHS = """(async () => {
    const found = [];
    for (const name of await caches.keys()) found.push(...await (await caches.open(name)).keys());
    return found.map(({ url }) => new URL(url).pathname);
})"""


def kept_paths(page: Page) -> list[str]:
    found: list[str] = page.evaluate(f"{PATHS}()")
    return found


@pytest.fixture
def installed(open_page: Callable[..., Page], site: str) -> Page:
    """The page with its service worker in charge."""
    page = open_page(site, service_workers="allow")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    return page


def test_the_page_opens_offline_and_says_what_it_cannot_do(installed: Page, fruit: File) -> None:
    name = identify(installed, fruit)["answer"]["name"]
    installed.context.set_offline(True)
    installed.goto(installed.url.partition("#")[0])
    expect(installed.locator("h1")).to_have_text("Which fruit is this?")
    # Chromium tells a new page that it is online, whatever Playwright has set before.
    installed.context.set_offline(False)
    installed.context.set_offline(True)
    expect(installed.locator("#screen").get_by_text("You are offline.")).to_be_visible()
    installed.get_by_role("link", name=name).click()
    expect(installed.locator("h1")).to_have_text(name)
    expect(installed.locator(".card").first).to_be_visible()


def test_a_photo_taken_offline_is_still_there_when_the_network_is_back(installed: Page, fruit: File) -> None:
    installed.context.set_offline(True)
    choose(installed, fruit)
    expect(installed.locator("h1")).to_have_text("You are offline")
    installed.context.set_offline(False)
    with installed.expect_response("**/identify?*") as answered:
        installed.get_by_role("button", name="Try again").click()
    expect(installed.locator("h1")).to_have_text(answered.value.json()["answer"]["name"])


def test_facts_seen_once_are_there_offline_until_they_are_forgotten(installed: Page, fruit: File) -> None:
    identify(installed, fruit)
    other = installed.locator(".choice").first
    name = other.evaluate("button => button.firstChild.data")
    other.click()
    expect(installed.locator("h1")).to_have_text(name)
    assert any(path.startswith("/fruits/") for path in kept_paths(installed))
    installed.get_by_role("link", name="Fruits!, home").click()
    installed.get_by_role("button", name="Forget them all").click()
    installed.wait_for_function(f"{PATHS}().then(all => !all.some(path => path.startsWith('/fruits')))")


def test_photos_and_answers_pass_the_service_worker_by(installed: Page, fruit: File) -> None:
    identify(installed, fruit)
    assert "/web/app.js" in kept_paths(installed)
    assert "/identify" not in kept_paths(installed)


def test_the_page_can_be_installed(site: str) -> None:
    with urlopen(f"{site}/manifest.webmanifest") as answer:
        assert answer.headers["Content-Type"] == "application/manifest+json"
        manifest = json.load(answer)
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/", "/", "standalone")
    purposes = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} < purposes
    for icon in manifest["icons"]:
        with urlopen(site + icon["src"]) as answer:
            data = answer.read()
            assert answer.headers["Content-Type"] == icon["type"]
        if side := re.match(r"(\d+)x", icon["sizes"]):
            # Width and height stand at bytes 16 to 23 of a PNG.
            assert data[16:24] == int(side[1]).to_bytes(4) * 2


def test_chromium_finds_nothing_missing_for_installing(installed: Page) -> None:
    session = installed.context.new_cdp_session(installed)
    assert session.send("Page.getAppManifest")["errors"] == []
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )
