"""Judge: is every claim of the answer supported by the hits? It lists those that are not.

Labels    SUPPORTED 1, PARTLY_SUPPORTED 0.5, UNSUPPORTED 0
Empty     an empty answer: unscored. One that claims nothing is SUPPORTED; claims without any hit are UNSUPPORTED
Source    faithfulness of Es et al., RAGAS, 2023, in one call: claims and verdict together
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="groundedness",
    criterion=CRITERIA["groundedness"],
    prompt="groundedness_v1",
    lists=("unsupported",),
    known_bias=(
        'Takes what everybody knows for supported, and misses a changed number or a dropped "not" in a long answer. '
        "Sees only the beginning of very long hits."
    ),
    source="Es et al., RAGAS, 2023 (faithfulness)",
)
