"""The examples of docs/openai-compatible.md, run as they stand there against the site over HTTP."""

import json
import os
import re
import shutil
import subprocess

import pytest

from chat.models import Turn
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.conftest import ROOT
from tests.knowledge import make_knowledge

PAGE = (ROOT / "docs" / "openai-compatible.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def environment(alice, monkeypatch):
    """The two variables that the page begins with, for a site with a handbook."""
    make_knowledge("handbook")
    with api_server() as url:
        variables = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": secret_of(alice)}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield os.environ | variables


def test_examples_in_python_work(environment, capsys):
    for example in PYTHON:
        exec(compile(example, "docs/openai-compatible.md", "exec"), {})

    assert len(PYTHON) == 5
    assert "384" in capsys.readouterr().out
    assert not Turn.objects.exclude(status="DONE").exists()
    assert Turn.objects.filter(conversation__client__client_id="ticket 4711").count() == 2
    assert Turn.objects.filter(collection__name="handbook", search_mode="text").count() == 1


def test_example_with_curl_works(environment):
    if shutil.which("curl") is None:
        pytest.skip("needs curl (Debian: apt-get install curl)")
    (example,) = [block for block in SHELL if block.startswith("curl")]

    done = subprocess.run(["sh", "-c", example], env=environment, capture_output=True, text=True, timeout=60)

    assert json.loads(done.stdout)["choices"][0]["message"]["content"], done.stderr
