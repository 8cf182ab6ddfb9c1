"""The Dockerfile, replayed without Docker: its installs, its files and its command, in an empty folder.

What stays untested is the base image itself: the Python of the FROM line is used where it is on PATH, else
the one that runs the tests.
"""

import http.client
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_BUNDLE = ROOT / "models/pretrained/default/manifest.json"


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined."""

    name: str
    text: str


def read_dockerfile() -> list[Instruction]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def the(name: str) -> str:
    """Give the text of the last instruction of a name."""
    return [i.text for i in read_dockerfile() if i.name == name][-1]


def environment() -> dict[str, str]:
    return dict(
        word.split("=", 1) for i in read_dockerfile() if i.name == "ENV" for word in shlex.split(i.text)
    )


def ignored(path: str, patterns: list[str]) -> bool:
    """Apply a .dockerignore to a relative path: the last pattern that matches it or a parent decides."""
    verdict = False
    for pattern in patterns:
        body = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{body}(/.*)?", path):
            verdict = not pattern.startswith("!")
    return verdict


def copied_files() -> Iterator[tuple[Path, str]]:
    """List what the COPY lines put into the image: (file of the project, path below the working folder)."""
    patterns = [p for p in (ROOT / ".dockerignore").read_text().split("\n") if p and not p.startswith("#")]
    for instruction in read_dockerfile():
        if instruction.name == "COPY":
            *sources, target = instruction.text.split()
            for source in sources:
                yield from _below(source, target, patterns)


def _below(source: str, target: str, patterns: list[str]) -> Iterator[tuple[Path, str]]:
    if (ROOT / source).is_file():
        assert not ignored(source, patterns)
        yield ROOT / source, target + Path(source).name if target.endswith("/") else target
        return
    for file in sorted(p for p in (ROOT / source).rglob("*") if p.is_file()):
        if not ignored(str(file.relative_to(ROOT)), patterns):
            yield file, f"{target}/{file.relative_to(ROOT / source)}"


def image_python() -> str:
    """Find a Python of the version in the FROM line, else the one at hand."""
    version = re.search(r"python:(3\.\d+)", the("FROM"))
    assert version
    wanted = f"python{version[1]}"
    for name in (wanted, sys.executable):
        path = shutil.which(name)
        if (
            path
            and subprocess.run([path, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0
        ):
            return path
    return sys.executable


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Build the image's working folder and environment, as its instructions say."""
    folder = tmp_path_factory.mktemp("image")
    app, venv = folder / "app", folder / "venv"
    app.mkdir()
    subprocess.run([image_python(), "-m", "venv", str(venv)], check=True)
    pip = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k.lower().endswith("_proxy")}
    certificates = {k: os.environ[k] for k in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if k in os.environ}
    path = {"PATH": f"{venv / 'bin'}:/usr/bin:/bin", "HOME": "/nonexistent"}
    environ = {**pip, **certificates, **environment(), **path}
    for file, target in copied_files():
        (app / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, app / target)
    for instruction in read_dockerfile():
        if instruction.name == "RUN":
            # The image keeps no download cache; here it only saves time.
            command = instruction.text.replace("--no-cache-dir ", "")
            with_cache = {**environ, "HOME": os.environ.get("HOME", "/nonexistent")}
            subprocess.run(
                ["/bin/sh", "-c", command], cwd=app, env=with_cache, check=True, capture_output=True
            )
    return app, environ


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
    image: tuple[Path, dict[str, str]],
) -> None:
    app, environ = image
    listed = subprocess.run(
        ["pip", "list", "--format=json"], cwd=app, env=environ, check=True, capture_output=True
    )
    installed = {re.sub(r"[-_.]+", "-", p["name"]).lower(): p["version"] for p in json.loads(listed.stdout)}
    assert not installed.keys() & {"tensorflow", "keras", "pyspark", "scikit-learn", "matplotlib", "pandas"}
    pins = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (app / "requirements/constraints.txt").read_text(), re.MULTILINE)
    )
    pinned = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    assert {name: pinned.get(name) for name in installed if name not in ("pip", "setuptools")} == {
        name: version for name, version in installed.items() if name not in ("pip", "setuptools")
    }


def run_image(app: Path, environ: dict[str, str]) -> tuple["subprocess.Popen[str]", int]:
    """Start the CMD as written, on a free port of the loopback; give the process and the port."""
    command = json.loads(the("CMD"))
    program = shutil.which(command[0], path=environ["PATH"])
    assert program
    process = subprocess.Popen(
        [program, *command[1:]],
        cwd=app,
        env={**environ, "FRUITS_BIND": "127.0.0.1:0"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
            return process, int(found[1])
    pytest.fail("the image's command did not start")


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {"Content-Type": "image/jpeg"} if body else {})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_the_command_identifies_a_photo_and_leaves_no_file_behind(image: tuple[Path, dict[str, str]]) -> None:
    if not DEFAULT_BUNDLE.is_file():
        pytest.skip("needs the default bundle")
    app, environ = image
    photo = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(photo, "JPEG")
    before = sorted(app.rglob("*"))
    process, port = run_image(app, environ)
    try:
        assert ask(port, "GET", "/readyz")[0] == 200
        status, answer = ask(port, "POST", "/identify", photo.getvalue())
        check = json.loads(the("HEALTHCHECK").split("CMD ", 1)[1])
        healthy = {**environ, "FRUITS_BIND": f"0.0.0.0:{port}"}
        program = shutil.which(check[0], path=environ["PATH"])
        assert program
        subprocess.run([program, *check[1:]], env=healthy, check=True)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert status == 200
    assert answer["bundle"]["version"] == json.loads(DEFAULT_BUNDLE.read_text())["version"]
    assert answer["results"]
    assert sorted(app.rglob("*")) == before
