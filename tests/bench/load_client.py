"""Sends requests from wrk, a compiled load client: one in Python would use the cores that it measures.

It comes from the machine, or from Debian's packages.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.client import TYPE, form
from tests.debian_packages import fetch_packages

MISSING = "needs wrk, which is not here and cannot be fetched from Debian's packages"
_LIBRARY = "libluajit-5.1-2"
_ANSWER_TIMEOUT_S = 30
# The type of the forms and the files that hold them are arguments. Answers are counted, not read.
_SCRIPT = """
local bodies, sent = {}, 0
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
        PackagesMissing: it is neither here nor to be had from Debian's packages.
    """
    if here := shutil.which("wrk"):
        return LoadClient(Path(here))
    root = fetch_packages(cache / "wrk", ("wrk", _LIBRARY), lambda name: name in ("wrk", _LIBRARY))
    (library,) = root.glob("usr/lib/*/libluajit-5.1.so.2")
    return LoadClient(root / "usr/bin/wrk", library.parent)
