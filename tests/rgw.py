"""A real S3-compatible server for tests: Ceph's RADOS gateway before one monitor and one memory-backed OSD.

moto proves no atomicity; this does. It starts in seconds and keeps its objects in memory.
"""

import http.client
import os
import random
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.rgw_packages import PROGRAMS

CREDENTIAL = "test"
_STARTS = 3
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 15
_LOG_CHARACTERS = 2000
# How a daemon's log begins.
_NAMES = {"ceph-mon": "mon", "ceph-osd": "osd", "radosgw": "client"}


class CephFailed(Exception):
    """Ceph did not start; the message holds the end of its log."""


@contextmanager
def running_rgw(ceph: Path, folder: Path) -> Iterator[str]:
    """Run a cluster of its own and give the address of its S3 gateway; key and secret are both `test`.

    A port that was free a moment ago may be another program's by now, so a start that fails is made again.

    Args:
        ceph: what `fetch_ceph` gave.
        folder: empty; for the cluster's files.

    Raises:
        CephFailed: it did not start.
    """
    with ExitStack() as running:
        for start in range(1, _STARTS + 1):
            attempt = folder / f"start-{start}"
            attempt.mkdir()
            try:
                address = running.enter_context(_started(ceph, attempt))
                break
            except CephFailed:
                if start == _STARTS:
                    raise
        yield address


@contextmanager
def _started(ceph: Path, folder: Path) -> Iterator[str]:
    cluster = _Cluster(ceph, folder)
    with ExitStack() as running:
        cluster.prepare()
        running.enter_context(cluster.daemon("ceph-mon", "-i", "a"))
        cluster.run("ceph-osd", "-i", "0", "--mkfs", "--no-mon-config")
        running.enter_context(cluster.daemon("ceph-osd", "-i", "0"))
        key = ["--access-key", CREDENTIAL, "--secret-key", CREDENTIAL]
        cluster.run("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", *key)
        port = free_port()
        front = f"beast endpoint=127.0.0.1:{port}"
        running.enter_context(cluster.daemon("radosgw", "-n", "client.rgw", "--rgw-frontends", front))
        cluster.wait_until_it_answers(port)
        yield f"http://127.0.0.1:{port}"


class _Cluster:
    def __init__(self, ceph: Path, folder: Path) -> None:
        self._folder = folder
        self._fsid = str(uuid.uuid4())
        self._monitor = f"v2:127.0.0.1:{free_port()},v1:127.0.0.1:{free_port()}"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        libraries = ceph / "usr/lib/x86_64-linux-gnu"
        self._configuration = _CONFIGURATION.format(
            fsid=self._fsid, monitor=self._monitor, folder=folder, libraries=libraries
        )
        paths = (libraries, libraries / "ceph", ceph / "lib/x86_64-linux-gnu", ceph / "lib", ceph / "usr/lib")
        self._programs = {name: str(ceph / "usr/bin" / name) for name in PROGRAMS}
        self._environment = {
            **os.environ,
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, paths)),
            "CEPH_CONF": str(folder / "ceph.conf"),
        }

    def prepare(self) -> None:
        """Write the configuration and the first maps: an OSD that is in them needs no command line."""
        (self._folder / "ceph.conf").write_text(self._configuration)
        monitors, osds = str(self._folder / "monmap"), str(self._folder / "osdmap")
        self.run(
            "monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", f"[{self._monitor}]", monitors
        )
        self.run("osdmaptool", "--createsimple", "1", osds)
        (self._folder / "mon").mkdir()
        (self._folder / "osd").mkdir()
        self.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitors, "--osdmap", osds)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of Ceph's programs to its end; a dead daemon, which it would wait for, ends it."""
        command = [self._programs[program], *arguments]
        said = self._folder / f"{program}.said"
        with (
            said.open("wb") as output,
            subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                self._until(lambda: process.poll() is not None, program)
            finally:
                process.kill()
        if process.returncode:
            raise CephFailed(f"{program} failed: {_end_of(said)}")

    @contextmanager
    def daemon(self, program: str, *arguments: str) -> Iterator[None]:
        """Run one of Ceph's daemons until the block ends, or this very process does."""
        tied = [setpriv, "--pdeathsig", "KILL"] if (setpriv := shutil.which("setpriv")) else []
        with (self._folder / f"{program}.out").open("wb") as output:
            process = subprocess.Popen(
                [*tied, self._programs[program], "-f", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._daemons[program] = process
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until_it_answers(self, port: int) -> None:
        """Wait for the gateway's first answer."""
        self._until(lambda: _answers(port), "radosgw")

    def _until(self, done: Callable[[], bool], program: str) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not done():
            for name, daemon in self._daemons.items():
                if daemon.poll() is not None:
                    raise CephFailed(f"{name} ended: {self._said(name)}")
            if time.monotonic() > deadline:
                logs = [f"{name}: {self._said(name)}" for name in self._daemons]
                raise CephFailed("\n".join([f"{program} is not ready after {_START_TIMEOUT_S} s", *logs]))
            time.sleep(0.05)

    def _said(self, daemon: str) -> str:
        """What a daemon wrote last, on its outputs and in its log."""
        log = next(self._folder.glob(f"{_NAMES[daemon]}.*.log"), None)
        return _end_of(self._folder / f"{daemon}.out") + (_end_of(log) if log else "")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_CHARACTERS:]


def free_port() -> int:
    """Give a port that nobody listens on, below those that the system hands to outgoing connections."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CephFailed("none of 100 ports between 20000 and 32000 is free")


# No keys between daemons of one machine, no background work that a short life does without, one replica.
# A monitor refuses a disk that is 95 % full, however large; what is left of it is enough for tests.
# The gateway asks monitors for an encrypted connection unless told otherwise, which needs keys.
_CONFIGURATION = """
[global]
fsid = {fsid}
mon initial members = a
mon host = [{monitor}]
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
run dir = {folder}
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.log
mon cluster log to file = false
plugin dir = {libraries}/ceph
erasure code dir = {libraries}/ceph/erasure-code
osd class dir = {libraries}/rados-classes
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
mon allow pool size one = true
mon data avail warn = 0
mon data avail crit = 0
paxos propose interval = 0.05
paxos min wait = 0.01
rgw dynamic resharding = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
rgw enable usage log = false
"""
