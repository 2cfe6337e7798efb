"""The files that are written: one JSON file a board, and the alert rules. They are in the repository, and a test and
`--check` say when they are not what the code makes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build.alerts import alert_rules
from deploy.grafana.build.boards.cost import cost
from deploy.grafana.build.boards.evaluation import evaluation
from deploy.grafana.build.boards.experiments import experiments
from deploy.grafana.build.boards.feedback import feedback
from deploy.grafana.build.boards.quality import quality
from deploy.grafana.build.boards.system import ALERTS_TITLE, system
from monitoring.alerts import RULES

FOLDER = Path(__file__).resolve().parent.parent
DASHBOARDS = FOLDER / "dashboards"
ALERTS = FOLDER / "provisioning" / "alerting" / "ragsite.yaml"
BOARDS = (quality, feedback, system, cost, experiments, evaluation)


def files() -> Mapping[Path, str]:
    """Return each file's path and text."""
    boards = [board() for board in BOARDS]
    texts = {DASHBOARDS / f"{str(board.uid).removeprefix('ragsite-')}.json": _json(board) for board in boards}
    return {**texts, ALERTS: _alerts(boards)}


def outdated() -> list[Path]:
    """Return the files that differ from what the code makes, and boards that the code does not make."""
    wanted = files()
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return differing + [path for path in sorted(DASHBOARDS.glob("*.json")) if path not in wanted]


def _alerts(boards: Sequence[Dashboard]) -> str:
    for board in boards:
        for panel in board.panels or []:
            if panel.title == ALERTS_TITLE and panel.id_val:
                return alert_rules(RULES, dashboard_uid=str(board.uid), panel_id=panel.id_val)
    raise LookupError(f"no board has the panel {ALERTS_TITLE!r}")


def _json(board: Dashboard) -> str:
    return json.dumps(board, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
