"""`examples/mobile.sh`, as a person runs it: its own true answers, from a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch.synthetic import render
from examples.local_server import local_server
from examples.shortened import lines

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    log = tmp_path_factory.mktemp("server") / "log"
    with local_server({"FRUITS_WORKERS": "1"}, log) as base:
        yield base


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(ROOT / "examples/mobile.sh"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def answers(said: str) -> list[dict[str, Any]]:
    """Give the JSON documents that were shown."""
    found = re.findall(r"^\{.*?\}$(?=\n\n|\n?\Z)", said, flags=re.MULTILINE | re.DOTALL)
    return [json.loads(text) for text in found]


def test_without_a_photo_it_draws_some_and_shows_the_whole_journey(server: str, tmp_path: Path) -> None:
    done = run(tmp_path, server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "three limes are drawn" in done.stdout
    assert len(re.findall(r"^##### \d\. ", done.stdout, flags=re.MULTILINE)) == 5
    one, several, french, facts, refused = answers(done.stdout)
    # What a network thinks of drawings is not for a test to say.
    assert (len(one["results"]), len(one["photos"])) == (3, 1)
    assert several["is_fruit"] != one["is_fruit"]
    assert french["answer"]["id"] == one["answer"]["id"]
    assert facts["name"] == one["results"][0]["name"]
    assert (refused["status"], refused["code"]) == (415, "not_an_image")
    assert list(tmp_path.iterdir()) == []


def test_with_photos_it_asks_about_those(server: str, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"my photo {number}.jpg").write_bytes(render("orange", number, seed=2, kind="corpus"))
    done = run(tmp_path, f"{server}/", "my photo 2.jpg", "my photo 1.jpg")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are drawn" not in done.stdout
    assert f"curl -F 'photo=@{tmp_path}/my photo 2.jpg'" in done.stdout
    one, several, *_ = answers(done.stdout)
    assert several["is_fruit"] != one["is_fruit"]


def test_a_server_that_answers_otherwise_ends_it_with_1(server: str, tmp_path: Path) -> None:
    done = run(tmp_path, f"{server}/nowhere")
    assert done.returncode == 1
    assert "Expected HTTP 200, got 404." in done.stderr


def test_a_server_that_does_not_answer_ends_it_with_a_reason(server: str, tmp_path: Path) -> None:
    done = run(tmp_path, "http://127.0.0.1:1")
    assert done.returncode != 0
    assert "curl" in done.stderr


def test_parts_of_an_answer_are_shown_a_line_each() -> None:
    answer = {"a": {"b": {"c": 1}, "d": 2}, "e": [{"f": "x" * 200, "g": 1}] * 5, "h": [1] * 12, "i": None}
    shown = lines(answer, ["a:b.c", "e:f", "h", "i", "missing"])
    again = json.loads(shown)
    assert again["a"] == {"b.c": 1}
    assert again["e"] == [{"f": "x" * 140 + "…"}] * 3 + ["…"]
    assert (again["h"], again["i"], again["missing"]) == ([1] * 12, None, None)
    assert len(shown.splitlines()) == 9
