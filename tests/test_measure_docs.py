"""The page on measures names every measure and judge of evaluation runs, with its labels, and no other."""

import re
from pathlib import Path

from monitoring.evaluation.measures.registry import MEASURES
from monitoring.judges.registry import EVALUATION_JUDGES

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "evaluation-measures.md").read_text()


def section(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_measure_is_on_the_page():
    named = re.findall(
        r"`([a-z_0-9]+)`",
        section("What do the measures of chunks say?")
        + "".join(re.findall(r"^\| `[a-z_0-9]+` \|", section("Which measures of retrieval are there?"), re.MULTILINE))
        + "".join(re.findall(r"^\| `[a-z_0-9]+` \|", section("Which measures of answers are there?"), re.MULTILINE)),
    )

    assert sorted(named) == sorted(MEASURES)


def test_every_judge_is_on_the_page_with_its_labels():
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+)$", section("Which judges are there?"), re.MULTILINE)

    assert [name for name, _ in rows] == [*EVALUATION_JUDGES]
    assert all(label in row for name, row in rows for label in EVALUATION_JUDGES[name].labels)
    assert all(EVALUATION_JUDGES[name].question in row for name, row in rows)
