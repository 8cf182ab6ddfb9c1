"""Two small bundles whose answers differ in every part, so that a mixed answer gives itself away."""

import io
import json
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil
from PIL import Image

from models.bundle import seal
from models.catalogue import Catalogue
from models.decision import Decision, Thresholds
from models.identifier import Identifier
from models.neighbours import Neighbours
from models.pretrained import DEFAULT_BUNDLE
from models.projection import Projection
from models.records import Label
from models.rows import Rows
from models.store import Pointer, Store, open_store

WORKER_SETTINGS = {"FRUITS_STORE_POLL_S": "0.05", "FRUITS_STORE_RETRY_S": "0.05"}
_ROWS, _D_PCA = 2_000, 32
_FRUITS = {"red": ("apple", "cherry"), "green": ("kiwi", "lime")}
_THRESHOLDS = {"red": 0.1, "green": 0.2}
_PATIENCE_S = 120


@dataclass(frozen=True)
class Coloured:
    """A sealed bundle in which everything that an answer shows carries its colour."""

    colour: str
    version: str
    folder: Path

    def shown_by(self, answer: dict[str, Any]) -> bool:
        """Tell whether every part of an answer comes from this bundle."""
        fruits = set(_FRUITS[self.colour])
        results = answer["results"]
        similar = [photo for result in results for photo in result["similar"]]
        names = [result["name"] for result in results] + [answer["answer"]["name"], answer["fruit"]["name"]]
        return (
            answer["bundle"] == {"version": self.version, "network": f"{self.colour}-1"}
            and answer["is_fruit"]["threshold"] == _THRESHOLDS[self.colour]
            and answer["answer"]["id"] == answer["fruit"]["id"] == _FRUITS[self.colour][0]
            and {result["fruit"] for result in results} == fruits
            and all(name.startswith(f"{self.colour} ") for name in names)
            and len(similar) > 0
            and all(photo["image"].startswith(f"{self.colour}/") for photo in similar)
            and all(photo["credit"] == f"{self.colour} photos" for photo in similar)
        )


def coloured_bundle(folder: Path, colour: str) -> Coloured:
    """Write and seal a bundle: the product's network, and an index, facts and a decision of its own."""
    default = Identifier.load(DEFAULT_BUNDLE)
    chance = np.random.default_rng(len(colour))
    fruits = _FRUITS[colour]
    vectors = chance.normal(size=(_ROWS, _D_PCA)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(_D_PCA)
    index.add(vectors)
    projection = Projection(
        default.projection.mean,
        default.projection.components[:_D_PCA],
        default.projection.explained_variance_ratio[:_D_PCA],
    )
    folder.mkdir(parents=True)
    (folder / "network.tflite").write_bytes(default.network_file[0])
    (folder / "projection.npz").write_bytes(projection.to_npz())
    (folder / "index.faiss").write_bytes(Neighbours(index).to_bytes())
    (folder / "decision.npz").write_bytes(_decision(fruits, _THRESHOLDS[colour]).to_npz())
    (folder / "rows.parquet").write_bytes(_rows(colour, fruits).to_parquet())
    (folder / "catalogue.json").write_text(_catalogue(colour), "utf-8")
    (folder / "report.html").write_text(f"<title>{colour}</title>")
    description = {
        "network": {**default.manifest.network, "name": f"{colour}-1"},
        "d_cnn": default.projection.d_cnn,
        "d_pca": _D_PCA,
        "explained_variance": 0.5,
        "counts": dict.fromkeys(fruits, _ROWS // 2),
        "corpora": [colour],
        "calibration": {},
        "thresholds": {},
        "metrics": {},
        "index": {"kind": "flat"},
        "warnings": [],
    }
    now = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=len(colour))
    return Coloured(colour, seal(folder, description, now=now).version, folder)


def plain_photo() -> bytes:
    """Encode a small seeded photo."""
    noise = np.random.default_rng(3).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def ask(base: str, photo: bytes) -> dict[str, Any]:
    """Send a photo over a connection of its own; any status but 200 is an error."""
    request = urllib.request.Request(f"{base}/identify?lang=en", photo, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def version_of(base: str) -> dict[str, Any]:
    """Ask what serves, and what its store says."""
    with urllib.request.urlopen(f"{base}/version", timeout=_PATIENCE_S) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def loads(log: Path) -> list[str]:
    """List the versions that workers have loaded, in the order of the server's log."""
    # The last line may be half written.
    lines = log.read_text("utf-8").split("\n")[:-1]
    return [json.loads(line)["bundle"] for line in lines if '"bundle loaded"' in line]


def wait_for_loads(log: Path, count: int) -> None:
    """Wait until the workers of a server have loaded so many bundles between them."""
    deadline = time.monotonic() + _PATIENCE_S
    while len(loads(log)) < count:
        assert time.monotonic() < deadline, f"{len(loads(log))} of {count} loaded:\n{log.read_text()[-3000:]}"
        time.sleep(0.02)


def workers() -> list[psutil.Process]:
    """List the worker processes of the one server that this test runs."""
    servers = [child for child in psutil.Process().children() if "gunicorn" in " ".join(child.cmdline())]
    assert len(servers) == 1
    return list(servers[0].children())


def _decision(fruits: tuple[str, ...], threshold: float) -> Decision:
    return Decision(
        fruits=fruits,
        head_weights=np.zeros((len(fruits), _D_PCA), np.float32),
        head_bias=np.array([8.0, 0.0], np.float32),
        head_share=0.9,
        neighbours=10,
        neighbour_temperature=0.1,
        vote_weights=np.ones(len(fruits), np.float32),
        temperature=1.0,
        smoothing=0.0,
        varieties=(),
        variety_weights=np.zeros((0, _D_PCA), np.float32),
        variety_bias=np.zeros(0, np.float32),
        variety_temperature=1.0,
        gate=None,
        thresholds=Thresholds(is_fruit=threshold),
    )


def _rows(colour: str, fruits: tuple[str, ...]) -> Rows:
    labels = [Label(fruits[row % 2], None) for row in range(_ROWS)]
    images = [f"{colour}/{row}" for row in range(_ROWS)]
    return Rows(labels, images, images, [f"{colour} photos"] * _ROWS, [False] * _ROWS)


def _catalogue(colour: str) -> str:
    content = json.loads(Catalogue.default().to_json())
    names = content["words"]["en"]["fruits"]
    content["words"]["en"]["fruits"] = {fruit: f"{colour} {name}" for fruit, name in names.items()}
    return json.dumps(content)


def published_pair(
    s3_server: Any, folder: Path
) -> tuple[Store, list[Coloured], Pointer | None, dict[str, str]]:
    """Publish a red and a green bundle to a new store on S3.

    Returns:
        The store, both bundles, the pointer to the second, and the settings of a worker that follows it.
    """
    bundles = [coloured_bundle(folder / colour, colour) for colour in ("red", "green")]
    uri = s3_server.new_bucket("store")
    store, pointer = open_store(uri, s3_server.options), None
    for bundle in bundles:
        pointer = store.publish(bundle.folder, pointer)
    settings = {
        **WORKER_SETTINGS,
        "FRUITS_STORE": uri,
        "FRUITS_S3_ENDPOINT": s3_server.endpoint_url,
        "FRUITS_CACHE": str(folder / "cache"),
    }
    return store, bundles, pointer, settings
