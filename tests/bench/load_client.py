"""Sends requests from wrk, a compiled load client: one in Python would use the cores that it measures.

It comes from the machine, or from Debian's packages into a folder, without root and without installing
anything.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.client import TYPE, form

MISSING = "needs wrk, which is not here and cannot be fetched from Debian's packages"
_APT_TIMEOUT_S = 120
_ANSWER_TIMEOUT_S = 30
# Files that hold the forms are named by arguments. Every hundredth answer is read, all are counted.
_SCRIPT = """
local bodies, threads, sent = {}, {}, 0
local first
function setup(thread)
  table.insert(threads, thread)
end
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = arguments[1]
  for at = 2, #arguments do
    local file = assert(io.open(arguments[at], "rb"))
    table.insert(bodies, wrk.format(nil, nil, nil, file:read("*a")))
    file:close()
  end
end
function request()
  sent = sent + 1
  return bodies[(sent - 1) % #bodies + 1]
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


class LoadClientMissing(Exception):
    """This machine cannot get wrk."""


@dataclass(frozen=True)
class Load:
    """What a load client saw.

    Attributes:
        answers: received, whatever their status.
        seconds: that it ran.
        p50_ms, p99_ms: milliseconds from sending to having an answer.
        errors: connections that failed or broke, answers of status 400 and above, and those that never came.
    """

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True)
class LoadClient:
    """A compiled client.

    Attributes:
        program: of wrk.
        libraries: folder of the library that it needs; None when the machine has it.
    """

    program: Path
    libraries: Path | None = None

    def identify(
        self, base: str, photos: Sequence[bytes], *, clients: int, seconds: int, folder: Path
    ) -> Load:
        """Let clients ask for as long as said, each one photo after the other over a kept connection.

        Args:
            base: address of the API.
            photos: sent in turn.
            clients: that ask at the same time.
            seconds: how long.
            folder: for its files.
        """
        script = folder / "wrk.lua"
        script.write_text(_SCRIPT, encoding="utf-8")
        forms = [folder / f"form-{number}" for number in range(len(photos))]
        for path, photo in zip(forms, photos, strict=True):
            path.write_bytes(form(photo))
        command = [str(self.program), "--threads", "1", "--connections", str(clients)]
        command += ["--duration", f"{seconds}s", "--timeout", f"{_ANSWER_TIMEOUT_S}s"]
        command += ["--script", str(script), f"{base}/identify?lang=en", "--", TYPE, *map(str, forms)]
        environment = dict(os.environ)
        if self.libraries:
            environment["LD_LIBRARY_PATH"] = str(self.libraries)
        timeout_s = seconds + 2 * _ANSWER_TIMEOUT_S
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if done.returncode:
            raise RuntimeError(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
        return Load(**json.loads(done.stdout.splitlines()[-1]))


def load_client(cache: Path) -> LoadClient:
    """Find wrk on this machine, or fetch it once into a folder that later runs share.

    Raises:
        LoadClientMissing: it is not here, and there is no apt-get, no dpkg or no such package.
    """
    if here := shutil.which("wrk"):
        return LoadClient(Path(here))
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise LoadClientMissing("no wrk, and no apt-get or no dpkg to fetch it")
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / "wrk"
    with (cache / ".wrk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _unpack(Path(scratch)).rename(root)
    (library,) = root.glob("usr/lib/*/libluajit-5.1.so.2")
    return LoadClient(root / "usr/bin/wrk", library.parent)


def _unpack(scratch: Path) -> Path:
    options = ["-o", "Debug::NoLocking=1", "-o", f"Dir::Cache={scratch}/cache"]
    packages = _packages(options, scratch)
    if not packages:  # no package lists on this machine, as in many containers: fetch them for ourselves
        lists = scratch / "lists" / "partial"
        lists.mkdir(parents=True)
        options += ["-o", f"Dir::State::Lists={lists.parent}"]
        _run(["apt-get", *options, "update"], scratch)
        packages = _packages(options, scratch)
    if not packages:
        raise LoadClientMissing("no package wrk")
    _run(["apt-get", *options, "download", *packages], scratch)
    root = scratch / "wrk"
    for package in scratch.glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(root)], scratch)
    return root


def _packages(options: Sequence[str], scratch: Path) -> list[str]:
    """Ask apt for wrk and its interpreter of Lua, unless there is none."""
    try:
        said = _run(
            ["apt-get", *options, "install", "--simulate", "--no-install-recommends", "--reinstall",
             "wrk", "libluajit-5.1-2"], scratch,
        )  # fmt: skip
    except LoadClientMissing:
        return []
    found = re.findall(r"^Inst (\S+)", said, re.MULTILINE)
    return [name for name in found if name == "wrk" or name.startswith("libluajit")]


def _run(command: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_APT_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise LoadClientMissing(f"{command[0]} did not end in {_APT_TIMEOUT_S} s") from error
    if done.returncode:
        raise LoadClientMissing(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout
