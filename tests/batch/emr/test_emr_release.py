"""One release everywhere: what is pinned here is what runs there."""

import re
from pathlib import Path

from batch.emr.release import ARCHITECTURE, PYTHON, RELEASE, SPARK
from batch.emr.stack import TEMPLATE


def test_the_pinned_spark_is_the_one_of_the_release(project: Path) -> None:
    pinned = re.findall(r"^pyspark==(\S+)", (project / "requirements/batch.txt").read_text(), re.MULTILINE)
    assert pinned == [SPARK]
    assert "-r requirements/batch.txt" in (project / "requirements.txt").read_text()


def test_the_python_of_the_release_is_the_oldest_that_the_project_takes(project: Path) -> None:
    settings = (project / "pyproject.toml").read_text()
    assert re.findall(r'^requires-python = ">=(\d+\.\d+),', settings, re.MULTILINE) == [PYTHON]
    assert re.findall(r'^target-version = "(\w+)"', settings, re.MULTILINE) == [
        "py" + PYTHON.replace(".", "")
    ]


def test_the_package_is_made_for_the_python_of_the_release(project: Path) -> None:
    packaging = (project / "batch/emr/packaging.py").read_text()
    assert f'"{PYTHON}"' in packaging or "from batch.emr.release import" in packaging


def test_the_template_asks_for_that_release_and_architecture() -> None:
    text = TEMPLATE.read_text("utf-8")
    assert re.findall(r"ReleaseLabel: (\S+)", text) == [RELEASE]
    assert re.findall(r"Architecture: (\S+)", text) == [ARCHITECTURE.upper()]
