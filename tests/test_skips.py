"""Holds the account of skips that ends each run, and that CI skips only what is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ALLOWED_SKIPS, allowed

LINES = ["# a comment", "", "tests/batch/*  needs a cluster"]


@pytest.mark.parametrize(
    ("nodeid", "reason", "expected"),
    [
        ("tests/batch/test_a.py::test_b", "needs a cluster", True),
        ("tests/batch/test_a.py::test_b[odd [name]]", "needs a cluster", True),
        ("tests/batch/test_a.py::test_b", "needs a cluster today", False),
        ("tests/api/test_a.py::test_b", "needs a cluster", False),
    ],
)
def test_a_skip_is_allowed_by_its_id_and_reason_together(nodeid: str, reason: str, expected: bool) -> None:
    assert allowed(nodeid, reason, LINES) is expected


def test_every_line_of_the_allowed_skips_has_a_pattern_and_a_reason() -> None:
    lines = ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#") and len(line.split()) < 2] == []


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_skip_that_nobody_allowed_fails_ci_and_only_ci(
    ci: str, code: int, tmp_path: Path, project: Path
) -> None:
    (tmp_path / "test_idle.py").write_text(
        "import pytest\ndef test_idle(): pytest.skip('not today')\ndef test_busy(): pass\n", encoding="utf-8"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    done = subprocess.run(
        [*command, str(tmp_path)],
        cwd=project,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "test_idle: not today" in done.stdout
    assert ("may not be skipped under CI" in done.stdout) is (code == 1)
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]
