"""The variables of all boards: which origin, collection, config and model; and where ragsite is.

Each board has all of them, so that a link to another board carries what was chosen; those that no panel of a board
reads are not shown above it.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableModel, VariableOption, VariableRefresh

from deploy.grafana.build.sql import POSTGRES

# The first option has no value, and stands for all. Only what was asked in the range is offered.
OPTIONS = """SELECT 'All' AS __text, '' AS __value
UNION ALL
SELECT * FROM (
  SELECT {text}, key
    FROM reports.turns(since => $__timeFrom(), until => $__timeTo(), by => '{by}', origin => '${{origin}}')
   WHERE key IS NOT NULL AND key <> ''
   ORDER BY label, key
   LIMIT 500) AS found"""
# Runs are no origin of those above: other configs may have answered them.
CONFIGS_OF_RUNS = """SELECT 'All' AS __text, '' AS __value
UNION ALL
SELECT * FROM (
  SELECT DISTINCT config || ' (' || config_id || ')', config_id::text
    FROM reports.evaluation_run
   WHERE created_at >= $__timeFrom() AND created_at < $__timeTo() AND config_id IS NOT NULL
   ORDER BY 1
   LIMIT 500) AS found"""


def variables(*, of_runs: bool = False) -> list[Builder[VariableModel]]:
    """Return them in the order in which they stand above a board; each reads the one before it. `of_runs`: the board is
    of evaluation runs, and offers their configs."""
    # versions of a config share its name
    config = _choice("config", "Pipeline config", "label || ' (' || key || ')'")
    if of_runs:
        config.query(CONFIGS_OF_RUNS).definition("those of the range's runs, from reports.evaluation_run")
    return [_site(), _origin(), _choice("collection", "Collection", "label"), config, _choice("model", "Model", "key")]


def hide_unread(known: Sequence[VariableModel], panels: str) -> None:
    """Hide the variables that the panels, written out, do not name: a filter that changes nothing misleads."""
    for variable in known:
        if f"${{{variable.name}" not in panels and f"${variable.name}" not in panels:
            variable.hide = VariableHide.HIDE_VARIABLE


def _origin() -> CustomVariable:
    """Who asked. Exactly one: figures never mix origins."""
    return (
        CustomVariable("origin")
        .label("Origin")
        .description("Who asked: users, programs, evaluation runs, or made-up traffic. Figures never mix them.")
        .values("Users : USER, API : API, Evaluation : EVALUATION, Synthetic : SYNTHETIC")
        .current(VariableOption(text="Users", value="USER", selected=True))
        .multi(False)
        .include_all(False)
        .allow_custom_value(False)
    )


def _choice(name: str, label: str, text: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(POSTGRES)
        .query(OPTIONS.format(by=name, text=text))
        .definition(f"those of the range, from reports.turns by {name}")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .current(VariableOption(text="All", value="", selected=True))
        .multi(False)
        .include_all(False)
        .allow_custom_value(False)
    )


def _site() -> QueryVariable:
    """The address that `manage.py reports_reader` wrote down: nobody has to edit dashboards for their links."""
    return (
        QueryVariable("ragsite_url")
        .hide(VariableHide.HIDE_VARIABLE)
        .datasource(POSTGRES)
        .query("SELECT reports.site_url()")
        .definition("RAGSITE_PUBLIC_URL, from reports.site_url()")
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(False)
        .include_all(False)
    )
