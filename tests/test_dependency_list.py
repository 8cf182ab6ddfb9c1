"""The page of dependencies is that of the pins, and no licence is among them that nobody looked at."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import dependency_list
from tests.dependency_list import COPYLEFT, PERMISSIVE, REMARKS, SOURCE_ONLY, Dependency, dependencies, parts

EXACT = re.compile(r"[0-9]+(\.[0-9a-z]+)*")


@pytest.fixture(scope="module")
def found() -> list[Dependency]:
    return dependencies()


def test_the_page_is_what_the_pins_and_the_packages_give() -> None:
    assert dependency_list.PAGE.read_text("utf-8") == dependency_list.page(), (
        "docs/dependencies.md is not of these pins; write it again: python -m tests.dependency_list"
    )


def test_every_pin_is_exact_and_is_what_is_installed(found: list[Dependency]) -> None:
    assert [one for one in found if not EXACT.fullmatch(one.version)] == []
    installed = dependency_list.installed()
    assert {one.name: installed[one.name].version for one in found} == {o.name: o.version for o in found}


def test_every_package_belongs_to_a_layer_and_somebody_wants_it(found: list[Dependency]) -> None:
    assert [one.name for one in found if not one.wanted_by] == []
    unplaced = {one.name for one in found if not one.layers}
    assert unplaced <= {"setuptools", "wheel"}


def test_every_licence_is_one_that_was_looked_at(found: list[Dependency]) -> None:
    unknown = {one.name: one.licence for one in found if parts(one.licence) - PERMISSIVE - COPYLEFT.keys()}
    assert unknown == {}


def test_copyleft_is_explained_wherever_a_package_brings_it(found: list[Dependency]) -> None:
    declared = {one.name for one in found if parts(one.licence) & COPYLEFT.keys()}
    brought = {one.name for one in found if dependency_list.copyleft_found(one.name)}
    assert declared | brought == REMARKS.keys()


def test_an_unknown_licence_or_a_new_library_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dependency_list.STATED, "flask", "AGPL-3.0-only")
    licences = {one.name: one.licence for one in dependencies()}
    assert parts(licences["flask"]) - PERMISSIVE - COPYLEFT.keys() == {"AGPL-3.0-only"}
    assert {"libx265", "libheif", "libde265"} <= dependency_list.copyleft_found("pillow-heif")


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_every_pin_but_the_named_ones_comes_as_a_wheel(tmp_path: Path) -> None:
    lines = (dependency_list.FOLDER / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if "==" in line and not line.startswith("#")]
    wheels, sources = tmp_path / "wheels.txt", [pin for pin in pins if pin.split("==")[0] in SOURCE_ONLY]
    wheels.write_text("\n".join(pin for pin in pins if pin not in sources))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed"]
    command += ["--quiet", "--only-binary=:all:"]
    ran = subprocess.run([*command, "--requirement", str(wheels)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    for pin in sources:
        assert subprocess.run([*command, pin], capture_output=True).returncode != 0
