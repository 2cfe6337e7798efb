"""What the documents say exists: links, commands, variables, packages."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from chat.ingest.readers import FoundFile, read, walk
from chat.ingest.source import ReadOptions, ReadProblem

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
# Read by uvicorn, not by us.
FOREIGN_VARIABLES = {"FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY"}
# In compose.yaml for the database's own image; the key of an example; read by tests and benchmarks.
OTHER_VARIABLES = {
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "GROQ_API_KEY",
    "RAGSITE_TEST_DATA",
    "RAGSITE_TEST_SLOW_BROWSER",
    "OPENAI_SETTINGS",  # of the program, not of its environment
}
VARIABLE = re.compile(r"\b(?:RAGSITE|LLM|OPENAI|OLLAMA|OIDC|EMAIL|DATABASE)_[A-Z0-9_]*[A-Z0-9]\b")
READERS = {"str", "bool", "int", "float", "list", "log_level", "dj_db_url", "dj_email_url", "get"}


def variables_read() -> set[str]:
    """The variables that settings and start-up read: first arguments of env.x("NAME") and environ.get("NAME")."""
    found = set()
    for name in ("settings", "environment", "run", "embedded"):
        for node in ast.walk(ast.parse((ROOT / "ragsite" / f"{name}.py").read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in READERS
                and isinstance(node.func.value, ast.Name | ast.Attribute)
                and "env" in ast.unparse(node.func.value)
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return {name for name in found if not name.endswith("_FILE")} - {"PATH", "DJANGO_SETTINGS_MODULE"}


def variables_listed() -> set[str]:
    """The names in .env.example, all of them commented out."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {match[1] for line in lines if (match := re.match(r"# ([A-Z][A-Z0-9_]*)=", line))}


def slug(heading: str) -> str:
    """A heading's anchor, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            anchors = {slug(heading) for heading in re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)}
            assert anchor in anchors, f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_commands_and_variables_exist(page):
    text = page.read_text()
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text, re.MULTILINE))

    assert commands <= set(get_commands())
    assert all(f"\n{one or other}:" in makefile for one, other in targets)
    known = variables_read() | FOREIGN_VARIABLES | OTHER_VARIABLES
    assert {name.removesuffix("_FILE") for name in VARIABLE.findall(text)} <= known


def test_env_example_lists_what_is_read():
    assert variables_listed() == variables_read() | {"FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY"}


def test_configuration_page_lists_every_variable():
    rows = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))

    assert rows == variables_listed()


def test_env_example_alone_changes_nothing():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert all(not line or line.startswith("#") for line in lines)


def test_each_requirement_has_its_reason():
    page = (ROOT / "docs/dependencies.md").read_text()
    at_run_time = page.partition("## What does ragsite need at run time?")[2].partition("\n## ")[0]
    reasons = set(re.findall(r"^\| ([a-z0-9-]+) \|", at_run_time, re.MULTILINE))
    wanted = {
        re.split(r"[\[~=<> ]", line)[0]
        for line in (ROOT / "requirements/base.in").read_text().splitlines()
        if line and not line.startswith("#")
    }

    assert wanted == reasons


def test_each_requirement_is_pinned():
    for name in ("base", "prod", "dev"):
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / f"requirements/{name}.txt").read_text(), re.MULTILINE))
        wanted = {
            re.split(r"[\[~=<> ]", line)[0]
            for line in (ROOT / f"requirements/{name}.in").read_text().splitlines()
            if line and not line.startswith(("#", "-"))
        }

        assert wanted <= pinned


def test_handbook_can_be_taken_in_whole():
    found = [one for one in walk([ROOT / "docs"]) if isinstance(one, FoundFile)]

    read_ones = [document for one in found for document in read(one, ReadOptions())]

    assert [one for one in read_ones if isinstance(one, ReadProblem)] == []
    assert len(read_ones) >= len([*(ROOT / "docs").glob("**/*.md")])
