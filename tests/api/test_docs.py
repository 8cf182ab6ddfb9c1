"""The page that shows the description: complete on its own host."""

import re

from flask.testing import FlaskClient


def test_the_page_asks_for_what_this_service_has_and_for_nothing_else(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    asked = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert {"/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"} < set(asked)
    assert "//" not in page.text
    for path in asked:
        assert path == "data:," or client.get(path).status_code == 200


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(client: FlaskClient) -> None:
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"unsafe|https?:|\*", policy)
    assert not re.search(r"<script>|<style|\son\w+=|style=", page.text)


def test_its_files_are_of_the_kind_they_say(client: FlaskClient) -> None:
    for file, kind in (("swagger-ui.css", "text/css"), ("start.js", "text/javascript")):
        response = client.get(f"/docs/{file}")
        assert response.mimetype == kind
        assert response.cache_control.max_age == 86_400
    assert "SwaggerUIBundle({" in client.get("/docs/start.js").text


def test_there_are_no_other_files(client: FlaskClient) -> None:
    for file in ("nothing.js", "..%2F..%2Fplugins.py", "swagger.svg"):
        assert client.get(f"/docs/{file}").status_code == 404
