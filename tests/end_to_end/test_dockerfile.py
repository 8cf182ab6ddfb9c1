"""The Dockerfile, replayed without Docker: its installs, its files and its command, in an empty folder.

What stays untested is the base image itself: the Python of the FROM line is used where it is on PATH, else
the one that runs the tests. `test_container.py` locks the same image up as `docker run` does.
"""

import json
import re
import subprocess

import pytest

from tests.end_to_end.image_replay import (
    ROOT,
    Image,
    any_photo,
    ask,
    copied_files,
    environment,
    ignore_patterns,
    ignored,
    read_dockerfile,
    the,
    wait_until_it_listens,
)

DEFAULT_BUNDLE = ROOT / "models/pretrained/default/manifest.json"


def test_the_image_holds_the_api_and_the_kernel_and_nothing_else() -> None:
    targets = [target for _, target in copied_files()]
    assert "api/wsgi.py" in targets
    assert "models/identifier.py" in targets
    assert {target.split("/")[0] for target in targets} == {"api", "models", "requirements"}
    assert not [
        t for t in targets if "backbones" in t or "__pycache__" in t or t.endswith((".pyc", ".keras"))
    ]


def test_the_image_runs_without_root_and_writes_nothing_of_its_own() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", the("USER"))
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment()["FRUITS_CACHE"].startswith("/tmp/")  # noqa: S108 - the one folder mounted writable
    names = [i.name for i in read_dockerfile()]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("COPY", "RUN"))


def test_tensorflow_and_spark_are_absent_and_every_version_is_the_pinned_one(
    image: Image,
) -> None:
    listed = subprocess.run(
        ["pip", "list", "--format=json"], cwd=image.app, env=image.environ, check=True, capture_output=True
    )
    installed = {re.sub(r"[-_.]+", "-", p["name"]).lower(): p["version"] for p in json.loads(listed.stdout)}
    assert not installed.keys() & {"tensorflow", "keras", "pyspark", "scikit-learn", "matplotlib", "pandas"}
    pins = dict(
        re.findall(
            r"^([\w.-]+)==(\S+)", (image.app / "requirements/constraints.txt").read_text(), re.MULTILINE
        )
    )
    pinned = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    assert {name: pinned.get(name) for name in installed if name not in ("pip", "setuptools")} == {
        name: version for name, version in installed.items() if name not in ("pip", "setuptools")
    }


@pytest.mark.parametrize(
    "name",
    ["models/.env", "api/.env.local", "models/.git/config", "api/web/.aws/config", "api/credentials.json",
     "models/facts/server.key", "api/cert.pem", ".env", ".git/config", "work/run.log", "build/x", "README.md",
     "tests/conftest.py", "requirements/.netrc", "examples/demo.py", "batch/settings.py"],
)  # fmt: skip
def test_nothing_private_reaches_the_image(name: str) -> None:
    assert ignored(name, ignore_patterns())


def test_the_command_identifies_a_photo_and_leaves_no_file_behind(image: Image) -> None:
    before = sorted(image.app.rglob("*"))
    process = subprocess.Popen(
        image.command(),
        cwd=image.app,
        env={**image.environ, "FRUITS_BIND": "127.0.0.1:0"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = wait_until_it_listens(process)
        assert ask(port, "GET", "/readyz")[0] == 200
        status, answer = ask(port, "POST", "/identify", any_photo())
        healthy = {**image.environ, "FRUITS_BIND": f"0.0.0.0:{port}"}
        subprocess.run(image.health_check(), env=healthy, check=True)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert status == 200
    assert answer["bundle"]["version"] == json.loads(DEFAULT_BUNDLE.read_text())["version"]
    assert answer["results"]
    assert sorted(image.app.rglob("*")) == before
