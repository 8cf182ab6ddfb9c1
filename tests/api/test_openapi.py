"""The description is valid OpenAPI 3.1 and describes exactly the routes there are."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from api.schemas import LANGUAGE_TAG


@pytest.fixture
def description(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").get_json()
    return document


def test_the_description_is_valid_openapi_3_1(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1.")
    validate(description)


def test_every_route_is_described_and_nothing_else(client: FlaskClient, description: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, item in description["paths"].items() for method in item}


def test_operation_ids_are_names_a_generated_client_can_use(description: dict[str, Any]) -> None:
    ids = [operation["operationId"] for item in description["paths"].values() for operation in item.values()]
    assert sorted(ids) == sorted(set(ids))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in ids)


def test_every_error_is_described_as_a_problem(description: dict[str, Any]) -> None:
    for item in description["paths"].values():
        for operation in item.values():
            errors = {k: v for k, v in operation["responses"].items() if k >= "4"}
            assert "500" in errors
            assert "422" not in errors or operation["operationId"] == "identify"
            for response in errors.values():
                assert response["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }


def test_identify_takes_files_or_a_raw_photo(description: dict[str, Any]) -> None:
    content = description["paths"]["/identify"]["post"]["requestBody"]["content"]
    photo = content["multipart/form-data"]["schema"]["properties"]["photo"]
    assert (photo["type"], photo["minItems"], photo["maxItems"]) == ("array", 1, 5)
    assert photo["items"] == {"type": "string", "format": "binary"}
    assert {"image/jpeg", "image/heic", "application/octet-stream"} < content.keys()


def test_limits_of_parameters_are_described(description: dict[str, Any]) -> None:
    parameters = {p["name"]: p["schema"] for p in description["paths"]["/identify"]["post"]["parameters"]}
    assert (parameters["top"]["minimum"], parameters["top"]["maximum"], parameters["top"]["default"]) == (
        1,
        20,
        5,
    )
    assert LANGUAGE_TAG in str(parameters["lang"])
