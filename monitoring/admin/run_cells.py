"""The cells of the list of runs. Each has an id, so that those of a run that goes on can be replaced one by one, while
the list, its marks and the focus stay as they are."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from monitoring.admin.run_figures import MAIN_MEASURES

FOLDER = "admin/monitoring/evaluationrun/cells"
# What changes while a run goes on.
LIVE_COLUMNS = ("items", *MAIN_MEASURES, "time", "state")


def cell(run: Any, column: str, *, replaces: bool = False) -> SafeString:
    """Return a cell of a run with `figures`; `replaces`: it takes the place of the one that is on the page."""
    template = "measure" if column in MAIN_MEASURES else column
    context = {"run": run, "column": column, "figure": run.figures.measures.get(column), "replaces": replaces}
    return render_to_string(f"{FOLDER}/{template}.html", context)
