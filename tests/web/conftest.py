"""The page from a real gunicorn with the default bundle, in a real Chromium that is watched for missteps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Route, expect

from examples.local_server import local_server
from tests.web.browser import SMALL_PHONE, TOUCH, chromium, find_chromium
from tests.web.photos import file_of, picture, upload

# A request that fails or is refused is an error to the browser, and what some tests are about; and most tests
# do without the service worker, whose copies would get in their way.
EXPECTED = ("Failed to load resource", "Service Worker registration blocked by Playwright")
PATIENCE_MS = 60_000  # for machines that do much else meanwhile
ONE_WORKER = {"FRUITS_WORKERS": "1", "FRUITS_THREADS": "4"}


@dataclass
class Watched:
    """What went wrong, or out, in a browser: empty at the end of a good test."""

    origin: str
    missteps: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Note errors of scripts, violations of the policy, and requests to other hosts."""
        context.on("console", self._note)
        context.on("weberror", lambda error: self.missteps.append(str(error.error)))
        context.on("request", lambda request: self._note_request(request.url))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            self.missteps.append(message.text)

    def _note_request(self, url: str) -> None:
        if not url.startswith((self.origin + "/", "data:")):
            self.elsewhere.append(url)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = find_chromium()
    if path is None:
        pytest.skip("needs Chromium")
    return path


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with chromium(chromium_path, TOUCH) as running:
        yield running


@pytest.fixture(scope="session")
def site(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the product as it is; give its address."""
    folder = tmp_path_factory.mktemp("site")
    with local_server({**ONE_WORKER, "FRUITS_CACHE": str(folder)}, folder / "log") as base:
        yield base


@pytest.fixture
def serve_with(chromium_path: str, tmp_path: Path) -> Callable[..., Any]:
    """Serve the product with some settings changed: `with serve_with(FRUITS_...="...") as address`."""
    return lambda **settings: local_server(
        {**ONE_WORKER, "FRUITS_CACHE": str(tmp_path / "cache"), **settings}, tmp_path / "log"
    )


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open the page: `open_page(address, locale="fr-FR", ...)`; at the end nothing may have gone wrong."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def begin(address: str, **options: Any) -> Page:
        given = {**SMALL_PHONE, "locale": "en-GB", "service_workers": "block", "reduced_motion": "reduce"}
        context = browser.new_context(**{**given, **options})
        watched = Watched(address)
        watched.follow(context)
        opened.append((context, watched))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        page.locator("h1").wait_for()
        return page

    yield begin
    for context, _ in opened:
        context.close()
    assert [watched.missteps for _, watched in opened if watched.missteps] == []
    assert [watched.elsewhere for _, watched in opened if watched.elsewhere] == []


@pytest.fixture
def page(open_page: Callable[..., Page], site: str) -> Page:
    """The page on a small phone, in English."""
    return open_page(site)


@pytest.fixture(scope="session")
def fruit() -> dict[str, Any]:
    """A photo that the default bundle names."""
    return upload(file_of(picture("orange", 1)))


@pytest.fixture(scope="session")
def thing() -> dict[str, Any]:
    """A photo without a fruit."""
    return upload(file_of(picture("cup")))


@pytest.fixture
def holding() -> Iterator[Callable[[Page], None]]:
    """Keep photos from arriving until the test ends: the page goes on waiting."""
    held: list[Route] = []

    def hold(page: Page) -> None:
        page.route("**/identify?*", lambda route: held.append(route))

    yield hold
    for route in held:
        try:
            route.abort()
        except Error:
            continue  # its page is gone already
