"""The API fetches its bundle from an S3-compatible server over HTTP."""

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.store import open_store


def test_a_bundle_on_s3_is_fetched_verified_and_answers(
    s3_server: Any, default_bundle: Path, tmp_path: Path, serve_product: Any, make_photo: Callable[..., bytes]
) -> None:
    if not (default_bundle / "manifest.json").is_file():
        pytest.skip("needs the default bundle")
    uri = s3_server.new_bucket("store")
    pointer = open_store(uri, s3_server.options).publish(default_bundle, None)
    environ = {
        "FRUITS_STORE": uri,
        "FRUITS_S3_ENDPOINT": s3_server.endpoint_url,
        "FRUITS_CACHE": str(tmp_path),
        "FRUITS_WORKERS": "1",
    }
    with serve_product(**environ) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/identify", make_photo((300, 300)), {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["bundle"]["version"] == pointer.version
        connection.close()
    assert [path.parent.name for path in tmp_path.glob("*/*/manifest.json")] == [pointer.version]
