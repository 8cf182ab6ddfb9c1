"""How long an answer takes over HTTP, and what of that is decoding, network and search."""

import io
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from PIL import Image

from examples.local_server import local_server
from models.identifier import Identifier
from models.photo import fit
from tests.bench.client import Client
from tests.bench.conftest import Measured
from tests.bench.phone_photos import LARGE, SMALL, large_photo, small_photo
from tests.bench.settings import BenchSettings
from tests.bench.table import middle, percentile, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

CLIENTS = 2
WARM_UP = 5
SPANS = ("decode", "embed", "search")
PACKAGES = ("gunicorn", "flask", "pillow", "ai-edge-litert", "faiss-cpu", "numpy")


@dataclass
class Measurements:
    """What one way took for one photo.

    Attributes:
        rounds: milliseconds of each request, by round.
        spans: milliseconds of the steps.
        rates: images a second of each round.
    """

    rounds: list[list[float]] = field(default_factory=list)
    spans: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rates: list[float] = field(default_factory=list)

    def add(self, ms: list[float], seconds: float) -> None:
        """Add a round."""
        self.rounds.append(ms)
        self.rates.append(len(ms) / seconds)

    def note(self, spans: Mapping[str, float]) -> None:
        """Add the steps of one request."""
        for name in SPANS:
            self.spans[name].append(spans[name])

    def cells(self) -> list[str]:
        """Write p50 with the range over rounds, p95 over all, the steps and the rate."""
        every = [ms for one in self.rounds for ms in one]
        p50 = f"{percentile(every, 50):.1f} ({middle_range([percentile(one, 50) for one in self.rounds])})"
        steps = [f"{median(self.spans[name]):.1f}" if self.spans else "" for name in SPANS]
        return [p50, f"{percentile(every, 95):.1f}", *steps, middle(self.rates)]


def middle_range(values: list[float]) -> str:
    return f"{min(values):.1f}-{max(values):.1f}"


Once = Callable[[], tuple[float, Mapping[str, float]]]


def over_http(client: Client, photo: bytes) -> tuple[float, Mapping[str, float]]:
    answer = client.identify(photo)
    return answer.ms, answer.body["timing_ms"]


def in_process(identifier: Identifier, photo: bytes) -> tuple[float, Mapping[str, float]]:
    started = time.perf_counter()
    found = identifier.identify([photo])
    return (time.perf_counter() - started) * 1000, found.timing_ms


def decoded_whole(identifier: Identifier, photo: bytes) -> tuple[float, Mapping[str, float]]:
    """Decode every pixel, then resize: what reduced-scale decoding saves."""
    clock = [time.perf_counter()]
    pixels = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    framed = fit(pixels, identifier.input_size)[None]
    clock.append(time.perf_counter())
    embedding = identifier.embed(framed)
    clock.append(time.perf_counter())
    identifier.judge(embedding)
    clock.append(time.perf_counter())
    spans = [(end - start) * 1000 for start, end in pairwise(clock)]
    return sum(spans), dict(zip(SPANS, spans, strict=True))


def test_latency_and_throughput_of_identify(
    asked: BenchSettings, measured: Measured, bench_folder: Path
) -> None:
    photos = {"12 megapixels": large_photo(1), "348 pixels": small_photo(1)}
    assert 3_000_000 < len(photos["12 megapixels"]) < 5_000_000
    identifier = Identifier.load(measured.folder)
    each = max(1, asked.requests // asked.rounds)
    results: dict[tuple[str, str], Measurements] = defaultdict(Measurements)
    with local_server(measured.environ, bench_folder / "identify.log") as base, Client(base) as client:
        for photo, size in zip(photos.values(), (LARGE, SMALL), strict=True):
            assert_same_answer(client, identifier, photo, size)
            for _ in range(WARM_UP):
                decoded_whole(identifier, photo)
                client.identify(photo)
        for _ in range(asked.rounds):
            for name, photo in photos.items():
                one_after_another(results, name, ways(client, identifier, photo), each)
                several_clients(results[name, f"HTTP, {CLIENTS} clients"], base, photo, each)
    report(results, photos, measured, each * asked.rounds)


def ways(client: Client, identifier: Identifier, photo: bytes) -> dict[str, Once]:
    return {
        "HTTP, 1 client": lambda: over_http(client, photo),
        "in process": lambda: in_process(identifier, photo),
        "in process, full decode": lambda: decoded_whole(identifier, photo),
    }


def assert_same_answer(client: Client, identifier: Identifier, photo: bytes, size: tuple[int, int]) -> None:
    """Hold that the server and this process answer alike, from the photo as it was meant to be."""
    over = client.identify(photo).body
    here = identifier.identify([photo])
    assert [result["fruit"] for result in over["results"]] == [result.fruit for result in here.results]
    assert (over["photos"][0]["width"], over["photos"][0]["height"]) == size


def one_after_another(
    results: dict[tuple[str, str], Measurements], name: str, run: Mapping[str, Once], each: int
) -> None:
    """Run every way in turn, request by request, so that all of them meet the same neighbours."""
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(each):
        for way, once in run.items():
            ms, spans = once()
            taken[way].append(ms)
            results[name, way].note(spans)
    for way, ms_each in taken.items():
        results[name, way].add(ms_each, sum(ms_each) / 1000)


def several_clients(result: Measurements, base: str, photo: bytes, each: int) -> None:
    """Let clients ask at the same time, each over its own connection."""

    def ask(_: int) -> list[float]:
        with Client(base) as client:
            return [client.identify(photo).ms for _ in range(each)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        started = time.perf_counter()
        taken = [ms for one in pool.map(ask, range(CLIENTS)) for ms in one]
        result.add(taken, time.perf_counter() - started)


def report(
    results: Mapping[tuple[str, str], Measurements],
    photos: Mapping[str, bytes],
    measured: Measured,
    count: int,
) -> None:
    sizes = ", ".join(f"{name} {len(photo) / 1e6:.2f} MB" for name, photo in photos.items())
    show(
        f"POST /identify on {measured.name}",
        ["photo", "way", "p50 ms (rounds)", "p95 ms", "decode", "network", "search", "images/s (rounds)"],
        [[name, way, *result.cells()] for (name, way), result in results.items()],
        packages=PACKAGES,
        left=(0, 1),
        notes=[
            f"JPEG: {sizes}. {count} requests a photo, way and client; the ways in turn.",
            "HTTP: gunicorn as configured (2 workers), connections kept, clients on the same machine.",
            "In process: the same bytes through decoding, network and search, on one thread, without HTTP.",
            "Full decode: every pixel of the JPEG is decoded, then resized. Steps are medians in ms.",
        ],
    )
