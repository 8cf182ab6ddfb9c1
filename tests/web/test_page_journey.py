"""From a photo to its answer and back, on a phone-sized screen, against the real service."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import DESK, LARGE_PHONE
from tests.web.photos import file_of, picture, upload
from tests.web.steps import choose, heading, identify, kept_answers, retell

File = dict[str, Any]


def test_a_photo_becomes_a_name_with_how_sure_it_is(page: Page, fruit: File) -> None:
    body = identify(page, fruit)
    assert heading(page) == body["answer"]["name"]
    assert page.title() == f"{body['answer']['name']} – Fruits!"
    meter = page.get_by_role("meter", name="How sure")
    assert meter.get_attribute("aria-valuenow") == str(round(100 * body["answer"]["score"]))
    words = {0.95: "Almost certain", 0.8: "Very likely", 0.5: "Likely", 0: "Possible"}
    expected = next(said for least, said in words.items() if body["answer"]["score"] >= least)
    assert str(meter.get_attribute("aria-valuetext")).startswith(expected)
    assert page.locator(".sure strong").inner_text() == expected
    assert page.locator(".photos img").evaluate("image => image.naturalWidth") == 640


def test_every_caution_stands_open_and_one_never_leaves_the_screen(page: Page, fruit: File) -> None:
    body = identify(page, fruit)
    for caution in body["fruit"]["cautions"]:
        expect(page.get_by_text(caution["text"])).to_be_visible()
    bar = page.locator(".caution-bar")
    for _ in range(5):
        expect(bar).to_be_in_viewport(ratio=1)
        page.mouse.wheel(0, 900)
    page.get_by_role("button", name="Read the cautions").click()
    expect(page.get_by_role("heading", name="Before you eat it")).to_be_focused()


def test_facts_are_cards_whose_sources_open_on_a_tap(page: Page, fruit: File) -> None:
    sheet = identify(page, fruit)["fruit"]
    titles = {
        "season": "Its season",
        "nutrition": "What is in it",
        "storage": "Keeping it",
        "ripening": "Ripening",
        "co2": "Carbon footprint",
        "diversity": "Where it comes from",
        "taxonomy": "Its scientific name",
    }
    for topic, title in titles.items():
        card = page.locator(".card", has=page.get_by_role("heading", name=title, exact=True))
        assert card.count() == (sheet[topic] is not None)
        if sheet[topic] is None:
            continue
        source = card.locator(".sources li").first
        expect(source).to_be_hidden()
        card.locator("summary").last.click()
        expect(source).to_be_visible()
    energy = sheet["nutrition"]["per_100_g"]["energy_kcal"]["value"]
    row = page.locator(".card dl > div", has_text="Energy").first
    assert row.locator("dd").inner_text() == f"{energy:.3g}\u00a0kcal"


def test_the_season_is_a_ring_of_months_with_the_present_one_marked(page: Page, fruit: File) -> None:
    months = identify(page, fruit)["fruit"]["season"]["months"]
    filled = page.locator(".ring .month").evaluate_all("all => all.map(m => m.classList.contains('in'))")
    assert [number for number, is_in in enumerate(filled, start=1) if is_in] == months
    marked = page.locator(".ring .month").evaluate_all("all => all.findIndex(m => m.querySelector('.now'))")
    assert marked + 1 == date.today().month  # noqa: DTZ011 - the browser's own day
    first = date(2026, months[0], 1).strftime("%B")
    assert first in str(page.locator(".ring").get_attribute("aria-label"))


@pytest.mark.parametrize(
    ("months", "said"),
    [
        ([1, 2, 3, 11, 12], "November to March"),
        ([5], "May"),
        ([1, 6, 7, 12], "June to July and December to January"),
        ([2, 4, 6], "February, April and June"),
        (list(range(1, 13)), "All year"),
    ],
)
def test_months_are_said_as_spans_over_the_turn_of_the_year(page: Page, months: list[int], said: str) -> None:
    spans = "months => import('/web/season.js').then(season => season.spans(months))"
    assert page.evaluate(spans, months) == said


def test_a_look_alike_can_be_chosen_and_the_choice_stays_on_the_device(page: Page, fruit: File) -> None:
    body = identify(page, fruit)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    other = page.locator(".choice").first
    name = other.evaluate("button => button.firstChild.data")
    other.click()
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("h1")).to_be_focused()
    assert f"The photo suggested {body['answer']['name']}" in page.locator(".note").inner_text()
    expect(page.locator(".card").first).to_be_visible()
    assert [line for line in sent if not line.startswith("GET ") or "/fruits/" not in line] == []
    assert kept_answers(page)[0]["choice"]["name"] == name
    page.reload()
    expect(page.locator("h1")).to_have_text(name)
    page.get_by_role("button", name="Go back to the photo’s answer").click()
    expect(page.locator("h1")).to_have_text(body["answer"]["name"])
    assert kept_answers(page)[0]["choice"] is None


def test_the_last_answers_are_kept_open_again_and_can_be_forgotten(page: Page, fruit: File) -> None:
    name = identify(page, fruit)["answer"]["name"]
    page.get_by_role("button", name="Another fruit").click()
    expect(page.get_by_role("heading", name="Your last answers")).to_be_visible()
    page.reload()
    page.get_by_role("link", name=name).click()
    expect(page.locator("h1")).to_have_text(name)
    expect(page.get_by_role("meter")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Forget them all").click()
    assert kept_answers(page) == []
    expect(page.get_by_role("heading", name="Your last answers")).to_have_count(0)
    page.get_by_role("button", name="Bring them back").click()
    assert [answer["body"]["answer"]["name"] for answer in kept_answers(page)] == [name]
    page.get_by_role("button", name="Forget them all").click()
    page.reload()
    assert page.get_by_role("link", name=name).count() == 0


def test_no_more_than_twelve_answers_are_kept(page: Page, fruit: File) -> None:
    identify(page, fruit)
    page.evaluate(
        """() => {
            const [one] = JSON.parse(localStorage.answers);
            const twelve = Array.from({length: 12}, (_, i) => ({...one, id: `x${i}`, at: i}));
            localStorage.answers = JSON.stringify(twelve);
        }"""
    )
    page.get_by_role("button", name="Another fruit").click()
    page.reload()
    assert page.locator(".tiles li").count() == 12
    identify(page, fruit)
    kept = kept_answers(page)
    assert (len(kept), kept[-1]["id"]) == (12, "x1")


def test_back_leaves_an_answer_and_forward_returns_to_it(page: Page, fruit: File) -> None:
    name = identify(page, fruit)["answer"]["name"]
    page.go_back()
    expect(page.locator("h1")).to_have_text("Which fruit is this?")
    expect(page.locator("h1")).to_be_focused()
    page.go_forward()
    expect(page.locator("h1")).to_have_text(name)


def test_a_second_photo_is_sent_together_with_the_first(page: Page, fruit: File) -> None:
    identify(page, fruit)
    with page.expect_response("**/identify?*") as answered, page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add another photo").click()
        chooser.value.set_files(fruit)
    assert len(answered.value.json()["photos"]) == 2
    expect(page.locator(".photos img")).to_have_count(2)


def test_several_photos_can_be_chosen_at_once(page: Page, fruit: File, thing: File) -> None:
    assert len(identify(page, fruit, fruit, thing)["photos"]) == 3
    expect(page.locator(".photos img")).to_have_count(3)


def test_progress_is_told_from_the_device_to_the_answer(page: Page, fruit: File) -> None:
    page.evaluate(
        """() => {
            window.told = [];
            const note = () => window.told.push(document.querySelector("h1")?.textContent);
            const everything = {subtree: true, childList: true, characterData: true};
            new MutationObserver(note).observe(document.getElementById("screen"), everything);
        }"""
    )
    name = identify(page, fruit)["answer"]["name"]
    told = list(dict.fromkeys(page.evaluate("window.told")))
    assert (told[0], told[-2:]) == ("Making the photo smaller", ["Looking closely", name])
    assert [line for line in told[1:-2] if not line.startswith("Sending: ")] == []


def test_the_wait_shows_the_photo_and_can_be_ended(
    page: Page, fruit: File, holding: Callable[[Page], None]
) -> None:
    holding(page)
    choose(page, fruit)
    expect(page.locator("h1")).to_have_text("Sending: 1%")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(".photos img")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1")).to_have_text("Which fruit is this?")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_or_pasted_on_a_desk(
    open_page: Callable[..., Page], site: str, fruit: File, way: str
) -> None:
    page = open_page(site, **DESK)
    with page.expect_response("**/identify?*") as answered:
        page.evaluate(
            """([bytes, way]) => {
                const given = new DataTransfer();
                given.items.add(new File([new Uint8Array(bytes)], "photo.jpg", {type: "image/jpeg"}));
                const drop = {dataTransfer: given, bubbles: true, cancelable: true};
                const paste = {clipboardData: given, bubbles: true};
                const event = way === "drop" ? new DragEvent(way, drop) : new ClipboardEvent(way, paste);
                document.dispatchEvent(event);
            }""",
            [list(fruit["buffer"]), way],
        )
    expect(page.locator("h1")).to_have_text(answered.value.json()["answer"]["name"])


def test_a_phone_opens_its_camera(open_page: Callable[..., Page], site: str) -> None:
    page = open_page(site, **LARGE_PHONE)
    expect(page.get_by_role("button", name="Take a photo")).to_be_visible()
    assert page.locator("input[capture=environment]").count() == 1


@pytest.mark.parametrize("rank", ["family", "unknown"])
def test_an_answer_that_is_no_fruit_yet_asks_the_person(page: Page, fruit: File, rank: str) -> None:
    def unsure(body: dict[str, Any]) -> None:
        family = body["fruit"]["look_alikes"]["family"]
        body["cautions"] = [c for c in body["fruit"]["cautions"] if c["id"] == "wild-plants"]
        body["answer"] = {"rank": rank, "id": None, "name": None, "score": 0.0}
        if rank == "family":
            body["answer"] |= {**family, "score": 0.93}
        body["results"] = [{**result, "score": 0.3} for result in body["results"]]
        body["fruit"] = None

    retell(page, unsure)
    choose(page, fruit)
    expect(page.locator("h1")).to_have_text(
        "Hard to say" if rank == "unknown" else "One of a family: Citrus fruit"
    )
    expect(page.locator(".cautions li").first).to_be_visible()
    assert len(kept_answers(page)) == (rank == "family")
    choice = page.locator(".choice").first
    name = choice.evaluate("button => button.firstChild.data")
    choice.click()
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator(".card").first).to_be_visible()
    assert kept_answers(page)[0]["choice"]["name"] == name


def test_what_the_service_says_is_shown_as_text_and_never_as_markup(page: Page, fruit: File) -> None:
    retell(page, lambda body: body["fruit"]["description"].update(text="<img src=x onerror=alert(1)>"))
    identify(page, fruit)
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


def test_a_large_photo_leaves_the_device_small(page: Page) -> None:
    body = identify(page, upload(file_of(picture("orange", 1).resize((4000, 3000)))))
    assert max(body["photos"][0]["width"], body["photos"][0]["height"]) == 1280
