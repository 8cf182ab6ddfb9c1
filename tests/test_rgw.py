"""The Ceph that tests run starts although its ports are taken, and says what failed where it cannot."""

import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rgw
from tests.debian_packages import PackagesMissing
from tests.rgw_packages import fetch_ceph
from tests.s3_server import CEPH_CACHE, NO_CEPH


@pytest.fixture(scope="session")
def ceph() -> Path:
    try:
        return fetch_ceph(CEPH_CACHE)
    except PackagesMissing:
        pytest.skip(NO_CEPH)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_port_taken_in_between_costs_a_second_start(
    ceph: Path, taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([taken_port])
    free_port = rgw.free_port
    monkeypatch.setattr(rgw, "free_port", lambda: next(given, None) or free_port())
    with rgw.running_rgw(ceph, tmp_path) as address, urllib.request.urlopen(address) as answer:
        assert answer.status == 200
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["start-1", "start-2"]


def test_a_dead_daemon_is_said_at_once_with_its_log(
    ceph: Path, taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rgw, "free_port", lambda: taken_port)
    monkeypatch.setattr(rgw, "_STARTS", 1)
    with pytest.raises(rgw.CephFailed, match=r"ceph-mon ended: [^$]*Address already in use"):
        rgw.running_rgw(ceph, tmp_path).__enter__()
