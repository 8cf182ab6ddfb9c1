"""Programs come from Debian's packages once, whole, and of the version that was asked for."""

from pathlib import Path

import pytest

from tests.debian_packages import PackagesMissing, fetch_packages

# A stand-in of apt-get: real package lists change from day to day, and its archive is elsewhere.
APT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  *--simulate*) printf 'Inst wanted [1.0] (%s Debian:12)\\nInst libwanted (3 Debian:12)\\n' {version} ;;
  *download*) touch wanted.deb libwanted.deb ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" && touch "$3/usr/bin/$(basename "$2" .deb)"
"""


def put_on_path(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put both programs before those of the machine; gives what apt-get was asked."""
    folder.mkdir()
    log = folder / "asked.txt"
    for name, text in (("apt-get", APT.format(log=log, version=version)), ("dpkg", DPKG)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return log


def test_packages_are_fetched_once_and_trimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = put_on_path(tmp_path / "programs", "16.2.1", monkeypatch)
    folder = tmp_path / "cache" / "own"

    def fetch() -> Path:
        return fetch_packages(
            folder,
            ["wanted"],
            lambda name: name == "wanted",
            "16.2.",
            lambda root: (root / "usr/bin/libwanted").unlink(),
        )

    assert fetch() == folder
    assert [path.name for path in (folder / "usr/bin").iterdir()] == ["wanted"]
    asked = log.read_text().splitlines()
    assert asked[-1].endswith("download wanted")
    assert fetch() == folder
    assert log.read_text().splitlines() == asked
    assert {path.name for path in folder.parent.iterdir()} == {"own", ".lock"}


@pytest.mark.parametrize(("package", "version"), [("wanted", "17."), ("other", "")])
def test_another_version_or_no_such_package_is_said(
    package: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "programs", "16.2.1", monkeypatch)
    with pytest.raises(PackagesMissing, match=f"no package {package}"):
        fetch_packages(tmp_path / "cache" / "own", [package], bool, version)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_machine_without_apt_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesMissing, match="no apt-get or no dpkg"):
        fetch_packages(tmp_path / "cache" / "own", ["wanted"], bool)
