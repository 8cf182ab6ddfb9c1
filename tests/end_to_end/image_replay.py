"""Builds what the Dockerfile describes without Docker: installs, files and command, in a folder."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import PIL.Image
import pytest

ROOT = Path(__file__).resolve().parents[2]


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined."""

    name: str
    text: str


def read_dockerfile() -> list[Instruction]:
    """Give its instructions in order."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def the(name: str) -> str:
    """Give the text of the last instruction of a name."""
    return [i.text for i in read_dockerfile() if i.name == name][-1]


def environment() -> dict[str, str]:
    """Give what its ENV lines set."""
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


def ignore_patterns() -> list[str]:
    """Read .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def copied_files() -> Iterator[tuple[Path, str]]:
    """List what the COPY lines put into the image: (file of the project, path below the working folder)."""
    patterns = ignore_patterns()
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


@dataclass(frozen=True)
class Image:
    """A built image.

    Attributes:
        app: its working folder.
        venv: stands for the site-packages of the base image's Python.
        environ: the environment of what runs in it.
    """

    app: Path
    venv: Path
    environ: dict[str, str]

    def program(self, name: str) -> str:
        """Find a program on the image's PATH."""
        path = shutil.which(name, path=self.environ["PATH"])
        assert path, f"{name} is not in the image"
        return path

    def command(self) -> list[str]:
        """Give the CMD as written, its program found."""
        program, *arguments = json.loads(the("CMD"))
        return [self.program(program), *arguments]

    def health_check(self) -> list[str]:
        """Give the command of the HEALTHCHECK as written, its program found."""
        program, *arguments = json.loads(the("HEALTHCHECK").split("CMD ", 1)[1])
        return [self.program(program), *arguments]


def build_image(folder: Path) -> Image:
    """Build the image's working folder and environment, as its instructions say."""
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
    return Image(app, venv, environ)


def wait_until_it_listens(process: "subprocess.Popen[str]") -> int:
    """Read what gunicorn says until it gives its port on the loopback."""
    said = []
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
        said.append(line)
    pytest.fail(f"the image's command did not start; it said:\n{''.join(said)}")


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    """Ask the server on a port of the loopback; give status and answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {"Content-Type": "image/jpeg"} if body else {})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def any_photo() -> bytes:
    """Give a small JPEG of nothing."""
    photo = io.BytesIO()
    PIL.Image.linear_gradient("L").convert("RGB").save(photo, "JPEG")
    return photo.getvalue()
