"""The page's files over HTTP: what they are, how they may be kept, what they may load."""

import gzip
import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.pages import AT_THE_TOP, FOLDER, MEDIA_TYPES, SERVICE_WORKER, address, page_files

PAGE_BYTES, PAGE_BYTES_PACKED = 90_000, 35_000
LONGEST_SCRIPT_LINES = 215
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\("


@pytest.fixture
def browser(client: FlaskClient) -> FlaskClient:
    """A client that takes what is no JSON."""
    return FlaskClient(client.application, client.response_wrapper)


NAMES = sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_folder_is_served_as_what_it_is(browser: FlaskClient, name: str) -> None:
    answer = browser.get(address(name))
    assert (answer.status_code, answer.content_type) == (200, MEDIA_TYPES[Path(name).suffix])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.data.endswith((FOLDER / name).read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_every_file_carries_the_policy_that_holds_it_to_its_origin(browser: FlaskClient, name: str) -> None:
    headers = browser.get(address(name)).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_copy_that_is_still_good_is_not_sent_again(browser: FlaskClient) -> None:
    first = browser.get("/")
    assert "max-age=0" in first.headers["Cache-Control"]
    again = browser.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert browser.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_scripts_are_packed_for_who_takes_it(browser: FlaskClient) -> None:
    answer = browser.get("/web/app.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == (FOLDER / "app.js").read_bytes()


@pytest.mark.parametrize("path", ["/web/none.js", "/web/index.html", "/web/sw.js", "/web/..%2Fpages.py"])
def test_what_is_no_file_of_the_page_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_a_page_is_only_read(client: FlaskClient) -> None:
    assert client.post("/").status_code == 405
    assert client.post("/web/app.js").status_code == 405


def test_the_service_worker_knows_every_file_and_changes_with_each(tmp_path: Path) -> None:
    def shell(folder: Path) -> dict[str, object]:
        first_line = page_files(folder)[SERVICE_WORKER].partition(b"\n")[0]
        found: dict[str, object] = json.loads(first_line.removeprefix(b"const SHELL = ").removesuffix(b";"))
        return found

    assert shell(FOLDER)["files"] == [address(name) for name in NAMES if name != SERVICE_WORKER]
    for name in NAMES:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    assert shell(tmp_path) == shell(FOLDER)
    (tmp_path / "style.css").write_text("p { color: red }", encoding="utf-8")
    page_files.cache_clear()
    assert shell(tmp_path)["version"] != shell(FOLDER)["version"]


def test_scripts_import_only_files_of_the_page_and_none_is_left_over() -> None:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js")}
    imported = {name for text in scripts.values() for name in re.findall(r'from "/web/([\w.]+)"', text)}
    assert imported | {"app.js", SERVICE_WORKER} == scripts.keys()


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_written_as_markup() -> None:
    for path in FOLDER.iterdir():
        if path.suffix == ".png":
            continue
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://[\w]", text), path.name
        assert not re.search(MARKUP, text), path.name


def test_the_page_stays_small_and_its_scripts_short() -> None:
    texts = [path.read_bytes() for path in FOLDER.iterdir() if path.suffix in (".html", ".css", ".js")]
    assert sum(map(len, texts)) < PAGE_BYTES
    assert sum(len(gzip.compress(text)) for text in texts) < PAGE_BYTES_PACKED
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in FOLDER.glob("*.js")}
    assert [name for name, lines in lengths.items() if lines > LONGEST_SCRIPT_LINES] == []


def test_what_stands_at_the_top_is_there() -> None:
    assert AT_THE_TOP.keys() <= page_files().keys()
