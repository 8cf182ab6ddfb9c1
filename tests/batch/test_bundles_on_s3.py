"""`python -m batch bundles` on S3-compatible servers: list, promote, roll back, with --endpoint-url alone."""

from pathlib import Path
from typing import Any

import pytest

from batch.__main__ import main
from models.store import open_store
from tests.sealed_bundle import write_bundle


@pytest.fixture(params=["s3_server", "rgw_server"])
def server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_bundles_are_listed_promoted_and_rolled_back(
    server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = server.new_bucket("bundles")
    store, pointer, versions = open_store(uri, server.options), None, []
    for seed in range(3):
        versions.append(write_bundle(tmp_path / str(seed), seed).version)
        pointer = store.publish(tmp_path / str(seed), pointer)

    def bundles(*arguments: str) -> str:
        given = ["bundles", *arguments, "--store", uri, "--endpoint-url", server.endpoint_url]
        assert main(given) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    assert bundles("list") == f"{versions[0]}\n{versions[1]}\n{versions[2]}  current\n"
    assert bundles("rollback") == f"{versions[1]}\n"
    assert bundles("list") == f"{versions[0]}\n{versions[1]}  current\n{versions[2]}\n"
    assert bundles("promote", versions[2]) == f"{versions[2]}\n"
    assert bundles("promote", versions[0]) == f"{versions[0]}\n"
    current = store.current()
    assert current is not None
    assert current.version == versions[0]


def test_a_missing_version_and_a_missing_bucket_are_said_to_be(
    server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = server.new_bucket("bundles")
    version = write_bundle(tmp_path / "bundle").version
    reached = ["--endpoint-url", server.endpoint_url]
    assert main(["bundles", "promote", version, "--store", uri, *reached]) == 1
    assert f"holds no bundle {version}" in capsys.readouterr().err
    assert main(["bundles", "rollback", "--store", uri, *reached]) == 1
    assert "no current bundle" in capsys.readouterr().err
    assert main(["bundles", "list", "--store", "s3://no-such-bucket/x", *reached]) == 1
    assert "no-such-bucket" in capsys.readouterr().err
