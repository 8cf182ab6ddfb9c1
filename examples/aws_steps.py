"""Two steps of the demonstration on AWS: put photos into a bucket, and ask an API that serves a store.

Region, credentials and endpoint come from the AWS configuration, as everywhere.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore

from examples.local_server import DemoFailed, local_server
from examples.phone import identify
from models.errors import FruitsError
from models.locations import S3Options, open_location

PARALLEL_UPLOADS = 16


def main() -> int:
    """Run one step; return 0, or 1 when it failed."""
    parser = argparse.ArgumentParser(prog="python -m examples.aws_steps", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    upload = steps.add_parser(
        "upload", help="put what a folder holds into a bucket, but what is there already"
    )
    upload.add_argument("folder", type=Path)
    upload.add_argument("uri", metavar="S3_URI")
    upload.set_defaults(step=lambda given: _upload(given.folder, given.uri, given.region))
    ask = steps.add_parser("ask", help="serve a store on this machine for as long as one photo takes")
    ask.add_argument("store", metavar="S3_URI")
    ask.add_argument("photo", type=Path)
    ask.set_defaults(step=lambda given: _ask(given.store, given.photo, given.region))
    for step in (upload, ask):
        step.add_argument("--region", required=True)
    given = parser.parse_args()
    try:
        given.step(given)
    except (DemoFailed, FruitsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _upload(folder: Path, uri: str, region: str) -> None:
    objects = open_location(uri, S3Options(region=region)).objects
    there = {entry["path"]: entry["size"] for page in obstore.list(objects) for entry in page}
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    new = [name for name, path in names.items() if there.get(name) != path.stat().st_size]
    with ThreadPoolExecutor(PARALLEL_UPLOADS) as pool:
        list(pool.map(lambda name: obstore.put(objects, name, names[name]), new))
    print(f"{len(new)} of {len(names)} files uploaded to {uri}, the rest was there")


def _ask(store: str, photo: Path, region: str) -> None:
    with tempfile.TemporaryDirectory(prefix="fruits-aws-") as work:
        settings = {
            "FRUITS_STORE": store,
            "FRUITS_S3_REGION": region,
            "FRUITS_CACHE": f"{work}/bundles",
            "FRUITS_WORKERS": "1",
        }
        with local_server(settings, Path(work, "server.log")) as base:
            answer, milliseconds = identify(base, photo.read_bytes(), photo.name)
    wanted = ("is_fruit", "answer", "bundle", "timing_ms")
    print(json.dumps({name: answer[name] for name in wanted}, indent=1))
    print(f"answered in {milliseconds:.0f} ms by {store}")


if __name__ == "__main__":
    raise SystemExit(main())
