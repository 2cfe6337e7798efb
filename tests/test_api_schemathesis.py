"""Schemathesis sends what the OpenAPI file allows, and what it does not, to a real server, as three people: nothing
fails inside, and no reply has a status, a type or a shape that the file does not name."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from chat.rag.config import Provider
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.api_things import make_things
from tests.conftest import ROOT
from tests.fakes import FakeLLM

OPENAPI = ROOT / "docs" / "openapi.yaml"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CONFIG = """
seed = 7
hooks = "tests.schemathesis_hooks"

[generation]
max-examples = {examples}  # of each operation and kind
deterministic = true

# A range, a budget or a state cannot stand in the file, so that what it allows may be refused.
[checks.positive_data_acceptance]
enabled = false

[checks.negative_data_rejection]
enabled = false  # tests/schemathesis_hooks.py calls it
# 207: of many rows each is refused or not.
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429", "207"]

# Each limit of each field, and values of other types: some dozen requests for each operation.
[phases.coverage]
enabled = {with_limits}
unexpected-methods = []  # tests/test_api_permissions.py tries them all

[phases.stateful]
enabled = false

[parameters]
{parameters}

# Those that are sent nothing but ids, which stand above: the same request again and again.
[[operations]]
include-operation-id = {bare}
phases.coverage.enabled = false
"""


def operations_without_values() -> list[str]:
    """Return the names of those that take neither a query, a header nor a body."""
    paths = yaml.safe_load(OPENAPI.read_text())["paths"].values()
    return [
        operation["operationId"]
        for operations in paths
        for operation in operations.values()
        if "requestBody" not in operation and {one["in"] for one in operation.get("parameters", ())} <= {"path"}
    ]


@pytest.fixture
def address(settings):
    """A site without limits in a minute, whose model answers at once."""
    settings.API_REQUESTS_PER_MINUTE = dict.fromkeys(settings.API_REQUESTS_PER_MINUTE, 1_000_000)
    with FakeLLM() as llm, api_server() as url:
        settings.PROVIDERS = {"fake": Provider("fake", llm.base_url)}
        settings.DEFAULT_MODEL = "fake/default"
        yield url


# Staff with all limits, and things that are there; the others with ids that are made up.
@pytest.mark.parametrize("who", ["anonymous", "user", "staff"])
def test_replies_are_those_that_the_openapi_file_names(who, address, alice, staff, tmp_path):
    user = {"anonymous": None, "user": alice, "staff": staff}[who]
    things = make_things(staff)
    if who != "staff":
        things = {"token": things["token"]}  # or it would read the list of tokens, and revoke its own
    parameters = "\n".join(f'"path.{name}_id" = "{value}"' for name, value in things.items())
    config = tmp_path / "schemathesis.toml"
    text = CONFIG.format(
        examples=2 if who == "staff" else 1,
        with_limits=str(who == "staff").lower(),
        parameters=parameters,
        bare=json.dumps(operations_without_values()),
    )
    config.write_text(text)
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"]
    command += [f"{address}/api/schema/?format=json", f"--url={address}"]
    if user:
        command.append(f"--header=Authorization: Bearer {secret_of(user)}")

    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
