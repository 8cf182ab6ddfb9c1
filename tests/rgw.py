"""A real S3-compatible server for tests: Ceph's RADOS gateway before one monitor and one memory-backed OSD.

moto proves no atomicity; this does. It starts in seconds and keeps its objects in memory.
"""

import http.client
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.rgw_packages import PROGRAMS

CREDENTIAL = "test"
_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15
_LOG_CHARACTERS = 2000


class CephFailed(Exception):
    """Ceph did not start; the message holds the end of its log."""


@contextmanager
def running_rgw(ceph: Path, folder: Path) -> Iterator[str]:
    """Run a cluster of its own and give the address of its S3 gateway; key and secret are both `test`.

    Args:
        ceph: what `fetch_ceph` gave.
        folder: empty; for the cluster's files.

    Raises:
        CephFailed: it did not start.
    """
    cluster = _Cluster(ceph, folder)
    with ExitStack() as running:
        cluster.prepare()
        running.enter_context(cluster.daemon("ceph-mon", "-i", "a"))
        cluster.run("ceph-osd", "-i", "0", "--mkfs")
        running.enter_context(cluster.daemon("ceph-osd", "-i", "0"))
        key = ["--access-key", CREDENTIAL, "--secret-key", CREDENTIAL]
        cluster.run("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", *key)
        port = _free_port()
        front = f"beast endpoint=127.0.0.1:{port}"
        gateway = running.enter_context(
            cluster.daemon("radosgw", "-n", "client.rgw", "--rgw-frontends", front)
        )
        cluster.wait_until_it_answers(gateway, port)
        yield f"http://127.0.0.1:{port}"


class _Cluster:
    def __init__(self, ceph: Path, folder: Path) -> None:
        self._folder = folder
        self._fsid = str(uuid.uuid4())
        self._monitor = f"v2:127.0.0.1:{_free_port()},v1:127.0.0.1:{_free_port()}"
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
        """Run one of Ceph's programs to its end."""
        try:
            done = subprocess.run(
                [self._programs[program], *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_START_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise CephFailed(f"{program} did not end in {_START_TIMEOUT_S} s: {error.output}") from error
        if done.returncode:
            raise CephFailed(f"{program} failed: {done.stdout[-_LOG_CHARACTERS:]}")

    @contextmanager
    def daemon(self, program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
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
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until_it_answers(self, gateway: subprocess.Popen[bytes], port: int) -> None:
        """Wait for the gateway's first answer."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while gateway.poll() is None and time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
            finally:
                connection.close()
        said = (self._folder / "radosgw.out").read_text(errors="replace")
        raise CephFailed(f"radosgw does not answer: {said[-_LOG_CHARACTERS:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# No keys between daemons of one machine, no background work that a short life does without, one replica.
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
paxos propose interval = 0.05
paxos min wait = 0.01
rgw dynamic resharding = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
rgw enable usage log = false
"""
