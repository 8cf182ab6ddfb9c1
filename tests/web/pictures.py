"""Renders the page's icons from their SVG, and the README's pictures: `python -m tests.web.pictures`."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from examples.local_server import local_server
from tests.web.browser import LARGE_PHONE, TOUCH, chromium, find_chromium
from tests.web.photos import file_of, picture, upload
from tests.web.steps import identify

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "api" / "web"
SCREENSHOTS = ROOT / "docs" / "screenshots"
# File name: side in pixels, and whether the ground fills the square, for systems that cut their own shape.
ICONS = {
    "icon-180.png": (180, True),
    "icon-192.png": (192, False),
    "icon-512.png": (512, False),
    "icon-maskable-512.png": (512, True),
}
ROUNDING = ' rx="66"'
STYLE = "<style>body { margin: 0 } svg { display: block }</style>"
FACTS_FROM_PX = 1290  # how far the second screen of an answer is scrolled
ICON_COLOURS, SCREEN_COLOURS = 48, 160


def main() -> int:
    """Draw everything anew."""
    path = find_chromium()
    if path is None:
        print("Chromium is needed: apt-get install chromium", file=sys.stderr)
        return 1
    with chromium(path, TOUCH) as browser:
        draw_icons(browser)
        take_screenshots(browser)
    return 0


def draw_icons(browser: Browser) -> None:
    """Render each icon from the SVG."""
    svg = (WEB / "icon.svg").read_text(encoding="utf-8")
    assert ROUNDING in svg
    for name, (side, filled) in ICONS.items():
        page = browser.new_page(viewport={"width": side, "height": side})
        page.set_content(STYLE + (svg.replace(ROUNDING, "") if filled else svg))
        save(page, WEB / name, ICON_COLOURS)
        page.close()


def take_screenshots(browser: Browser) -> None:
    """Show a phone's answer: its name in light, its facts in dark."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    orange = upload(file_of(picture("orange", 1)))
    with tempfile.TemporaryDirectory() as folder, local_server({}, Path(folder) / "log") as address:
        for name, scheme, scroll in (("answer", "light", 0), ("facts", "dark", FACTS_FROM_PX)):
            options = {**LARGE_PHONE, "color_scheme": scheme, "locale": "en-GB", "device_scale_factor": 2}
            context = browser.new_context(**options)
            page = context.new_page()
            page.goto(address)
            identify(page, orange)
            page.evaluate("y => window.scrollTo(0, y)", scroll)
            save(page, SCREENSHOTS / f"phone-{name}.png", SCREEN_COLOURS)
            context.close()


def save(page: Page, path: Path, colours: int) -> None:
    """Write what a page shows as a small PNG of so many colours."""
    image = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
    # The better method cannot see through: it is for what has no clear corners.
    clear = image.mode == "RGBA" and image.getchannel("A").getextrema()[0] < 255
    method = Image.Quantize.FASTOCTREE if clear else Image.Quantize.MEDIANCUT
    (image if clear else image.convert("RGB")).quantize(colours, method).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
