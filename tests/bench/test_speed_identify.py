"""How long an answer to a photo of 348 pixels takes over HTTP, beside its decoding, network and search."""

from pathlib import Path
from statistics import median

import pytest

from examples.local_server import local_server
from tests.bench import top1
from tests.bench.client import Client
from tests.bench.conftest import Measured
from tests.bench.in_process import AtBest
from tests.bench.phone_photos import small_photos
from tests.bench.settings import BenchSettings
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.table import percentile

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


def test_speed_of_one_client(asked: BenchSettings, measured: Measured, bench_folder: Path) -> None:
    photos, at_best = small_photos(), AtBest(measured.folder)
    over_http: list[list[float]] = []
    limit: list[list[float]] = []
    with local_server(measured.environ, bench_folder / "identify.log") as base, Client(base) as client:
        for photo in photos:
            assert client.identify(photo).body["results"][0]["fruit"] == at_best.best(photo)
        spans = [client.identify(photo).body["timing_ms"] for photo in photos]
        for _ in range(asked.rounds):
            # Request by request, so that both meet the same neighbours on this machine.
            turn = [photos[number % len(photos)] for number in range(asked.requests)]
            pairs = [(client.identify(photo).ms, at_best.ms(photo)) for photo in turn]
            over_http.append([ms for ms, _ in pairs])
            limit.append([ms for _, ms in pairs])
    steps = ", ".join(f"{name} {median(span[name] for span in spans):.1f}" for name in spans[0])
    for place, percent in ((50, 50), (51, 95)):
        SpeedRow(
            key=f"{place}-identify-p{percent}",
            what=f"/identify, JPEG of 348 px, one client, {asked.requests} requests a round",
            unit=f"ms, p{percent}",
            more_is_better=False,
            ours=Way("over HTTP", [percentile(ms, percent) for ms in over_http]),
            against=(),
            limit=Way("decoding, network and search in process", [percentile(ms, percent) for ms in limit]),
            to_reach=">= 0.6 of the limit",
            beside=f"same first fruit in process for {len(photos)} of {len(photos)} photos; top-1 "
            f"{top1.of_ours(measured.manifest)}; ms inside the server: {steps}",
        ).save()
