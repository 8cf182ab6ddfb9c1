"""Fetches Ceph RGW from Debian's packages into a folder."""

import shutil
from pathlib import Path

from tests.debian_packages import fetch_packages

VERSION = "16.2."
PROGRAMS = ("ceph-mon", "ceph-osd", "monmaptool", "osdmaptool", "radosgw", "radosgw-admin")
_PACKAGES = ("radosgw", "ceph-mon", "ceph-osd")
_WITHOUT_LIB = frozenset({*_PACKAGES, "ceph-base", "ceph-common"})


def fetch_ceph(cache: Path) -> Path:
    """Give a folder with Ceph's `usr/bin` and libraries; fetched once, and shared by later runs.

    Raises:
        PackagesMissing: no apt-get or dpkg, another Debian, or its archive cannot be reached.
    """
    return fetch_packages(cache / "ceph", _PACKAGES, _is_wanted, VERSION, _trim)


def _is_wanted(package: str) -> bool:
    """Pick the programs and every library."""
    return package in _WITHOUT_LIB or package.startswith("lib")


def _trim(root: Path) -> None:
    for path in (root / "usr/bin").iterdir():
        if path.name not in PROGRAMS:
            path.unlink()
    for folder in ("usr/share", "usr/sbin", "etc", "lib/systemd"):
        shutil.rmtree(root / folder, ignore_errors=True)
