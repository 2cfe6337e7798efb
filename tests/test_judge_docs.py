"""The page on judges names every judge that there is, under what it asks, and no other."""

import re
from pathlib import Path

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.registry import JUDGES

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "judges.md").read_text()


def section(heading):
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_each_criterion_is_on_the_page_with_its_labels_and_judges():
    rows = [row.strip("|").split("|") for row in section("Which judges are there?").splitlines() if row[:1] == "|"]
    found = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows[2:]}

    assert [*found] == [criterion.title for criterion in CRITERIA.values()]
    for criterion in CRITERIA.values():
        question, labels, offline, by_model = found[criterion.title]
        assert question == criterion.question
        assert labels == (
            ", ".join(f"{label} {value:g}" for label, value in criterion.labels.items()) or "none, a number from 0 to 1"
        )
        for family, cell in (("offline", offline), ("llm", by_model)):
            judges = [j.name for j in JUDGES.values() if j.criterion is criterion and j.family == family]
            assert re.findall(r"`(\w+)`", cell) == judges


def test_each_offline_judge_says_how_it_decides():
    named = re.findall(
        r"`(\w+)`", "".join(re.findall(r"^\|[^|]+\|", section("How do the offline judges decide?"), re.M))
    )

    assert set(named) == {judge.name for judge in JUDGES.values() if judge.family == "offline"}
