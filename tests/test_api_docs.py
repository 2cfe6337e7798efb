"""Every example of docs/api.md runs, in its order, against a real server: bash with curl, Python in one namespace.

Who adds an example finds in the environment SITE and TOKEN (of an administrator, all scopes), and the ids TURN,
CONVERSATION, DOCUMENT and COLLECTION; in Python also what earlier examples made, such as `api`. The knowledge base is
that of tests/knowledge.py, the model the offline one; of what the worker does only uploads are taken in.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from django.db import connection

from chat.models import Document
from chat.models.api import Scope
from chat.tasks import ingest_document
from tests.api_clients import secret_of
from tests.api_server import api_server
from tests.factories import make_conversation, make_turn
from tests.knowledge import make_knowledge
from tests.test_docs import ROOT

PAGE = ROOT / "docs" / "api.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Whatever curl is asked for must be there.
SHELL = 'set -euo pipefail; curl() { command curl --fail-with-body "$@"; echo; }\n'


def blocks() -> list[tuple[str, int, str]]:
    """Return language, line and text of each block."""
    text = PAGE.read_text()
    return [(match[1], text[: match.start()].count("\n") + 1, match[2]) for match in BLOCK.finditer(text)]


@pytest.fixture
def world(transactional_db, staff, tmp_path, settings, monkeypatch):
    """A site with documents and a turn; its ids stand in the environment."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    collection = make_knowledge()
    turn = make_turn(conversation=make_conversation(user=staff), collection=collection)
    with api_server() as url, taking_in_uploads():
        names = {
            "SITE": url,
            "TOKEN": secret_of(staff),
            "TURN": turn.pk,
            "CONVERSATION": turn.conversation_id,
            "DOCUMENT": collection.documents.first().pk,
            "COLLECTION": collection.pk,
        }
        for name, value in names.items():
            monkeypatch.setenv(name, str(value))
        yield


@pytest.fixture
def namespace():
    """What Python examples make; their clients are closed at the end."""
    namespace: dict[str, object] = {}
    yield namespace
    for value in namespace.values():
        if isinstance(value, httpx2.Client):
            value.close()


@contextmanager
def taking_in_uploads():
    """Take in what is uploaded, as the worker does."""
    is_over = threading.Event()

    def take_in() -> None:
        while not is_over.wait(0.1):
            for document in Document.objects.filter(status=Document.Status.QUEUED):
                ingest_document(document.pk)
            connection.close()

    thread = threading.Thread(target=take_in)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_every_example_runs(world, namespace):
    for language, line, text in blocks():
        if language == "bash":
            _run_in_shell(text, line)
        elif language == "python":
            # An error names the page and the line in it.
            exec(compile("\n" * line + text, str(PAGE), "exec"), namespace)  # our own examples
        else:
            assert language == "json", f"{PAGE.name}:{line}: say which language an example is in"
            json.loads(text)


def test_codes_of_errors_are_told_with_their_scopes():
    text = PAGE.read_text()

    assert all(f"`{scope}`" in text for scope in Scope.values)
    source = "".join(path.read_text() for path in Path(ROOT / "chat" / "api").glob("*.py"))
    of_fields = {"does_not_exist", "not_offered"}
    codes = set(re.findall(r"code=\"(\w+)\"", source)) - of_fields
    assert {code for code in codes if f"`{code}`" not in text} == set()


def _run_in_shell(text: str, line: int) -> None:
    bash = shutil.which("bash")
    assert bash and shutil.which("curl"), "the examples need bash and curl"
    text = text.replace("https://chat.example.com", os.environ["SITE"]).replace("rs_SECRET", os.environ["TOKEN"])
    done = subprocess.run(
        [bash, "-c", SHELL + text], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{PAGE.name}:{line}: {done.stdout}{done.stderr}"
