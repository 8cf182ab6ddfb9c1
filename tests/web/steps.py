"""What tests do on the page, step by step."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

Answer = dict[str, Any]
QUESTIONS = "**/identify?*"


def choose(page: Page, *files: dict[str, Any]) -> None:
    """Choose photos as a person does: a press of the button, then the system's own window."""
    with page.expect_file_chooser() as chooser:
        page.locator("button.files").click()
    chooser.value.set_files(list(files))


def identify(page: Page, *files: dict[str, Any]) -> Answer:
    """Choose photos and wait for the answer's screen; give what the service answered."""
    with page.expect_response(QUESTIONS) as answered:
        choose(page, *files)
    page.locator(".verdict h1").wait_for()
    body: Answer = answered.value.json()
    return body


def retell(page: Page, change: Callable[[Answer], object]) -> None:
    """Let the service's own answers be changed on their way to the page, to what it rarely says."""

    def told(route: Route) -> None:
        body = route.fetch().json()
        change(body)
        route.fulfill(json=body)

    page.route(QUESTIONS, told)


def refuse(page: Page, status: int, code: str, **headers: str) -> None:
    """Answer every photo with a problem as the service writes it."""
    body = json.dumps({"status": status, "code": code, "detail": "", "request_id": "a1b2c3"})
    kind = "application/problem+json"
    page.route(
        QUESTIONS,
        lambda route: route.fulfill(status=status, content_type=kind, body=body, headers=headers),
    )


def kept_answers(page: Page) -> list[Answer]:
    """Give what the browser keeps of earlier answers."""
    kept: list[Answer] = page.evaluate("JSON.parse(localStorage.getItem('answers') ?? '[]')")
    return kept


def heading(page: Page) -> str:
    """Give the title of the present screen."""
    return page.locator("h1").inner_text()
