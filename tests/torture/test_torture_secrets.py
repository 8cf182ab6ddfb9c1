"""A build from S3 to S3 with secrets in its environment, Spark's event log on: they are nowhere afterwards.

Its short form is in tests/end_to_end/test_secrets.py: every command that fails, in one process.
"""

import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.synthetic import render_corpus
from tests.bench.table import ROOT
from tests.canaries import Canaries, telling_server
from tests.end_to_end.s3_builds import upload
from tests.pickle_search import pickles_in
from tests.s3_server import S3Server
from tests.torture.counts import Counted

BUILD_TIMEOUT_S = 400


def build(canaries: Canaries, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a build at its most talkative, Spark's event log in `folder`."""
    events, configuration = folder / "events", folder / "conf"
    events.mkdir(parents=True, exist_ok=True)
    configuration.mkdir(exist_ok=True)
    (configuration / "spark-defaults.conf").write_text(
        f"spark.eventLog.enabled true\nspark.eventLog.dir {events.as_uri()}\nspark.eventLog.compress false\n"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    talkative = {"SPARK_CONF_DIR": str(configuration), "RUST_LOG": "trace"}
    return subprocess.run(
        [sys.executable, "-m", "batch", "build", *arguments, "--master", "local[2]", "--verbose"],
        cwd=ROOT,
        env={**kept, **canaries.environ(), **talkative},
        capture_output=True,
        timeout=BUILD_TIMEOUT_S,
    )


def objects_of(client: Any) -> dict[str, bytes]:
    """Give every object of every bucket of a server."""
    found = {}
    for bucket in client.list_buckets()["Buckets"]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            for entry in page.get("Contents", []):
                where = f"{bucket['Name']}/{entry['Key']}"
                found[where] = client.get_object(Bucket=bucket["Name"], Key=entry["Key"])["Body"].read()
    return found


def unpacked(where: str, data: bytes) -> bytes:
    """Give bytes with what is compressed in them: words of a table, members of an archive."""
    if where.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(data))
        words = [name for name in table.column_names if pa.types.is_string(table.schema.field(name).type)]
        return data + repr(table.select(words).to_pydict()).encode()
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return data + b"".join(archive.read(name) for name in archive.namelist())
    return data


@pytest.mark.torture
@pytest.mark.timeout(1200)
def test_a_build_leaves_no_secret_anywhere(s3_server: S3Server, tmp_path: Path) -> None:
    started, canaries = time.perf_counter(), Canaries()
    render_corpus(tmp_path / "corpus", photos_per_fruit=20, negatives=24, seed=1)
    photos, store = s3_server.new_bucket("photos"), s3_server.new_bucket("bundles")
    features = s3_server.new_bucket("features")
    upload(tmp_path / "corpus", s3_server.client(), photos.split("/")[2])
    places = ["--store", store, "--features", features, "--components", "16"]
    succeeded = build(
        canaries, tmp_path, "--corpus", photos, *places, "--endpoint-url", s3_server.endpoint_url
    )
    assert succeeded.returncode == 0, succeeded.stderr
    with telling_server() as telling:
        refused = build(canaries, tmp_path, "--corpus", photos, *places, "--endpoint-url", telling)
    hadoop = build(
        canaries, tmp_path, "--corpus", canaries.addresses()["password"], "--store", str(tmp_path / "s")
    )
    assert (refused.returncode, hadoop.returncode) == (1, 2), (refused.stderr, hadoop.stderr)

    logs = {path.name: path.read_bytes() for path in (tmp_path / "events").rglob("*") if path.is_file()}
    assert b"SparkListenerApplicationEnd" in b"".join(logs.values())
    assert b"SparkListenerEnvironmentUpdate" in b"".join(logs.values())
    said = {
        f"{ran.args[3:5]} {number}": ran.stdout + ran.stderr
        for number, ran in enumerate((succeeded, refused, hadoop))
    }
    objects = objects_of(s3_server.client())
    looked_at = {**logs, **said, **objects}
    told = {
        where: found
        for where, data in looked_at.items()
        if (found := canaries.found_in(unpacked(where, data)))
    }
    pickles = []
    for number, (where, data) in enumerate(objects.items()):
        path = tmp_path / "objects" / str(number) / Path(where).name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        pickles += pickles_in(path)
    assert told == {}
    assert pickles == []
    Counted(
        "70-secrets",
        "builds with known keys, tokens and passwords in the environment, in addresses and in S3's answers; "
        "files, objects, event logs and outputs then searched",
        len(looked_at),
        {
            "event log bytes": sum(map(len, logs.values())),
            "output bytes": sum(map(len, said.values())),
            "objects": len(objects),
            "places that held a secret": len(told),
            "pickles": len(pickles),
        },
        time.perf_counter() - started,
    ).save()
