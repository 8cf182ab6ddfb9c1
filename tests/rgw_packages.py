"""Fetches Ceph RGW from Debian's packages into a folder, without root and without installing anything."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "16.2."
PROGRAMS = ("ceph-mon", "ceph-osd", "monmaptool", "osdmaptool", "radosgw", "radosgw-admin")
_PACKAGES = ("radosgw", "ceph-mon", "ceph-osd")
_WITHOUT_LIB = frozenset({*_PACKAGES, "ceph-base", "ceph-common"})
_APT_TIMEOUT_S = 120


class CephMissing(Exception):
    """This machine cannot get Ceph RGW from Debian's packages."""


def fetch_ceph(cache: Path) -> Path:
    """Give a folder with Ceph's `usr/bin` and libraries; fetched once, and shared by later runs.

    Raises:
        CephMissing: no apt-get or dpkg, another Debian, or its archive cannot be reached.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise CephMissing("no apt-get or no dpkg")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "ceph").is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _unpack(Path(scratch)).rename(cache / "ceph")
    return cache / "ceph"


def _unpack(scratch: Path) -> Path:
    options = ["-o", "Debug::NoLocking=1", "-o", f"Dir::Cache={scratch}/cache"]
    packages = _missing_packages(options)
    if not packages:  # no package lists on this machine, as in many containers: fetch them for ourselves
        lists = scratch / "lists" / "partial"
        lists.mkdir(parents=True)
        options += ["-o", f"Dir::State::Lists={lists.parent}"]
        _run(["apt-get", *options, "update"], scratch)
        packages = _missing_packages(options)
    if not packages:
        raise CephMissing(f"no package radosgw {VERSION}x")
    _run(["apt-get", *options, "download", *packages], scratch)
    root = scratch / "ceph"
    for package in scratch.glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(root)], scratch)
    for path in (root / "usr/bin").iterdir():
        if path.name not in PROGRAMS:
            path.unlink()
    for folder in ("usr/share", "usr/sbin", "etc", "lib/systemd"):
        shutil.rmtree(root / folder, ignore_errors=True)
    return root


def _missing_packages(options: list[str]) -> list[str]:
    """Ask apt what would be installed, and pick the programs and every library; none of another version."""
    said = subprocess.run(
        ["apt-get", *options, "install", "--simulate", "--no-install-recommends", *_PACKAGES],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=_APT_TIMEOUT_S,
    ).stdout
    versions = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", said, re.MULTILINE))
    if not versions.get("radosgw", "").startswith(VERSION):
        return []
    return [name for name in versions if name in _WITHOUT_LIB or name.startswith("lib")]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=_APT_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CephMissing(f"{command[0]} did not end in {_APT_TIMEOUT_S} s") from error
    if done.returncode:
        raise CephMissing(f"{' '.join(command[:1])} failed: {done.stderr[-500:]}")


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
