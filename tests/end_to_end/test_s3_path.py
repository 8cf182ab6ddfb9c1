"""The whole path on S3: a corpus in a bucket, a bundle in another, and an API that answers from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch.synthetic import render_corpus
from models.store import open_store
from tests.end_to_end.s3_builds import assert_a_banana_is_identified, upload


@pytest.mark.parametrize("server", ["s3_server", pytest.param("rgw_server", marks=pytest.mark.drill)])
def test_a_corpus_on_s3_becomes_a_bundle_on_s3_that_the_api_answers_from(
    request: pytest.FixtureRequest, server: str, project: Path, tmp_path: Path
) -> None:
    s3_server = request.getfixturevalue(server)
    render_corpus(tmp_path / "corpus", photos_per_fruit=20, negatives=24, seed=1)
    corpus, store = s3_server.new_bucket("photos"), s3_server.new_bucket("bundles")
    features = s3_server.new_bucket("features")
    bucket = corpus.removeprefix("s3://").split("/")[0]
    photos = upload(tmp_path / "corpus", s3_server.client(), bucket)
    command = [sys.executable, "-m", "batch", "build", "--corpus", f"s3://{bucket}/photos", "--store", store]
    command += ["--features", features]

    built = subprocess.run(
        [*command, "--endpoint-url", s3_server.endpoint_url, "--master", "local[2]", "--components", "16"],
        cwd=project,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    version = built.stdout.strip()
    current = open_store(store, s3_server.options).current()
    assert current is not None
    assert current.version == version
    assert f"{photos:,} photos embedded" in built.stderr
    kept = s3_server.client().list_objects_v2(Bucket=features.split("/")[2], Prefix="features/")["Contents"]
    assert all(entry["Key"].endswith(".parquet") for entry in kept)
    below_the_store = s3_server.client().list_objects_v2(Bucket=store.split("/")[2])["Contents"]
    assert not any("parquet" in entry["Key"] and "rows" not in entry["Key"] for entry in below_the_store)

    assert_a_banana_is_identified(store, version, s3_server.endpoint_url, tmp_path)
