"""What an answer costs under load: CPU seconds in the workers beside the same work without HTTP."""

from pathlib import Path

import pytest

from tests.bench import in_process, top1
from tests.bench.client import Client
from tests.bench.conftest import Measured
from tests.bench.gunicorn_server import OURS, gunicorn
from tests.bench.in_process import AtBest
from tests.bench.load_client import MISSING, load_client
from tests.bench.phone_photos import small_photos
from tests.bench.settings import BenchSettings
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.table import ROOT
from tests.debian_packages import PackagesMissing

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

CLIENTS, SECONDS, WORKERS = 8, 60, 2
WARM_UP_S = 2


def test_speed_under_load(
    asked: BenchSettings, measured: Measured, bench_folder: Path, tmp_path: Path
) -> None:
    try:
        clients = load_client(ROOT / "build" / "load-client")
    except PackagesMissing:
        pytest.skip(MISSING)
    photos, at_best = small_photos(), AtBest(measured.folder)
    seconds = max(2, SECONDS // asked.rounds)
    settings = {**measured.environ, "FRUITS_WORKERS": str(WORKERS)}
    loads, spent, alone, beside = [], [], [], []
    with (
        gunicorn(OURS, settings, bench_folder / "load.log") as server,
        in_process.processes(1, measured.folder) as one,
        in_process.processes(1, measured.folder) as another,
        Client(server.base) as client,
    ):
        for photo in photos:
            assert client.identify(photo).body["results"][0]["fruit"] == at_best.best(photo)
        clients.identify(server.base, photos, clients=CLIENTS, seconds=WARM_UP_S, folder=tmp_path)
        for _ in range(asked.rounds):
            before = server.cpu_s()
            load = clients.identify(server.base, photos, clients=CLIENTS, seconds=seconds, folder=tmp_path)
            spent.append(1000 * (server.cpu_s() - before) / load.answers)
            loads.append(load)
            alone.append(1000 * in_process.cpu_s_an_answer([one], photos, seconds / 3))
            beside.append(1000 * in_process.cpu_s_an_answer([one, another], photos, seconds / 3))
    errors = sum(load.errors for load in loads)
    assert errors == 0
    what = f"/identify, JPEG of 348 px, {CLIENTS} clients (wrk) for {seconds * asked.rounds} s in all, "
    what += f"{WORKERS} workers"
    aside = (
        f"{sum(load.answers for load in loads):,} answers, {errors} errors; same first fruit in process for "
    )
    aside += f"{len(photos)} of {len(photos)} photos; top-1 {top1.of_ours(measured.manifest)}"
    SpeedRow(
        key="60-load-cpu",
        what=what,
        unit="ms of CPU an answer",
        more_is_better=False,
        ours=Way("workers", spent),
        against=(Way("the same answers in two processes at once, without HTTP", beside),),
        limit=Way("the same answers in one process, without HTTP", alone),
        to_reach=">= 0.8 of the limit, no error",
        beside=aside,
    ).save()
    SpeedRow(
        key="61-load-answers",
        what=what,
        unit="answers/s",
        more_is_better=True,
        ours=Way("over HTTP", [load.answers / load.seconds for load in loads]),
        against=(),
        limit=None,
        to_reach="reported",
        beside="the load client runs on the same cores",
    ).save()
    SpeedRow(
        key="62-load-p99",
        what=what,
        unit="ms, p99",
        more_is_better=False,
        ours=Way("over HTTP", [load.p99_ms for load in loads]),
        against=(),
        limit=None,
        to_reach="reported",
        beside=f"p50 {min(load.p50_ms for load in loads):.0f} to {max(load.p50_ms for load in loads):.0f} ms",
    ).save()
