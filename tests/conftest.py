"""What all tests share: the embedded PostgreSQL, the cast of people, and no network."""

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import django
import pytest

# Before Django reads its settings: tests have their own data folder and never read the developer's providers.
ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("RAGSITE_DATA_DIR", str(ROOT / "var" / "test"))
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_BASE_URL", "LLM_PROVIDERS"):
    os.environ[name] = ""  # not removed: a .env of the developer would fill it in again
os.environ["OTEL_SDK_DISABLED"] = "true"  # tests send to receivers of their own
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"
# Tests start many processes, which would each compile all packages again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from ragsite import embedded  # noqa: E402 # reads what was set above

embedded.provide()

# Not left to pytest-django, which would read the settings before this file, and so before there is a database.
django.setup()

from django.db import connection  # noqa: E402 # needs Django set up
from django.test import TransactionTestCase, override_settings  # noqa: E402 # likewise

from tests.databases import django_on, empty_all_tables, own_database  # noqa: E402 # likewise

# What Django does after each test that commits; its own way takes ten times as long.
TransactionTestCase._fixture_teardown = lambda self: empty_all_tables()


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests in order: first those in a transaction, then those that commit, which also empty the tables that
    migrations filled, then those without a database; those of the browser last, as its driver leaves an event loop
    running in the main thread. Several processes share them out by the neighbours of one file, in this order."""
    items.sort(key=lambda item: ("browser" in item.path.parts, _use_of_database(item)))
    for number, (path, neighbours) in enumerate(groupby(items, key=lambda item: item.path)):
        for item in neighbours:
            item.add_marker(pytest.mark.xdist_group(f"{path.stem}-{number}"))


def _use_of_database(item: pytest.Item) -> int:
    """0: in a transaction, 1: commits, 2: none; as pytest-django decides it."""
    fixtures = getattr(item, "fixturenames", ())
    marker = item.get_closest_marker("django_db")
    commits = marker is not None and bool(marker.kwargs.get("transaction") or marker.args[:1] == (True,))
    if commits or {"transactional_db", "live_server"} & set(fixtures):
        return 1
    return 0 if marker is not None or "db" in fixtures else 2


@pytest.fixture(scope="session", autouse=True)
def settings_of_tests() -> Iterator[None]:
    """What is set for all tests. A test that needs another value sets it for itself."""
    with override_settings(
        # Everything is read anew, as if time had passed: tests share a process, and each has its own data.
        REMEMBER_SECONDS=0,
        # The real hash takes half a second for each person of the cast.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        # Each client would look at each static file anew, which takes longer than most pages.
        SERVESTATIC_USE_FINDERS=False,
        SERVESTATIC_USE_STATIC_ROOT=False,
    ):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_modify_db_settings) -> Iterator[None]:
    """A database of this process, in place of the one that pytest-django would migrate."""
    name = connection.settings_dict["TEST"]["NAME"]
    with django_db_blocker.unblock(), own_database(name), django_on(name):
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data that RAGSITE_TEST_DATA names; the test is skipped where there is none."""
    folder = Path(os.environ.get("RAGSITE_TEST_DATA", "") or "/nonexistent")
    if not folder.is_dir():
        pytest.skip("RAGSITE_TEST_DATA names no folder with the real data")
    return folder


@pytest.fixture
def alice(django_user_model):
    """A user."""
    return django_user_model.objects.create_user("alice", "alice@example.com", "alice-password-1")


@pytest.fixture
def mallory(django_user_model):
    """Another user, who should see nothing of alice's."""
    return django_user_model.objects.create_user("mallory", "mallory@example.com", "mallory-password-1")


@pytest.fixture
def staff(django_user_model):
    """An administrator."""
    return django_user_model.objects.create_superuser("root", "root@example.com", "root-password-1")
