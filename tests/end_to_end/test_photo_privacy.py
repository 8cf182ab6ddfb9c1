"""Nothing of a photo outlives its request: no file, no temporary folder, no line of the log holds any of it.

Every file that a worker opens is recorded by an audit hook (`watched.conf.py`), its open files are looked at
while a photo is half sent, and the system's own count says how much it wrote. Temporary files are out of
reach: where they would go lies a plain file, not a folder; that stops root too, whom permissions do not bind.
"""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from tests.end_to_end.photo_sender import (
    CLIENT_NETWORK,
    FILE_NAME,
    GPS,
    LATITUDE,
    LONGITUDE,
    SECRETS,
    SERIAL_NUMBER,
    SIZE,
    SlowRequest,
    multipart,
    photo_file,
)
from tests.end_to_end.swap_bundles import wait_for_loads

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
PIECES = 20
SPOOLED_FROM_BYTES = 500 * 1024
MOST_WRITTEN_BYTES = 100_000
JPEG_START = b"\xff\xd8"
KINDS = pytest.mark.parametrize(
    "photo", ["JPEG", pytest.param("HEIC", marks=pytest.mark.drill)], indirect=True
)
"""Encoding 12 megapixels as HEIC takes long, so that is left to the drills."""
NO_FILES = ("socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/urandom")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Watched:
    """A running server whose workers are watched.

    Attributes:
        base: its address.
        record: file of audit events.
        log: file of all that it says.
    """

    base: str
    record: Path
    log: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.base.rsplit(":", 1)[1])

    def events(self) -> list[dict[str, Any]]:
        """Give what its workers did with files since they were forked."""
        # The last line may be half written.
        return [json.loads(line) for line in self.record.read_text("utf-8").split("\n")[:-1]]

    def workers(self) -> set[int]:
        """Give the process ids of its workers."""
        return {event["worker"] for event in self.events()}

    def numbers(self) -> Path:
        """Give the folder in which its workers count for Prometheus."""
        return Path(next(e["arguments"][0] for e in self.events() if e["arguments"][1:2] == ["numbers"]))

    def changes(self) -> list[dict[str, Any]]:
        """Give the events that make, change or move a file or folder, those of the numbers left out."""
        own = f"{self.numbers()}/"
        return [e for e in self.events() if changes_a_file(e) and not str(e["arguments"][0]).startswith(own)]

    def open_files(self) -> set[tuple[int, str]]:
        """Give (worker, path) of the files, on disk or in memory, that its workers have open now."""
        own = f"{self.numbers()}/"
        found = set()
        for worker in self.workers():
            for number in Path(f"/proc/{worker}/fd").iterdir():
                try:
                    target = str(number.readlink())
                except FileNotFoundError:  # closed since it was listed
                    continue
                if not target.startswith((*NO_FILES, own)):
                    found.add((worker, target))
        return found

    def written_bytes(self) -> int:
        """Give what its workers have written so far to anything but sockets, as the system counts it."""
        counts = [Path(f"/proc/{worker}/io").read_text("ascii") for worker in self.workers()]
        return sum(int(count.split("wchar:")[1].split()[0]) for count in counts)


def changes_a_file(event: dict[str, Any]) -> bool:
    """Tell whether an audit event is anything else than opening a file to read it."""
    if event["event"] != "open":
        return True
    path, mode, flags = event["arguments"]
    return path != os.devnull and (bool(set(str(mode)) & set("wax+")) or bool((flags or 0) & WRITING))


@contextmanager
def watched_server(folder: Path, **environ: str) -> Iterator[Watched]:
    """Serve the product with two workers that are watched from their fork on, until the block ends."""
    record, log = folder / "record.jsonl", folder / "server.log"
    given = {name: value for name, value in os.environ.items() if not name.startswith("FRUITS_")}
    settings = {
        "FRUITS_BIND": "127.0.0.1:0",
        "FRUITS_METRICS_BIND": "127.0.0.1:0",
        "FRUITS_WORKERS": str(WORKERS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "WATCH_RECORD": str(record),
    }
    configuration = str(Path(__file__).with_name("watched.conf.py"))
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", configuration, "api.wsgi:app"],
            cwd=ROOT,
            env={**given, **settings, **environ},
            stdout=output,
            stderr=output,
        )
    try:
        wait_for_loads(log, WORKERS)
        port = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text("utf-8"))
        assert port
        yield Watched(f"http://127.0.0.1:{port[1]}", record, log)
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    return photo_file("JPEG")


