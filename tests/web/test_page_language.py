"""English and French are complete, follow the browser, and can be switched at any moment."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.steps import choose, identify, kept_answers, refuse, retell

File = dict[str, Any]
WEB = Path("api") / "web"


@pytest.fixture
def tables(page: Page) -> dict[str, dict[str, str]]:
    """The words of each language."""
    load = "code => import(`/web/words.${code}.js`).then(words => words.default)"
    return {code: page.evaluate(load, code) for code in ("en", "fr")}


def test_both_languages_say_the_same_things(tables: dict[str, dict[str, str]]) -> None:
    english, french = tables["en"], tables["fr"]
    assert english.keys() == french.keys()
    for key, sentence in english.items():
        assert sentence.strip(), key
        assert french[key].strip(), key
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", french[key])), key


def test_french_keeps_its_spaces_before_double_signs(tables: dict[str, dict[str, str]]) -> None:
    loose = [text for text in tables["fr"].values() if re.search(r"(?<![\u202f\u00a0])[;:?](\s|$)", text)]
    assert loose == []
    brand = [text for text in tables["fr"].values() if "!" in text.replace("Fruits!", "")]
    assert brand == []
    assert [text for table in tables.values() for text in table.values() if "'" in text] == []


def test_every_word_is_used_and_every_word_used_is_there(
    tables: dict[str, dict[str, str]], project: Path
) -> None:
    scripts = [path for path in (project / WEB).glob("*.js") if not path.name.startswith("words.")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    used = set(re.findall(r'words\(\s*"(\w+)"', source))
    assert used - tables["en"].keys() == set()
    built = re.compile(r"(stage|level)_|\w+(Title|Text)$|\w+_(k?cal|g|mg|ug)$|sure\d")
    unused = {key for key in tables["en"] if f'"{key}"' not in source and not built.match(key)}
    assert unused == set()


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("fr-CA", "Quel est ce fruit\u202f?"),
        ("en-US", "Which fruit is this?"),
        ("de-DE", "Which fruit is this?"),
    ],
)
def test_the_browsers_language_decides(
    open_page: Callable[..., Page], site: str, locale: str, title: str
) -> None:
    page = open_page(site, locale=locale)
    expect(page.locator("h1")).to_have_text(title)
    assert page.locator("html").get_attribute("lang") == ("fr" if locale == "fr-CA" else "en")


def test_the_whole_journey_is_in_french(open_page: Callable[..., Page], site: str, fruit: File) -> None:
    page = open_page(site, locale="fr-FR")
    body = identify(page, fruit)
    assert body["fruit"]["lang"] == "fr"
    expect(page.locator("h1")).to_have_text(body["answer"]["name"])
    expect(page.get_by_role("heading", name="Avant de le manger")).to_be_visible()
    energy = page.locator(".card dl > div", has_text="Énergie").first
    value = body["fruit"]["nutrition"]["per_100_g"]["energy_kcal"]["value"]
    expect(energy.locator("dd")).to_have_text(f"{value:.3g} kcal".replace(".", ","), use_inner_text=True)
    page.locator(".choice").first.click()
    expect(page.get_by_text("C’est votre choix.")).to_be_visible()
    page.get_by_role("link", name="Fruits!, accueil").click()
    page.get_by_role("button", name="Tout oublier").click()
    expect(page.get_by_role("status")).to_have_text("Toutes les réponses sont oubliées.")


def test_refusals_are_in_french(open_page: Callable[..., Page], site: str, fruit: File, thing: File) -> None:
    page = open_page(site, locale="fr-FR")
    identify(page, thing)
    expect(page.locator("h1")).to_have_text("Pas de fruit en vue")
    page.get_by_role("link", name="Fruits!, accueil").click()
    refuse(page, 503, "overloaded", **{"Retry-After": "4"})
    choose(page, fruit)
    expect(page.locator("h1")).to_have_text("Beaucoup de monde en ce moment")
    expect(page.locator(".lead")).to_contain_text("dans 4 s")


def test_an_answer_is_told_anew_when_the_language_changes(page: Page, fruit: File) -> None:
    identify(page, fruit)
    page.locator(".choice").first.click()
    page.get_by_role("button", name="Go back to the photo’s answer").click()
    sheet = page.evaluate("fetch('/fruits/orange?lang=fr').then(answer => answer.json())")
    page.get_by_role("button", name="Français").click()
    expect(page.locator(".verdict > .lead")).to_have_text(sheet["description"]["text"])
    expect(page.get_by_role("heading", name="Ce qu’il contient")).to_be_visible()
    expect(page.get_by_role("button", name="English")).to_be_focused()
    choices = page.locator(".choice").evaluate_all("all => all.map(one => one.firstChild.data)")
    assert "Mandarine" in choices
    assert kept_answers(page)[0]["lang"] == "fr"
    page.reload()
    expect(page.get_by_role("button", name="English")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "fr"


def test_a_family_and_a_choice_are_told_anew_too(page: Page, fruit: File) -> None:
    def to_family(body: dict[str, Any]) -> None:
        body["answer"] = {"rank": "family", **body["fruit"]["look_alikes"]["family"], "score": 0.9}
        body |= {"cautions": [body["fruit"]["cautions"][-1]], "fruit": None}
        body["results"] = [{**result, "score": 0.3} for result in body["results"]]

    retell(page, to_family)
    choose(page, fruit)
    expect(page.locator("h1")).to_have_text("One of a family: Citrus fruit")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("h1")).to_have_text("Une famille\u00a0: Agrumes")
    page.get_by_role("button", name="Mandarine").click()
    expect(page.get_by_role("heading", name="Ce qu’il contient")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Mandarin")
    expect(page.get_by_role("heading", name="What is in it")).to_be_visible()


def test_the_privacy_notice_of_the_service_is_shown_in_the_users_language(
    open_page: Callable[..., Page], site: str
) -> None:
    page = open_page(site, locale="fr-FR")
    page.get_by_role("link", name="Que devient une photo").click()
    notice = json.loads(page.evaluate("fetch('/privacy?lang=fr').then(answer => answer.text())"))
    expect(page.get_by_text(notice["summary"])).to_be_visible()
    for statement in notice["statements"]:
        expect(page.get_by_role("heading", name=statement["title"], exact=True)).to_be_visible()
    page.get_by_role("button", name="Retour").click()
    expect(page.locator("h1")).to_have_text("Quel est ce fruit\u202f?")
