"""The page that shows the description, in a real Chromium: whole, and nothing comes from elsewhere."""

import json
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Page


def description_page(open_page: Callable[..., Page], site: str) -> Page:
    page = open_page(site, viewport={"width": 1200, "height": 900})
    page.goto(f"{site}/docs")
    return page


def test_every_operation_is_shown(open_page: Callable[..., Page], site: str) -> None:
    page = description_page(open_page, site)
    page.get_by_role("heading", name="Fruits!").wait_for()
    with urlopen(f"{site}/openapi.json", timeout=60) as answer:
        described: dict[str, Any] = json.load(answer)["paths"]
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    # Long paths may be broken at zero-width spaces.
    assert sorted(path.replace("\u200b", "") for path in shown) == sorted(described)


def test_an_operation_can_be_tried(open_page: Callable[..., Page], site: str) -> None:
    page = description_page(open_page, site)
    operation = page.locator("#operations-service-isAlive")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table").wait_for()
    assert '"status": "ok"' in operation.locator(".live-responses-table").inner_text()
