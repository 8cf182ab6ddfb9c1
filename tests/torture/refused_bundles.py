"""A running API that follows its store while the store names one unusable bundle after the other."""

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore

from examples.local_server import local_server
from models.store import Pointer
from tests.end_to_end.swap_bundles import (
    WORKER_SETTINGS,
    Coloured,
    ask,
    coloured_bundle,
    plain_photo,
    version_of,
    workers,
)
from tests.stores import Place
from tests.torture.damaged_bundles import Damaged

_PATIENCE_S = 120
_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass
class Refusals:
    """What came of unusable bundles.

    Attributes:
        offered: kind of damage -> how often the store named such a bundle.
        named: refusals whose line in the log names the file.
        told: refusals that `/version` told, while it named the old bundle as the one that serves.
        answered: photos asked after a refusal and answered by the old bundle.
        peak_mb: most memory that the worker ever held, in MB.
    """

    offered: Counter[str] = field(default_factory=Counter)
    named: int = 0
    told: int = 0
    answered: int = 0
    peak_mb: float = 0.0

    def outcomes(self) -> dict[str, int | float | str]:
        """What came of it, for the table."""
        total = self.offered.total()
        return {
            **self.offered,
            "refused, the log names the file": self.named,
            "/version tells, the old one serves": self.told,
            "asked afterwards, answered by the old one": self.answered,
            "otherwise": 3 * total - self.named - self.told - self.answered,
            "most memory of the worker, MB": self.peak_mb,
        }


@dataclass
class FollowingApi:
    """A running API, the store it follows, and the bundle that it serves."""

    base: str
    log: Path
    place: Place
    serving: Coloured
    spare: Coloured
    pointer: Pointer | None

    def offer(self, damaged: Damaged, came: Refusals) -> None:
        """Let the store name an unusable bundle, and count what becomes of it."""
        version = self._put(damaged.folder)
        before = self.log.stat().st_size
        self.pointer = self.place.store._point(version, self.pointer)
        state = self._state_when(version)
        came.offered[damaged.kind] += 1
        came.told += state["bundle"]["version"] == self.serving.version
        came.answered += self.serving.shown_by(ask(self.base, plain_photo()))
        refusals = [
            json.loads(line)["message"]
            for line in self.log.read_bytes()[before:].decode().splitlines()
            if "cannot be served" in line
        ]
        assert refusals, f"{damaged} was refused without a word"
        named = damaged.name in refusals[0]
        assert named, f"{damaged}: {refusals[0]}"
        came.named += named
        self.pointer = self.place.store._point(self.serving.version, self.pointer)
        self._state_when(self.serving.version)
        high = _HIGH_WATER.search(Path(f"/proc/{workers()[0].pid}/status").read_text())
        assert high is not None
        came.peak_mb = max(came.peak_mb, int(high[1]) / 1_000)

    def _put(self, folder: Path) -> str:
        """Lay a bundle into the store as it is, behind the store's back, and give its version."""
        version = self.spare.version
        if (folder / "manifest.json").is_file():
            with_own = re.search(r'"version": "(\d{8}T\d{6}Z-[0-9a-f]{6})"', _text(folder / "manifest.json"))
            version = with_own[1] if with_own else version
        if version == self.serving.version:  # the manifest of the other bundle
            version = self.spare.version
        # A version never changes, so what the API has fetched of one is not fetched again.
        for fetched in self.log.parent.glob(f"cache/*/{version}"):
            shutil.rmtree(fetched)
        for page in obstore.list(self.place.objects, prefix=version):
            obstore.delete(self.place.objects, [entry["path"] for entry in page])
        for path in folder.iterdir():
            obstore.put(self.place.objects, f"{version}/{path.name}", path)
        return version

    def _state_when(self, current: str) -> dict[str, Any]:
        """Wait until `/version` has an opinion of this very bundle."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            state = version_of(self.base)
            seen = state["store"]
            settled = bool(seen["problem"]) != (current == self.serving.version)
            if seen["current"] == current and settled:
                return state
            assert time.monotonic() < deadline, state
            time.sleep(0.02)


@contextmanager
def following_api(place: Place, folder: Path) -> Iterator[FollowingApi]:
    """Publish one bundle, serve it, and keep another for what is to be damaged."""
    red, green = (coloured_bundle(folder / colour, colour) for colour in ("red", "green"))
    pointer = place.store.publish(red.folder, None)
    settings = {
        **WORKER_SETTINGS,
        "FRUITS_STORE": place.uri,
        "FRUITS_CACHE": str(folder / "cache"),
        "FRUITS_WORKERS": "1",
        **({"FRUITS_S3_ENDPOINT": place.options.endpoint_url} if place.options.endpoint_url else {}),
    }
    log = folder / "server.log"
    with local_server(settings, log) as base:
        api = FollowingApi(base, log, place, red, green, pointer)
        api._state_when(red.version)
        yield api


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")
