"""The OpenAPI file: committed, current, and without anything that could not be described."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

OPENAPI = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The file as it would be written."""
    path = tmp_path_factory.mktemp("schema") / "openapi.yaml"
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True)
    return path.read_text()


def test_file_is_current(made):
    assert OPENAPI.read_text() == made, "Write it anew: .venv/bin/python manage.py spectacular --file docs/openapi.yaml"


def test_every_operation_has_a_name_and_says_how_it_fails(client):
    schema = client.get("/api/schema/", headers={"Accept": "application/json"}).json()

    assert schema["openapi"].startswith("3.1")
    names = []
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert {"401", "403", "429"} <= set(operation["responses"]), f"{method} {path}"
    assert len(names) == len(set(names))


def test_file_is_served_to_everybody_and_not_again_to_who_has_it(client, made):
    as_yaml = client.get("/api/schema/")

    assert as_yaml.content.decode() == made
    assert client.get("/api/schema/", headers={"If-None-Match": as_yaml["ETag"]}).status_code == 304


@pytest.mark.django_db
def test_pages_of_the_api_are_for_who_is_signed_in(alice):
    client = Client()

    assert client.get("/api/docs/").status_code == 302
    client.force_login(alice)
    page = client.get("/api/docs/")

    assert page.status_code == 200
    assert b"swagger-ui" in page.content
    assert client.get("/api/docs/?script=").status_code == 200
