"""Runbooks in the admin, where alerts are read, and the pages of the handbook that they refer to.

They are the files in docs/. A page is one of the files that are there; a name from an address is only looked up among
them and never made into a path.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from chat.rendering import document_html
from monitoring.alerts import RULES, Rule

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = "admin/monitoring/runbook"
ALERT = "Alert: "  # how the titles of runbooks begin
RUNBOOKS, HANDBOOK = "runbooks", "handbook"


@dataclass(frozen=True, slots=True)
class Page:
    """A file as a page. `section` is "runbooks" or "handbook"."""

    section: str
    name: str
    title: str
    text: str

    @property
    def url(self) -> str:
        return reverse(f"runbooks:{self.section}", args=[self.name])

    @property
    def html(self) -> SafeString:
        """The text without its heading, which is the page's."""
        return document_html(self.text, title=f"{ALERT if self.section == RUNBOOKS else ''}{self.title}", link=self._to)

    def _to(self, href: str) -> str:
        """Return where a link to another file leads; empty: that file is none of these pages."""
        path, _, place = href.partition("#")
        parts = PurePosixPath(path).parts
        is_runbook = parts[:1] == (RUNBOOKS,) or (self.section == RUNBOOKS and len(parts) == 1)
        found = _pages().get((RUNBOOKS if is_runbook else HANDBOOK, PurePosixPath(path).stem)) if parts else None
        return found.url + (f"#{place}" if place else "") if found else ""


@require_safe
def runbooks_view(request: HttpRequest) -> HttpResponse:
    """List all runbooks, each with the rule that leads to it where the site has one, and the handbook below."""
    rules = {rule.runbook: rule for rule in RULES}
    pages = _of_section(RUNBOOKS)
    listed: list[tuple[Page, Rule | None]] = [(page, rules.get(page.name)) for page in pages]
    listed.sort(key=lambda one: (one[1] is None, str(one[1].severity) if one[1] else "", one[0].title))
    context = {**admin.site.each_context(request), "title": "Runbooks", "listed": listed}
    return render(request, f"{FOLDER}/runbooks.html", {**context, "handbook": _of_section(HANDBOOK)})


@require_safe
def page_view(request: HttpRequest, section: str, name: str) -> HttpResponse:
    """Show a page; 404 for a name that no file has."""
    page = _pages().get((section, name))
    if page is None:
        raise Http404
    rule = next((rule for rule in RULES if section == RUNBOOKS and rule.runbook == name), None)
    context = {**admin.site.each_context(request), "title": page.title, "page": page, "rule": rule}
    return render(request, f"{FOLDER}/page.html", context)


def _of_section(section: str) -> list[Page]:
    return sorted((page for page in _pages().values() if page.section == section), key=lambda page: page.title)


@cache
def _pages() -> dict[tuple[str, str], Page]:
    """Return all pages by section and name; the files are read once a process."""
    folders = {HANDBOOK: DOCS, RUNBOOKS: DOCS / "runbooks"}
    return {
        (section, path.stem): _page(section, path)
        for section, folder in folders.items()
        for path in sorted(folder.glob("*.md"))
    }


def _page(section: str, path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ").removeprefix(ALERT)
    return Page(section, path.stem, title, text)