@pytest.fixture(scope="module")
def photo(request: pytest.FixtureRequest, jpeg: bytes) -> bytes:
    """Give the photo of a kind."""
    return jpeg if request.param == "JPEG" else photo_file(request.param)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Give a server for which there is no folder for temporary files."""
    folder = tmp_path_factory.mktemp("watched")
    plain_file = folder / "no-folder"
    plain_file.write_text("Nothing can be put below a file, not even by root.")
    temporary = str(plain_file / "temporary")
    with watched_server(folder, TMPDIR=temporary, WATCH_TEMPORARY=temporary) as watched:
        yield watched


def send_slowly(server: Watched, body: bytes, content_type: str) -> tuple[set[tuple[int, str]], Any]:
    """Send a photo piece by piece; give the files that were open meanwhile and not before, and the answer."""
    before, seen = server.open_files(), set()
    request = SlowRequest(server.port, body, content_type)
    for _held_bytes in request.pieces(PIECES):
        seen |= server.open_files()
    status, answer = request.answer()
    assert status == 200, answer
    return seen - before, answer


@KINDS
def test_the_photo_carries_a_place_and_names(photo: bytes) -> None:
    opened = Image.open(io.BytesIO(photo)) if photo[:2] == JPEG_START else pillow_heif.open_heif(photo)
    exif = Image.Exif()
    exif.load(opened.info["exif"])
    place = exif.get_ifd(GPS)
    assert [float(part) for part in (*place[2], *place[4])] == pytest.approx([*LATITUDE, *LONGITUDE])
    assert opened.size == SIZE
    assert len(photo) > 2.2 * SPOOLED_FROM_BYTES
    assert FILE_NAME.encode() in photo
    assert SERIAL_NUMBER.encode() in photo


@KINDS
@pytest.mark.parametrize("form", [True, False], ids=["form", "raw"])
def test_a_photo_of_12_megapixels_is_answered_and_leaves_no_file(
    server: Watched, photo: bytes, form: bool
) -> None:
    written = server.written_bytes()
    body, content_type = multipart(photo) if form else (photo, "image/jpeg")
    opened, answer = send_slowly(server, body, content_type)
    assert opened == set()
    assert server.changes() == []
    assert server.written_bytes() - written < MOST_WRITTEN_BYTES
    assert (answer["photos"][0]["width"], answer["photos"][0]["height"]) == SIZE
    assert [secret for secret in SECRETS if secret in json.dumps(answer)] == []


def test_a_photo_that_is_refused_or_broken_off_leaves_no_file_either(server: Watched, jpeg: bytes) -> None:
    before, written = server.open_files(), server.written_bytes()
    half = jpeg[: len(jpeg) // 2]
    for body, status in ((half[:-1], 422), (b"words" * 300_000, 415), (half * 30, 413)):
        request = SlowRequest(server.port, *multipart(body))
        assert all(request.pieces(2))
        assert request.answer()[0] == status
    broken_off = SlowRequest(server.port, *multipart(half))
    assert next(broken_off.pieces(2)) > SPOOLED_FROM_BYTES / 2
    assert server.open_files() == before
    broken_off.hang_up()
    assert server.changes() == []
    assert server.written_bytes() - written < MOST_WRITTEN_BYTES


def test_no_line_of_the_log_and_no_number_says_where_who_or_what(server: Watched, jpeg: bytes) -> None:
    send_slowly(server, *multipart(jpeg))
    said = server.log.read_text("utf-8")
    requests = [json.loads(line) for line in said.splitlines() if '"message": "request"' in line]
    assert requests
    assert {line["client"] for line in requests} == {CLIENT_NETWORK}
    numbers = b"".join(file.read_bytes() for file in server.numbers().iterdir())
    assert b"fruits_requests" in numbers
    for secret in SECRETS:
        assert secret.lower() not in said.lower()
        assert secret.encode() not in numbers


def test_the_record_holds_every_workers_files(server: Watched) -> None:
    """What is not seen would not be found out: opening the network, at least, is seen in each worker."""
    reads = {
        (e["worker"], Path(str(e["arguments"][0])).name) for e in server.events() if e["event"] == "open"
    }
    assert (
        len({worker for worker, name in reads if name == "network.tflite"})
        == WORKERS
        == len(server.workers())
    )


def test_a_server_that_spools_photos_would_be_found_out(tmp_path: Path, jpeg: bytes) -> None:
    """With Werkzeug's default in place of the product's streams, each of the watches sees the file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with watched_server(tmp_path, WATCH_TEMPORARY=str(temporary), WATCH_SPOOLING="yes") as server:
        written = server.written_bytes()
        opened, _ = send_slowly(server, *multipart(jpeg))
        assert [path for _, path in opened if path.startswith(str(temporary))]
        assert [event for event in server.changes() if str(temporary) in str(event["arguments"])]
        assert server.written_bytes() - written > len(jpeg)
        temporary.rmdir()
        temporary.write_text("No folder any more: now it cannot spool.")
        request = SlowRequest(server.port, *multipart(jpeg))
        assert all(request.pieces(2))
        assert request.answer()[0] == 500
