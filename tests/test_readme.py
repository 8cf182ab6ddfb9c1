"""Runs the README's own commands, and holds its tables and its answer against what the product does."""

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from api import create_app
from api.problems import KINDS
from api.settings import settings_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BATCH_LINES = re.findall(r"^(?:\$ )?python -m (batch .+?)(?:\s+#.*)?$", README, flags=re.MULTILINE)
# In an answer they depend on the photo: no fruit was named, or a caution stands for the fruit's own.
NOT_ALWAYS = {"fruit", "cautions"}


def targets() -> dict[str, str]:
    """Give the Makefile's targets and, where it has one, the line that `make help` shows."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z][a-z-]*):[^=\n]*?(?:## (.*))?$", makefile, flags=re.MULTILINE))


def shown_answer() -> Any:
    """Give the README's answer of /identify, its first block of JSON."""
    block = re.search(r"```json\n(.+?)```", README, flags=re.DOTALL)
    assert block, "The README shows no answer of /identify."
    return json.loads(block[1])


def differences(shown: Any, true: Any, at: str = "") -> list[str]:
    """List the paths whose keys differ; the first elements of two lists stand for all."""
    if isinstance(shown, dict) and isinstance(true, dict):
        found = [f"{at}/{key}" for key in sorted((shown.keys() ^ true.keys()) - NOT_ALWAYS)]
        common = [key for key in shown.keys() & true.keys() if key not in NOT_ALWAYS]
        return found + [line for key in common for line in differences(shown[key], true[key], f"{at}/{key}")]
    if isinstance(shown, list) and isinstance(true, list) and shown and true:
        return differences(shown[0], true[0], f"{at}/0")
    return []


def help_of(command: str) -> str:
    """Give what `python -m batch COMMAND --help` prints."""
    words = [sys.executable, "-m", "batch", *shlex.split(command), "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_make_target_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"(?:^|`|[A-Z_]+=\S+ )make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "serve", "test"} <= named
    assert named <= targets().keys()


def test_the_readme_names_every_target_that_make_help_lists() -> None:
    listed = {name for name, about in targets().items() if about and name != "help"}
    assert [name for name in sorted(listed) if f"make {name}" not in README] == []


def test_the_settings_table_is_the_one_of_the_settings() -> None:
    assert settings_table().strip() in README


def test_the_errors_table_gives_each_code_its_true_status_and_title() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| (.+) \|$", README, flags=re.MULTILINE)
    assert rows
    assert rows == [(str(KINDS[code].status), code, KINDS[code].title) for _, code, _ in rows]


def test_every_link_to_a_file_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_batch_command_of_the_readme_is_one_that_batch_knows() -> None:
    used: dict[str, set[str]] = {}
    for line in BATCH_LINES:
        command, *options = re.split(r"\s(?=--)", line.removeprefix("batch "))
        used.setdefault(command, set()).update(option.split()[0] for option in options)
    assert {"build", "evaluate"} <= used.keys()
    for command, options in used.items():
        known = help_of(command)
        assert {option for option in options if not re.search(rf"{option}\b", known)} == set(), command


def test_the_answer_shown_has_the_keys_of_a_true_one(default_bundle: Path) -> None:
    assert default_bundle.is_dir(), "models/pretrained/default is part of the repository"
    noise = np.random.default_rng(1).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    photo = io.BytesIO()
    Image.fromarray(noise).save(photo, "JPEG")
    answer = (
        create_app()
        .test_client()
        .post("/identify", data={"photo": (io.BytesIO(photo.getvalue()), "photo.jpg")})
    )
    assert answer.status_code == 200, answer.text
    assert differences(shown_answer(), answer.get_json()) == []
    assert "curl -F photo=@photo.jpg http://localhost:8000/identify" in README
