"""The image's command works locked up: another user, no capability, nothing writable but what is said.

The same lock as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp`, made
with the kernel's own means (`container.py`), since an engine is more than most machines have.
"""

import json
import re
from dataclasses import fields
from pathlib import Path

import boto3
import pytest
from botocore.validate import ParamValidator

from api.settings import Settings, variable
from models.pretrained import DEFAULT_BUNDLE
from models.store import open_store
from tests.end_to_end.container import Container, locked_up
from tests.end_to_end.image_replay import ROOT, Image, any_photo, ask, the
from tests.s3_server import REGION, S3Server

TEMPORARY, MEMORY = "/tmp", "/dev/shm"  # noqa: S108 - in the container
WRITABLE = {TEMPORARY, MEMORY}
# Every folder and file that the user may write to, and the folders where writing does work.
PROBE = """
import os
may, does = [], []
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders.remove("proc")
    paths = [folder, *(os.path.join(folder, name) for name in files)]
    may += [p for p in paths if os.access(p, os.W_OK) and not os.path.islink(p)]
    try:
        open(os.path.join(folder, "probe"), "x").close()
        os.remove(os.path.join(folder, "probe"))
        does.append(folder)
    except OSError:
        pass
import json
print(json.dumps([may, does]))
"""
PAGE = ROOT / "docs" / "containers.md"
VERSION = json.loads((DEFAULT_BUNDLE / "manifest.json").read_text())["version"]


def assert_it_answers(container: Container) -> None:
    assert ask(container.port, "GET", "/readyz")[0] == 200
    status, answer = ask(container.port, "POST", "/identify", any_photo())
    assert (status, answer["bundle"]["version"]) == (200, VERSION)
    assert answer["results"]


def outside_of(paths: list[str], folders: set[str]) -> list[str]:
    return [p for p in paths if not any(p == f or p.startswith(f"{f}/") for f in folders)]


def test_it_answers_as_another_user_without_privileges_and_can_write_only_where_it_may(
    image: Image, tmp_path: Path
) -> None:
    with locked_up(image, tmp_path, {"FRUITS_METRICS_BIND": "127.0.0.1:0"}) as container:
        assert_it_answers(container)
        healthy = {**image.environ, "FRUITS_BIND": f"0.0.0.0:{container.port}"}
        checked = container.run(image.health_check(), healthy)
        assert checked.returncode == 0, checked.stderr

        user, group = the("USER").split(":")
        processes = [container.status(process) for process in container.processes()]
        assert len(processes) == 3  # the master and its two workers
        for status in processes:
            assert status["Uid"].split() == [user] * 4
            assert status["Gid"].split() == [group] * 4
            assert status["Groups"] == ""
            assert status["NoNewPrivs"] == "1"
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(status[kind], 16) == 0, kind

        devices = {where for where in container.mounts() if where.startswith("/dev/")} - {MEMORY}
        writable = {where for where, options in container.mounts().items() if "ro" not in options}
        assert writable - devices == {*WRITABLE, "/proc"}
        assert all("nosuid" in container.mounts()[where] for where in {*WRITABLE, "/proc"})

        probed = container.run([image.program("python"), "-c", PROBE], image.environ)
        assert probed.returncode == 0, probed.stderr
        may, does = json.loads(probed.stdout)
        assert outside_of(may, WRITABLE | devices) == []
        assert set(does) >= WRITABLE
        assert outside_of(does, WRITABLE) == []

        for path in ("/app/models/x", "/usr/x", "/etc/x", "/x", f"{image.venv}/x"):
            tried = container.run(["sh", "-c", f"echo > {path}"], image.environ, as_root=True)
            assert "Read-only file system" in tried.stderr


def test_with_a_store_on_s3_it_writes_below_its_cache_and_nowhere_else(
    image: Image, s3_server: S3Server, tmp_path: Path
) -> None:
    uri = s3_server.new_bucket("bundles")
    open_store(uri, s3_server.options).publish(DEFAULT_BUNDLE, None)
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    store = {"FRUITS_STORE": uri, "FRUITS_S3_ENDPOINT": s3_server.endpoint_url, "FRUITS_S3_REGION": REGION}
    with locked_up(image, tmp_path, {**store, **credentials}) as container:
        assert_it_answers(container)
        found = container.run(["find", TEMPORARY, MEMORY, "-xdev", "-type", "f"], image.environ)
    written = found.stdout.split()
    assert [path for path in written if path.endswith("/network.tflite")]
    cache = image.environ["FRUITS_CACHE"]
    assert [path for path in written if not path.startswith((f"{cache}/", f"{MEMORY}/"))] == []


def test_the_default_bundle_needs_not_even_a_folder_for_temporary_files(image: Image, tmp_path: Path) -> None:
    with locked_up(image, tmp_path, tmpfs=False) as container:
        assert_it_answers(container)
        probed = container.run([image.program("python"), "-c", PROBE], image.environ)
    assert probed.returncode == 0, probed.stderr
    may, does = json.loads(probed.stdout)
    assert does == [MEMORY]
    assert TEMPORARY not in may


@pytest.mark.parametrize("page", ["Dockerfile", "docs/containers.md"])
def test_the_pages_tell_how_to_lock_it_up(page: str) -> None:
    (line,) = set(re.findall(r"docker run .*fruits$", (ROOT / page).read_text(), re.MULTILINE))
    for option in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--tmpfs /tmp"):
        assert option in line


def test_the_task_that_the_page_describes_is_one_that_ecs_takes_and_locks_it_up() -> None:
    (document,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    task = json.loads(document)
    model = boto3.Session()._session.get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    assert ParamValidator().validate(task, shape).generate_report() == ""
    (container,) = task["containerDefinitions"]
    assert container["user"] == the("USER")
    assert container["readonlyRootFilesystem"] is True
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["containerPath"] for mount in container["mountPoints"]] == [TEMPORARY]
    known = {variable(setting) for setting in fields(Settings)}
    assert {entry["name"] for entry in container["environment"]} <= known


def test_the_pod_that_the_page_describes_locks_it_up() -> None:
    (document,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    user, group = the("USER").split(":")
    for line in (
        f"runAsUser: {user}",
        f"runAsGroup: {group}",
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "allowPrivilegeEscalation: false",
        "capabilities: {drop: [ALL]}",
        "mountPath: /tmp}",
    ):
        assert line in document
