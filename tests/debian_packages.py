"""Fetches programs from Debian's packages into a folder, without root and without installing anything."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

_APT_TIMEOUT_S = 120


class PackagesMissing(Exception):
    """This machine cannot get what is wanted from Debian's packages."""


def fetch_packages(
    folder: Path,
    packages: Sequence[str],
    picked: Callable[[str], bool],
    version: str = "",
    trim: Callable[[Path], None] = lambda root: None,
) -> Path:
    """Give a folder with what some packages hold; fetched once, and shared by later runs.

    Args:
        folder: made if it is not there.
        packages: to fetch, with what they need.
        picked: tells by its name whether a package that apt would install is wanted.
        version: how that of the first package must begin.
        trim: takes out of the unpacked packages what nobody needs.

    Raises:
        PackagesMissing: no apt-get or dpkg, no such packages or another version of them, or their archive
            cannot be reached.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise PackagesMissing("no apt-get or no dpkg")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                root = _unpack(Path(scratch), packages, picked, version)
                trim(root)
                root.rename(folder)
    return folder


def _unpack(scratch: Path, packages: Sequence[str], picked: Callable[[str], bool], version: str) -> Path:
    options = ["-o", "Debug::NoLocking=1", "-o", f"Dir::Cache={scratch}/cache"]
    found = _found(options, scratch, packages, version)
    if not found:  # no package lists on this machine, as in many containers: fetch them for ourselves
        lists = scratch / "lists" / "partial"
        lists.mkdir(parents=True)
        options += ["-o", f"Dir::State::Lists={lists.parent}"]
        _run(["apt-get", *options, "update"], scratch)
        found = _found(options, scratch, packages, version)
    if not found:
        raise PackagesMissing(f"no package {' '.join([packages[0], version]).strip()}")
    _run(["apt-get", *options, "download", *filter(picked, found)], scratch)
    root = scratch / "root"
    for package in scratch.glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(root)], scratch)
    return root


def _found(options: Sequence[str], scratch: Path, packages: Sequence[str], version: str) -> list[str]:
    """Ask apt what it would install; nothing, where the first package is not there or of another version."""
    simulated = ["install", "--simulate", "--no-install-recommends", "--reinstall"]
    try:
        said = _run(["apt-get", *options, *simulated, *packages], scratch)
    except PackagesMissing:
        return []
    versions = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", said, re.MULTILINE))
    first = versions.get(packages[0])
    return [] if first is None or not first.startswith(version) else list(versions)


def _run(command: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_APT_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise PackagesMissing(f"{command[0]} did not end in {_APT_TIMEOUT_S} s") from error
    if done.returncode:
        raise PackagesMissing(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout
