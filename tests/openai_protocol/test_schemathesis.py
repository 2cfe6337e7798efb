"""Schemathesis sends what the OpenAPI file of OpenAI's protocol allows, and what it does not, to a real server with a
scripted model: nothing fails inside, and no reply has a status, a type or a shape that the file does not name."""

import os
import subprocess
import sys

import pytest

from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.conftest import ROOT
from tests.fakes import FakeLLM
from tests.openai_protocol.site import scripted_site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CONFIG = """
seed = 7
hooks = "tests.schemathesis_hooks"

[generation]
max-examples = {examples}  # of each operation and kind
deterministic = true

# What a question may be, and which model there is, cannot stand in the file.
[checks.positive_data_acceptance]
enabled = false

[checks.negative_data_rejection]
enabled = false  # tests/schemathesis_hooks.py calls it
expected-statuses = ["400", "401", "403", "404", "413", "415", "429"]

# Each limit of each field, and values of other types.
[phases.coverage]
enabled = {with_limits}
unexpected-methods = []  # tests/openai_protocol/test_errors.py tries some

[phases.stateful]
enabled = false

[parameters]
"path.model_id" = "ragsite"

[[operations]]
include-operation-id = "createChatCompletion"
parameters = {{ "header.X-Conversation-ID" = "ticket 7" }}
"""


@pytest.fixture
def address(settings):
    """A site without limits in a minute, whose model answers at once."""
    settings.API_REQUESTS_PER_MINUTE = dict.fromkeys(settings.API_REQUESTS_PER_MINUTE, 1_000_000)
    with FakeLLM() as llm, api_server() as url, scripted_site(settings, llm):
        yield url


@pytest.mark.parametrize("who", ["anonymous", "user"])
def test_replies_are_those_that_the_openapi_file_names(who, address, alice, tmp_path):
    is_user = who == "user"
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(examples=10 if is_user else 1, with_limits=str(is_user).lower()))
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"]
    command += [f"{address}/api/schema/v1/?format=json", f"--url={address}/v1"]
    if is_user:
        command.append(f"--header=Authorization: Bearer {secret_of(alice)}")

    environment = os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
