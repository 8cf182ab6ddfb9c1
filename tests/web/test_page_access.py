"""For everybody: axe on every screen in light and dark, keyboard alone, large text, still pictures."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.browser import DESK
from tests.web.steps import choose, identify, refuse, retell

File = dict[str, Any]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
REFUSALS = {
    "busy": (429, "rate_limited"),
    "not ready": (503, "not_ready"),
    "too large": (413, "upload_too_large"),
    "no photo": (415, "not_an_image"),
    "broken": (422, "undecodable"),
    "too small": (422, "too_small"),
    "slow": (408, "body_too_slow"),
    "failed": (500, "internal"),
}


def violations(page: Page) -> list[str]:
    """Give what axe finds wrong with the present screen, and the places."""
    result = Axe().run(page, options={"runOnly": RULES}).response
    assert len(result["passes"]) > 10
    return [
        f"{rule['id']}: {node['html'][:150]} {node['any'][:1]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def shaded(request: pytest.FixtureRequest, open_page: Callable[..., Page], site: str) -> Page:
    """The page on a small phone, once light and once dark."""
    return open_page(site, color_scheme=request.param)


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('h1').style.color = '#eee'")
    assert any("color-contrast" in line for line in violations(page))


def test_home_and_answer_are_accessible(shaded: Page, fruit: File) -> None:
    assert violations(shaded) == []
    identify(shaded, fruit)
    assert violations(shaded) == []
    for summary in shaded.locator("summary").all():
        summary.click()
    assert violations(shaded) == []
    shaded.locator(".choice").first.click()
    expect(shaded.get_by_role("button", name="Go back to the photo’s answer")).to_be_visible()
    assert violations(shaded) == []
    shaded.get_by_role("link", name="Fruits!, home").click()
    assert violations(shaded) == []
    shaded.get_by_role("button", name="Forget them all").click()
    assert violations(shaded) == []
    shaded.get_by_role("link", name="What happens to a photo").click()
    assert violations(shaded) == []


def test_a_desk_is_accessible(open_page: Callable[..., Page], site: str, fruit: File) -> None:
    page = open_page(site, **DESK)
    assert violations(page) == []
    identify(page, fruit)
    assert violations(page) == []


def test_refusals_are_accessible(shaded: Page, fruit: File, thing: File) -> None:
    identify(shaded, thing)
    assert violations(shaded) == []
    for name, (status, code) in REFUSALS.items():
        shaded.unroute_all()
        shaded.goto(shaded.url.partition("#")[0])
        refuse(shaded, status, code)
        choose(shaded, fruit)
        shaded.locator(".trouble").wait_for()
        assert violations(shaded) == [], name


def test_unsure_and_unusable_answers_are_accessible(shaded: Page, fruit: File) -> None:
    def unsure(body: dict[str, Any]) -> None:
        body |= {"cautions": body["fruit"]["cautions"], "fruit": None}
        body["answer"] = {"rank": "unknown", "id": None, "name": None, "score": 0.0}

    def unusable(body: dict[str, Any]) -> None:
        unsure(body)
        body["photos"][0] |= {"usable": False, "advice": [{"code": "blurred", "message": "Hold still."}]}

    for change, title in ((unsure, "Hard to say"), (unusable, "Too blurred to tell")):
        shaded.unroute_all()
        retell(shaded, change)
        shaded.goto(shaded.url.partition("#")[0])
        choose(shaded, fruit)
        expect(shaded.locator("h1")).to_have_text(title)
        assert violations(shaded) == []


def test_waiting_and_being_offline_are_accessible(
    shaded: Page, fruit: File, holding: Callable[[Page], None]
) -> None:
    holding(shaded)
    choose(shaded, fruit)
    shaded.get_by_role("progressbar").wait_for()
    assert violations(shaded) == []
    shaded.get_by_role("button", name="Cancel").click()
    shaded.context.set_offline(True)
    expect(shaded.locator("#screen").get_by_text("You are offline.")).to_be_visible()
    assert violations(shaded) == []
    choose(shaded, fruit)
    expect(shaded.locator("h1")).to_have_text("You are offline")
    assert violations(shaded) == []


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus, which must be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and name in (focused.inner_text() or focused.get_attribute("aria-label") or ""):
            assert focused.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
            return
    pytest.fail(f"Tab never reached {name!r}")


def test_the_whole_journey_needs_no_mouse(page: Page, fruit: File) -> None:
    # Asked for beforehand: a key comes faster than Playwright gets hold of the system's window.
    page.on("filechooser", lambda _: None)
    tab_to(page, "Choose a photo")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    with page.expect_response("**/identify?*") as answered:
        chooser.value.set_files(fruit)
    name = answered.value.json()["answer"]["name"]
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("h1")).to_be_focused()
    other = page.locator(".choice").first.evaluate("button => button.firstChild.data")
    tab_to(page, other)
    page.keyboard.press("Space")
    expect(page.locator("h1")).to_have_text(other)
    expect(page.locator("h1")).to_be_focused()
    tab_to(page, "Go back to the photo’s answer")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(name)
    tab_to(page, "Sources")
    page.keyboard.press("Enter")
    expect(page.locator(".cautions .sources")).to_be_visible()
    tab_to(page, "Read the cautions")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Before you eat it")).to_be_focused()
    tab_to(page, "Fruits!")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Which fruit is this?")
    tab_to(page, "Forget them all")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("All answers are forgotten.")


def test_nothing_that_has_the_focus_hides_behind_the_bar(page: Page, fruit: File) -> None:
    identify(page, fruit)
    hidden = """() => {
        const one = document.activeElement, bar = document.querySelector('.caution-bar');
        if (one === document.body || bar.contains(one)) return false;
        return one.getBoundingClientRect().bottom > bar.getBoundingClientRect().top;
    }"""
    for _ in range(40):
        page.keyboard.press("Tab")
        assert page.evaluate(hidden) is False


def test_what_is_pressed_is_44_pixels_high_and_nothing_is_cut_off(page: Page, fruit: File) -> None:
    for step in ("home", "answer"):
        if step == "answer":
            identify(page, fruit)
        low = page.evaluate(
            """() => [...document.querySelectorAll('button, summary, a.brand, .tiles a, .more')]
            .filter(one => one.offsetParent && !one.matches('.link') && one.offsetHeight < 44)
            .map(one => one.outerHTML)"""
        )
        assert low == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_twice_the_text_size_still_fits_the_width(
    open_page: Callable[..., Page], site: str, fruit: File
) -> None:
    page = open_page(site, viewport={"width": 320, "height": 640})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    identify(page, fruit)
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_who_wants_no_motion_gets_none(open_page: Callable[..., Page], site: str) -> None:
    name = "getComputedStyle(document.body.appendChild(document.createElement('progress'))).animationName"
    assert open_page(site, reduced_motion="reduce").evaluate(name) == "none"
    assert open_page(site, reduced_motion="no-preference").evaluate(name) == "pass"
