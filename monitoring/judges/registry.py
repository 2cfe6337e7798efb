"""All judges by name. A new judge is a file with a JUDGE, its prompt, and a line here."""

from collections.abc import Mapping

from monitoring.judges import answer_correctness, answer_relevance, offline_groundedness
from monitoring.judges.base import Judge

JUDGES: Mapping[str, Judge] = {
    judge.name: judge for judge in (offline_groundedness.JUDGE, answer_relevance.JUDGE, answer_correctness.JUDGE)
}
