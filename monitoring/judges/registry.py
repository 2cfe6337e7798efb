"""All judges by name. A new judge is a file with a JUDGE, its prompt, and a line here."""

from collections.abc import Mapping

from monitoring.judges import answer_correctness, groundedness_offline, relevance
from monitoring.judges.base import Judge

JUDGES: Mapping[str, Judge] = {
    judge.name: judge for judge in (groundedness_offline.JUDGE, relevance.JUDGE, answer_correctness.JUDGE)
}
