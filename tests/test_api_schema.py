"""The OpenAPI files, of the REST API and of OpenAI's protocol: committed, current, and without anything that could not
be described."""

import re
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import resolve

from tests.api_clients import api_client
from tests.api_things import make_things
from tests.test_api_permissions import TABLE

DOCS = Path(__file__).resolve().parent.parent / "docs"
OPENAI = {"urlconf": "chat.openai_api.urls", "custom_settings": "ragsite.api_schema.OPENAI_SETTINGS"}
# Address, file, and what the command is told.
FILES = [("/api/schema/", "openapi.yaml", {}), ("/api/schema/v1/", "openapi-v1.yaml", OPENAI)]


@pytest.fixture(scope="module", params=FILES, ids=["rest", "openai"])
def made(request, tmp_path_factory):
    """Address and name of a file, and the file as it would be written."""
    address, name, options = request.param
    path = tmp_path_factory.mktemp("schema") / name
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True, **options)
    return address, name, path.read_text()


def test_file_is_current(made):
    _, name, text = made

    assert (DOCS / name).read_text() == text, f"Write docs/{name} anew; CONTRIBUTING.md says how."


def test_each_file_has_the_addresses_of_its_own_api(client):
    rest, openai = (client.get(address, headers={"Accept": "application/json"}).json() for address, *_ in FILES)

    assert all(path.startswith("/api/v1/") for path in rest["paths"])
    assert set(openai["paths"]) == {"/models", "/models/{model_id}", "/chat/completions", "/embeddings"}
    assert openai["servers"] == [{"url": "/v1"}]


@pytest.mark.parametrize("address", ["/api/schema/", "/api/schema/v1/"])
def test_every_operation_has_a_name_and_says_how_it_fails(client, address):
    schema = client.get(address, headers={"Accept": "application/json"}).json()

    assert schema["openapi"].startswith("3.1")
    names = []
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert {"401", "403", "429"} <= set(operation["responses"]), f"{method} {path}"
            summary = operation["summary"]
            is_whole = summary.count("`") % 2 == 0 and summary.count("(") == summary.count(")")
            assert summary and is_whole, f"{method} {path}: {summary}"
    assert len(names) == len(set(names))


def test_file_is_served_to_everybody_and_not_again_to_who_has_it(client, made):
    address, _, text = made

    as_yaml = client.get(address)

    assert as_yaml.content.decode() == text
    assert client.get(address, headers={"If-None-Match": as_yaml["ETag"]}).status_code == 304


@pytest.mark.django_db
def test_pages_of_the_api_are_for_who_is_signed_in(alice):
    client = Client()

    assert client.get("/api/docs/").status_code == 302
    client.force_login(alice)
    page = client.get("/api/docs/")

    assert page.status_code == 200
    assert b"swagger-ui" in page.content
    assert client.get("/api/docs/?script=").status_code == 200


def test_only_what_reads_a_body_takes_one():
    paths = yaml.safe_load((DOCS / "openapi.yaml").read_text())["paths"]

    for path, operations in paths.items():
        if "post" in operations:
            numbers = re.sub(r"\{(\w+)\}", lambda found: str(UUID(int=1)) if "conversation" in found[1] else "1", path)
            view = resolve(numbers).func.view_class
            assert view.takes_no_body == ("requestBody" not in operations["post"]), path


@pytest.mark.django_db
def test_key_is_taken_where_the_file_says_so_and_refused_elsewhere(staff, client):
    paths = client.get("/api/schema/", headers={"Accept": "application/json"}).json()["paths"]
    taken = {
        operation["operationId"]
        for methods in paths.values()
        for operation in methods.values()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    things, sender = make_things(staff), api_client(staff)
    for path in (path.format(**things) for method, path, *_ in TABLE if method == "POST" and path.startswith("/api/")):
        at = resolve(path)
        view, described = at.func.view_class, re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{at.route}")
        operation = paths[described]["post"]["operationId"]
        assert (operation in taken) == (view.no_key == ""), path
        if operation not in taken:
            refused = sender.post(path, {}, format="json", headers={"Idempotency-Key": "key-1"})
            assert [error["field"] for error in refused.json()["errors"]] == ["Idempotency-Key"], path
    assert {"ask", "send_score", "upload_document", "copy_pipeline_config"} < taken
    assert not taken & {"make_token", "make_webhook", "rotate_webhook_secret", "search_by_post"}


@pytest.mark.django_db
def test_etags_are_sent_where_the_file_says_that_they_are_held_against(staff):
    client, things = api_client(staff), make_things(staff)
    for method, path, *_ in TABLE:
        if method == "GET" and path.startswith("/api/v1/") and not path.endswith("/stream/"):
            response = client.get(path.format(**things))
            view = resolve(path.format(**things)).func.view_class
            assert response.status_code != 200 or ("ETag" in response) == view.has_etag, path
