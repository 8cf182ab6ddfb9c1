"""How large everything is, and how long the API takes from its start to its first answer."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psutil
import pytest

from examples.local_server import local_server
from tests.bench.client import Client
from tests.bench.conftest import Measured
from tests.bench.phone_photos import large_photo, small_photo
from tests.bench.settings import BenchSettings
from tests.bench.table import ROOT, middle, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

REQUESTS = 50
SHOWN = 6
STOP_TIMEOUT_S = 30
PACKAGES = ("gunicorn", "flask", "ai-edge-litert", "faiss-cpu", "pyarrow", "pillow")
Row = list[str]


def test_sizes_memory_and_time_to_the_first_answer(
    asked: BenchSettings, measured: Measured, bench_folder: Path
) -> None:
    rows = [*of_repository(), *of_bundle(measured), *of_packages()]
    rows += of_memory(measured, bench_folder / "sizes.log")
    starts = [first_answer_s(measured, bench_folder / "start.log") for _ in range(asked.rounds)]
    rows.append(
        ["start to first answer", middle(starts, 2), "s, median (range) of", f"{asked.rounds} starts"]
    )
    show(
        f"Sizes: {measured.name}",
        ["what", "figure", "unit", "of"],
        rows,
        packages=PACKAGES,
        left=(0, 2, 3),
        notes=[
            "MB are 10^6 bytes. Memory is resident (RSS) and, of that, private to the process (USS).",
            "First answer: from starting gunicorn to HTTP 200 of /identify on a 348-pixel JPEG.",
        ],
    )


def megabytes(what: str, size: float, of: str = "") -> Row:
    return [what, f"{size / 1e6:,.2f}", "MB", of]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def of_repository() -> Iterator[Row]:
    sizes = {
        name: (ROOT / name).stat().st_size for name in git("ls-files").splitlines() if (ROOT / name).is_file()
    }
    yield megabytes("repository: tracked files", sum(sizes.values()), f"{len(sizes)} files")
    for name in sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]:
        yield megabytes(f"  {name}", sizes[name])
    packed = dict(re.findall(r"^(size|size-pack): (\d+)$", git("count-objects", "-v"), re.MULTILINE))
    yield megabytes("repository: history", 1024 * sum(map(int, packed.values())), "all commits, compressed")


def of_bundle(measured: Measured) -> Iterator[Row]:
    files = {path.name: path.stat().st_size for path in measured.folder.iterdir() if path.is_file()}
    assert {name: files[name] for name in measured.manifest.files} == {
        name: entry.bytes for name, entry in measured.manifest.files.items()
    }
    photos = sum(measured.manifest.counts.values())
    yield megabytes("bundle", sum(files.values()), f"{photos:,} photos, {measured.manifest.d_pca} components")
    for name in sorted(files, key=lambda name: -files[name]):
        yield megabytes(f"  {name}", files[name])


def of_packages() -> Iterator[Row]:
    sizes = {name: installed_bytes(name) for name in sorted(required_by_api())}
    yield megabytes("packages of the API, installed", sum(sizes.values()), f"{len(sizes)} packages")
    for name in sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]:
        yield megabytes(f"  {name}", sizes[name])


def required_by_api() -> set[str]:
    """Follow the requirements of the API's image to every package that they bring along."""
    found: set[str] = set()
    waiting = [
        name
        for file in ("api.txt", "models.txt")
        for name in re.findall(
            r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements" / file).read_text(), re.MULTILINE
        )
    ]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found and installed_bytes(name):
            found.add(name)
            needs = [line for line in distribution(name).requires or () if "extra ==" not in line]
            waiting += [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in needs]
    return found


def installed_bytes(name: str) -> int:
    """Add up a package's files; 0 for one that this platform does not want."""
    try:
        files = distribution(name).files or ()
    except PackageNotFoundError:
        return 0
    paths = (Path(str(file.locate())) for file in files)
    return sum(path.stat().st_size for path in paths if path.is_file())


def of_memory(measured: Measured, log: Path) -> Iterator[Row]:
    """Read the memory of one worker, with no other that could have answered in its place."""
    photos = [small_photo(2), large_photo(2)]
    with local_server({**measured.environ, "FRUITS_WORKERS": "1"}, log) as base, Client(base) as client:
        gunicorn = next(
            child for child in psutil.Process().children() if "gunicorn" in " ".join(child.cmdline())
        )
        (worker,) = gunicorn.children()
        yield from memory(worker, "a worker", "ready, before any request")
        for number in range(REQUESTS):
            body = client.identify(photos[number % 2]).body
            assert body["photos"][0]["width"] == (348, 4032)[number % 2]
        yield from memory(
            worker, "a worker", f"after {REQUESTS} requests, half 348 pixels, half 12 megapixels"
        )
        yield from memory(gunicorn, "the master process", "after them")


def memory(process: psutil.Process, of: str, when: str) -> Iterator[Row]:
    used = process.memory_full_info()
    yield megabytes(f"memory of {of}, resident", used.rss, when)
    yield megabytes("  private", used.uss, when)


def first_answer_s(measured: Measured, log: Path) -> float:
    """Start gunicorn on a socket that listens already: the request waits there for the first worker."""
    photo = small_photo(3)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        gunicorn_on(listening, measured.environ, log) as started,
        Client(f"http://127.0.0.1:{listening.getsockname()[1]}") as client,
    ):
        assert client.identify(photo).body["results"]
        return time.perf_counter() - started


@contextmanager
def gunicorn_on(listening: socket.socket, settings: Mapping[str, str], log: Path) -> Iterator[float]:
    """Run gunicorn on an open socket; gives the time of its start."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FRUITS_")}
    command = [sys.executable, "-m", "gunicorn", "--config", "api/gunicorn.conf.py"]
    command += ["--bind", f"fd://{listening.fileno()}", "api.wsgi:app"]
    with log.open("wb") as output:
        started = time.perf_counter()
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listening.fileno()],
        )
    try:
        yield started
    finally:
        server.terminate()
        server.wait(STOP_TIMEOUT_S)
