"""Each way of getting no answer has a screen of its own that says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.photos import file_of, picture, upload
from tests.web.steps import choose, identify, refuse, retell

File = dict[str, Any]


def test_a_photo_without_a_fruit_is_told_as_that(page: Page, thing: File) -> None:
    body = identify(page, thing)
    assert body["is_fruit"]["binary"] is False
    expect(page.locator("h1")).to_have_text("No fruit in sight")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator(".cautions")).to_be_visible()
    expect(page.get_by_role("button", name="Take a photo")).to_be_visible()
    page.get_by_role("link", name="Fruits!, home").click()
    expect(page.locator("h1")).to_have_text("Which fruit is this?")
    expect(page.get_by_role("heading", name="Your last answers")).to_have_count(0)


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("too_dark", "Too dark to tell"),
        ("blown_out", "Too bright to tell"),
        ("blurred", "Too blurred to tell"),
        ("tiny", "Too small to tell"),
        ("only_background", "Nothing to see"),
        ("something_new", "This photo does not show enough"),
    ],
)
def test_an_unusable_photo_is_told_with_the_services_own_advice(
    page: Page, thing: File, code: str, title: str
) -> None:
    def spoil(body: dict[str, Any]) -> None:
        body["photos"][0] |= {"usable": False, "advice": [{"code": code, "message": "Do it so."}]}

    retell(page, spoil)
    choose(page, thing)
    expect(page.locator("h1")).to_have_text(title)
    expect(page.get_by_text("Do it so.")).to_be_visible()
    expect(page.get_by_role("button", name="Take a photo")).to_be_visible()


def test_a_photo_taken_in_the_dark_is_told_as_that(page: Page) -> None:
    body = identify(page, upload(file_of(picture("orange", 1).point(lambda level: level // 20))))
    assert [advice["code"] for advice in body["photos"][0]["advice"]] == ["too_dark"]
    assert body["answer"]["rank"] == "unknown"
    expect(page.locator("h1")).to_have_text("Too dark to tell")
    expect(page.get_by_text(body["photos"][0]["advice"][0]["message"])).to_be_visible()


def test_a_file_that_is_no_photo_is_refused(page: Page) -> None:
    choose(page, upload(b"Dear Sir or Madam", "letter.jpg"))
    expect(page.locator("h1")).to_have_text("That is not a photo")
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()


def test_a_photo_that_ends_early_is_refused(page: Page) -> None:
    choose(page, upload(file_of(picture("orange", 1))[:300]))
    expect(page.locator("h1")).to_have_text("The photo is damaged")


def test_more_than_five_photos_are_refused_before_they_are_sent(page: Page, fruit: File) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    choose(page, *[fruit] * 6)
    expect(page.locator("h1")).to_have_text("Too many photos")
    assert "POST" not in sent


def test_a_photo_above_the_services_limit_is_refused(
    serve_with: Callable[..., Any], open_page: Callable[..., Page], fruit: File
) -> None:
    with serve_with(FRUITS_MAX_PHOTO_BYTES="1000") as address:
        page = open_page(address)
        choose(page, fruit)
        expect(page.locator("h1")).to_have_text("The photo is too large")
        page.goto("about:blank")


def test_a_file_that_no_service_would_take_is_not_even_sent(page: Page, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(25_000_000)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.locator("input[multiple]").set_input_files(film)
    expect(page.locator("h1")).to_have_text("The photo is too large")
    assert "POST" not in sent


def test_a_client_that_asks_too_often_is_told_how_long_to_wait(
    serve_with: Callable[..., Any], open_page: Callable[..., Page], fruit: File
) -> None:
    with serve_with(FRUITS_RATE_LIMIT="1/hour") as address:
        page = open_page(address)
        identify(page, fruit)
        page.get_by_role("button", name="Another fruit").click()
        choose(page, fruit)
        expect(page.locator("h1")).to_have_text("Many people are asking")
        expect(page.locator(".lead")).to_contain_text("in about 3")
        page.goto("about:blank")


@pytest.mark.parametrize(
    ("status", "code", "title"),
    [
        (503, "overloaded", "Many people are asking"),
        (503, "not_ready", "Not open yet"),
        (408, "body_too_slow", "The connection is too slow"),
        (500, "internal", "Something went wrong"),
    ],
)
def test_what_passes_can_be_tried_again_with_the_same_photo(
    page: Page, fruit: File, status: int, code: str, title: str
) -> None:
    refuse(page, status, code)
    choose(page, fruit)
    expect(page.locator("h1")).to_have_text(title)
    expect(page.locator("h1")).to_be_focused()
    page.unroute_all()
    with page.expect_response("**/identify?*") as answered:
        page.get_by_role("button", name="Try again").click()
    expect(page.locator("h1")).to_have_text(answered.value.json()["answer"]["name"])


def test_an_unexpected_failure_names_the_request(page: Page, fruit: File) -> None:
    refuse(page, 500, "internal")
    choose(page, fruit)
    expect(page.get_by_text("a1b2c3")).to_be_visible()


def test_a_connection_that_breaks_is_told_apart_from_being_offline(page: Page, fruit: File) -> None:
    page.route("**/identify?*", lambda route: route.abort("connectionreset"))
    choose(page, fruit)
    expect(page.locator("h1")).to_have_text("No answer")
