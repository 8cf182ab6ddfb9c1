"""What the tests of the whole path on S3 share: photos in a bucket, and an API that answers from a bundle."""

from pathlib import Path
from typing import Any

from batch.synthetic import render
from examples.local_server import local_server
from examples.phone import identify

FRUITS = ("apple", "banana", "lime", "not_fruit")


def upload(folder: Path, client: Any, bucket: str) -> int:
    """Put the chosen folders of a corpus into a bucket under `photos/`, and count the photos."""
    paths = [path for fruit in FRUITS for path in sorted((folder / fruit).iterdir())]
    for path in paths:
        client.put_object(Bucket=bucket, Key=f"photos/{path.relative_to(folder)}", Body=path.read_bytes())
    return len(paths)


def assert_a_banana_is_identified(store: str, version: str, endpoint_url: str, folder: Path) -> None:
    """Ask an API that serves a store about a banana; it must answer with it, from that very bundle."""
    settings = {
        "FRUITS_STORE": store,
        "FRUITS_S3_ENDPOINT": endpoint_url,
        "FRUITS_CACHE": str(folder / "cache"),
        "FRUITS_WORKERS": "1",
    }
    with local_server(settings, folder / "server.log") as base:
        answer, _ = identify(base, render("banana", 7, seed=9, kind="asked"), "banana.jpg")
    assert answer["bundle"]["version"] == version
    assert answer["results"][0]["fruit"] == "banana"
    assert answer["results"][0]["similar"][0]["image"].startswith("photos/banana/")
