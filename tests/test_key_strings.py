"""No key, token or password is in a file of this project, nor ever was."""

import secrets
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.key_strings import keys_in
from tests.test_repository import ROOT, files

ALPHABET = string.ascii_letters + string.digits
COMPRESSED = {".npz", ".faiss", ".parquet", ".tflite", ".png", ".svgz"}
"""What chance may write anything into."""


def made_up() -> dict[str, str]:
    """Make one of each kind, anew: none may lie in this file."""

    def some(count: int, alphabet: str = ALPHABET) -> str:
        return "".join(secrets.choice(alphabet) for _ in range(count))

    upper = string.ascii_uppercase + string.digits
    return {
        "AWS access key": f"key = '{'AKIA' + some(16, upper)}'",
        "AWS secret": f"aws_secret_access_key = {some(40)}\n",
        "signed address": f"https://x/y?a=b&X-Amz-Signature={some(64, '0123456789abcdef')}",
        "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{some(64)}\n",
        "GitHub token": f"token: ghp_{some(36)}",
        "GitLab token": f"glpat-{some(20)}",
        "package index token": f"pypi-AgEI{some(60)}",
        "Slack token": f"xoxb-{some(24)}",
        "Google key": f"AIza{some(35)}",
        "model service key": f"sk-{some(40)}",
        "signed token": f"eyJ{some(20)}.eyJ{some(30)}.{some(30)}",
        "password in an address": f"http://user:{some(12)}@127.0.0.1:9000",
        "bearer": f"Authorization: Bearer {some(30)}",
    }


def blobs() -> Iterator[tuple[str, str, bytes]]:
    """Give (id, path, content) of each file that any commit ever held."""
    listed = subprocess.run(
        ["git", "rev-list", "--objects", "--all"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = dict(line.split(" ", 1) for line in listed.stdout.splitlines() if " " in line)
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as git:
        assert git.stdin
        assert git.stdout
        for name, path in paths.items():
            git.stdin.write(f"{name}\n".encode())
            git.stdin.flush()
            _, kind, size = git.stdout.readline().split()
            data = git.stdout.read(int(size) + 1)[:-1]
            if kind == b"blob":
                yield name, path, data
        git.stdin.close()


@pytest.mark.parametrize("kind", made_up())
def test_each_kind_of_key_is_found(kind: str) -> None:
    assert kind in [found for found, _ in keys_in(f"before\n{made_up()[kind]}\nafter".encode())]


def test_no_file_holds_a_key() -> None:
    found = {
        name: keys
        for name in files()
        if Path(name).suffix not in COMPRESSED
        if (keys := keys_in((ROOT / name).read_bytes()))
    }
    assert found == {}


def test_no_commit_ever_held_a_key() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs the history of a git clone")
    scanned, found = 0, []
    for name, path, data in blobs():
        if Path(path).suffix not in COMPRESSED:
            scanned += 1
            found += [(name[:10], path, *key) for key in keys_in(data)]
    assert scanned > 100
    assert found == []
