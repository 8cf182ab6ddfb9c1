"""How long an answer to a photo of 12 megapixels takes over HTTP, decoded at reduced scale and whole."""

from pathlib import Path

import pytest

from tests.bench import top1
from tests.bench.client import Client
from tests.bench.conftest import Measured
from tests.bench.gunicorn_server import OURS, gunicorn
from tests.bench.in_process import AtBest
from tests.bench.phone_photos import LARGE, large_heic, large_photo
from tests.bench.settings import BenchSettings
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.table import percentile

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

WHOLE = ("--config", "api/gunicorn.conf.py", "tests.bench.whole_decode:create()")
AIMS = {"JPEG": ">= 2.5x; p50 <= 60 ms on an idle machine", "HEIC": "reported"}
WARM_UP = 2


def test_speed_of_photos_of_12_megapixels(
    asked: BenchSettings, measured: Measured, bench_folder: Path
) -> None:
    photos = {"JPEG": large_photo(1), "HEIC": large_heic(1)}
    at_best = AtBest(measured.folder)
    each = max(2, asked.requests // asked.rounds)
    with (
        gunicorn(OURS, measured.environ, bench_folder / "identify.log") as ours,
        gunicorn(WHOLE, measured.environ, bench_folder / "whole.log") as whole,
        Client(ours.base) as client,
        Client(whole.base) as other,
    ):
        for place, (kind, photo) in enumerate(photos.items()):
            ways = {
                "ours": lambda photo=photo: client.identify(photo).ms,
                "whole": lambda photo=photo: other.identify(photo).ms,
                "limit": lambda photo=photo: at_best.ms(photo),
            }
            answers = [client.identify(photo).body, other.identify(photo).body]
            named = {answer["results"][0]["fruit"] for answer in answers}
            assert named == {at_best.best(photo)}
            assert all((a["photos"][0]["width"], a["photos"][0]["height"]) == LARGE for a in answers)
            for once in ways.values():
                for _ in range(WARM_UP):
                    once()
            rounds: dict[str, list[list[float]]] = {way: [] for way in ways}
            for _ in range(asked.rounds):
                turns = [{way: once() for way, once in ways.items()} for _ in range(each)]
                for way, taken in rounds.items():
                    taken.append([turn[way] for turn in turns])
            for step, percent in enumerate((50, 95)):
                figures = {way: [percentile(ms, percent) for ms in taken] for way, taken in rounds.items()}
                SpeedRow(
                    key=f"{52 + 2 * place + step}-identify-{kind.lower()}-p{percent}",
                    what=f"/identify, {kind} of 12 megapixels ({len(photo) / 1e6:.1f} MB), one client",
                    unit=f"ms, p{percent}",
                    more_is_better=False,
                    ours=Way("over HTTP", figures["ours"]),
                    against=(Way("over HTTP, decoded whole, then resized", figures["whole"]),),
                    limit=Way("decoding, network and search in process", figures["limit"]),
                    to_reach=AIMS[kind],
                    beside=f"all three name the same fruit; top-1 {top1.of_ours(measured.manifest)}",
                ).save()
