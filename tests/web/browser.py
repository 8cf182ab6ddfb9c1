"""Debian's Chromium, driven by Playwright, as a phone or as a desk."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A finger, not a mouse: the page asks with media queries, which headless Chromium answers from these.
_POINTER = ("primaryHoverType=1", "availableHoverTypes=1", "primaryPointerType=2", "availablePointerTypes=2")
TOUCH = f"--blink-settings={','.join(_POINTER)}"
_PHONE: Mapping[str, Any] = {"is_mobile": True, "has_touch": True}
SMALL_PHONE: Mapping[str, Any] = {**_PHONE, "viewport": {"width": 360, "height": 640}}
LARGE_PHONE: Mapping[str, Any] = {**_PHONE, "viewport": {"width": 430, "height": 932}}
DESK: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 800}}


def find_chromium() -> str | None:
    """Find a Chromium by name; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium(path: str, *arguments: str) -> Iterator[Browser]:
    """Run a Chromium until the block ends."""
    # The browser's own sandbox cannot be set up by root.
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*as_root, *arguments])
        try:
            yield browser
        finally:
            browser.close()
