"""What users, judges and reviewers say of a block as rows: feedback, signals, scores."""

from collections.abc import Iterator

import numpy as np

from monitoring.synthetic.traffic.arrays import Ints
from monitoring.synthetic.traffic.call_rows import judge_costs
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.profiles import LABELS
from monitoring.synthetic.traffic.reactions import REASONS, Verdicts
from monitoring.synthetic.traffic.tables import (
    NULL,
    Table,
    dollars,
    picked,
    seconds_or_null,
    stamps,
    table,
)
from monitoring.synthetic.traffic.writing import Writing, ids_at

COMMENTS = (
    "This does not answer my question.",
    "The page that it cites says something else.",
    "Half of it is missing.",
    "Too long, I only need the number.",
)
NO_VERDICT = "Made-up traffic: the judge gave no verdict."
_REVIEWED_AFTER = 6 * 3600.0


def feedback_of(writing: Writing, block: Block, ids: Ints) -> Table:
    votes, has = block.votes, block.votes.is_rated
    at = stamps((block.finished + votes.after)[has])
    comment = np.where(votes.has_comment, 1 + ids % len(COMMENTS), 0)[has]
    return table(
        "chat_feedback",
        int(has.sum()),
        {
            "turn_id": ids[has].tolist(),
            "user_id": ids_at(writing.standing.user_ids, block.asked.user[has]),
            "value": np.where(votes.is_up, 1, -1)[has].tolist(),
            "reasons": picked([f"{{{reason}}}" for reason in REASONS], votes.reason[has]),
            "comment": picked(["", *COMMENTS], comment),
            "created_at": at,
            "updated_at": at,
        },
    )


def signals_of(writing: Writing, block: Block, ids: Ints) -> Table:
    user = np.asarray(ids_at(writing.standing.user_ids, block.asked.user), np.int64)
    kinds = (
        ("COPY", block.votes.is_copied),
        ("OPEN_SOURCE", block.votes.opens_source),
        ("REGENERATE", ~block.asked.is_current),
    )

    def lines() -> Iterator[str]:
        for kind, has in kinds:
            at = stamps((block.finished + block.votes.after)[has])
            for row in zip(ids[has].tolist(), user[has].tolist(), at, strict=True):
                yield f"%s\t%s\t{kind}\t%s\n" % row

    return Table("chat_implicitsignal", ("turn_id", "user_id", "kind", "created_at"), lines())


def scores_of(writing: Writing, block: Block, ids: Ints, place: int) -> Table:
    """Return the verdicts of one judge."""
    verdicts: Verdicts = block.verdicts[place]
    has, judge = verdicts.judged, verdicts.profile
    size = int(has.sum())
    at = stamps((block.finished + verdicts.after)[has])
    failed = verdicts.label[has] < 0
    passing, failing = LABELS[judge.criterion]
    is_llm = judge.family == "llm"
    return table(
        "monitoring_score",
        size,
        {
            "turn_id": ids[has].tolist(),
            "name": judge.criterion,
            "source": "JUDGE",
            "value": seconds_or_null(np.where(failed, np.nan, verdicts.value[has])),
            "label": picked([passing[0], *(label for label, _ in failing), ""], verdicts.label[has]),
            "explanation": "",
            "details": "{}",
            "error": picked(["", NO_VERDICT], failed.astype(np.int64)),
            "judge_version_id": str(writing.standing.version_ids[place]),
            "reviewer_id": NULL,
            "attempts": "1",
            "calls": "1" if is_llm else "0",
            "cost_usd": dollars(judge_costs(writing, block, verdicts)[has]) if is_llm else "0",
            "duration_seconds": verdicts.duration[has].tolist(),
            "created_at": at,
            "updated_at": at,
        },
    )


def labels_of(writing: Writing, block: Block, ids: Ints) -> Table:
    """Return what a person says of a few answers: whether they are grounded, which the person knows."""
    has = block.is_reviewed
    wrong = block.quality.is_ungrounded[has]
    # nobody labels after the end of the world, not even its last answers
    at = stamps(np.minimum(block.finished[has] + _REVIEWED_AFTER, writing.world.until))
    passing, failing = LABELS["groundedness"]
    return table(
        "monitoring_score",
        int(has.sum()),
        {
            "turn_id": ids[has].tolist(),
            "name": "groundedness",
            "source": "REVIEWER",
            "value": picked([str(passing[1]), str(failing[-1][1])], wrong.astype(np.int64)),
            "label": picked([passing[0], failing[-1][0]], wrong.astype(np.int64)),
            "explanation": "",
            "details": "{}",
            "error": "",
            "reviewer_id": str(writing.standing.reviewer_id),
            "attempts": "1",
            "calls": "0",
            "created_at": at,
            "updated_at": at,
        },
    )
