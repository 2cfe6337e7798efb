"""The official JavaScript client against the site: it is installed from its registry by npm, once for each version, and
runs tests/js/talk.js. Skipped, saying why, where there is no node, no npm or no network; never in CI."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chat.models import Turn
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.conftest import ROOT
from tests.fakes import FakeLLM
from tests.openai_protocol.site import GREEN, scripted_site

SOURCE = ROOT / "tests" / "js"
INSTALL = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]


@pytest.fixture(scope="module")
def script() -> Path:
    """talk.js beside the client that it imports."""
    version = json.loads((SOURCE / "package.json").read_text())["dependencies"]["openai"]
    folder = ROOT / "var" / f"openai-js-{version}"
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        give_up(f"needs {' and '.join(missing)} (Debian: apt-get install nodejs npm)")
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "talk.js"):
        shutil.copy(SOURCE / file, folder)
    if not (folder / "node_modules" / "openai" / "package.json").exists():
        try:
            subprocess.run(INSTALL, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            give_up(f"npm could not install the client: {error.stderr or error}")
    return folder / "talk.js"


def run_node(name: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["node", name], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def give_up(reason: str) -> None:
    """Skip; where everything is there on purpose, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_example_of_the_docs_works(script, settings, alice):
    (example,) = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "openai-compatible.md").read_text(), re.DOTALL)
    (script.parent / "example.js").write_text(example)
    with FakeLLM() as llm, scripted_site(settings, llm), api_server() as url:
        environment = os.environ | {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": secret_of(alice)}
        done = run_node("example.js", script.parent, environment)

    assert done.returncode == 0, done.stderr
    assert Turn.objects.get(status="DONE").answer in done.stdout


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_official_javascript_client_works_unchanged(script, settings, alice):
    with FakeLLM() as llm, scripted_site(settings, llm), api_server() as url:
        llm.enqueue(GREEN, "how the pump is stopped", "Press the red button [1].")
        environment = os.environ | {"BASE_URL": f"{url}/v1", "API_KEY": secret_of(alice)}
        done = run_node(script.name, script.parent, environment)

    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["models"][0] == "ragsite"
    assert (read["answer"], read["citations"]) == (GREEN, [1])
    assert read["streamed"] == "Press the red button [1]."
    assert read["usage"]["total_tokens"] == read["usage"]["prompt_tokens"] + read["usage"]["completion_tokens"] > 0
    assert read["streamedUsage"]["total_tokens"] > 0
    assert len(set(read["conversations"])) == 1
    assert read["dimensions"] == [384, 384]
    assert [(error["name"], error["status"], error["code"]) for error in read["errors"]] == [
        ("NotFoundError", 404, "model_not_found"),
        ("BadRequestError", 400, "unsupported_value"),
        ("AuthenticationError", 401, "invalid_api_key"),
    ]
