"""What is counted of a block for the truth: the figures of the reports, by what was drawn and not by what is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Bools, Floats
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.groups import ALL, COLLECTION, CONFIG, DAY, MODEL
from monitoring.synthetic.traffic.profiles import LABELS
from monitoring.synthetic.traffic.reactions import Verdicts

EVERYWHERE = (ALL, CONFIG, MODEL, COLLECTION, DAY)
JUDGE, REVIEWER = "JUDGE", "REVIEWER"


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures of a report: what each turn adds to them. `by`: the groups that they are checked in."""

    report: str
    figures: Mapping[str, NDArray[Any]]  # numbers, or whether
    by: tuple[str, ...] = (ALL, CONFIG, DAY)
    name: str = ""  # of scores: criterion and source
    source: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure that chance decides: of the turns that it `counts`, the value that came, and mean and variance of what
    could have come."""

    report: str
    figure: str
    counts: Bools
    values: Floats
    mean: Floats
    variance: Floats
    by: tuple[str, ...] = (ALL, CONFIG)
    name: str = ""
    source: str = ""


def counted(block: Block) -> Iterator[Counted]:
    """Yield what is counted; costs in hundred-millionths of a dollar."""
    outcomes, votes, retrieval, asked = block.outcomes, block.votes, block.retrieval, block.asked
    answers, cost = outcomes.is_answer, block.spending.turn_cost
    searched = ~outcomes.is_interrupted
    is_known = answers & (cost >= 0)
    turns = {
        "turns": np.ones(len(block), np.int64),
        "answers": answers,
        "failed": ~answers,
        "interrupted": outcomes.is_interrupted,
        "stopped": outcomes.is_stopped,
        "conversations": asked.place == 0,
        "refusals": outcomes.is_refused,
    }
    yield Counted("turns", turns, EVERYWHERE)
    feedback = {
        "answers": answers,
        "up": votes.is_up,
        "down": votes.is_rated & ~votes.is_up,
        "rated": votes.is_rated,
        "comments": votes.has_comment,
        "copies": votes.is_copied,
        "regenerated": ~asked.is_current,
    }
    yield Counted("feedback", feedback)
    yield Counted("answer_cost", {"known": is_known, "cost_usd": np.where(is_known, cost, 0)}, EVERYWHERE)
    found = {
        "searched": searched,
        "hits": np.where(searched, retrieval.hit_count, 0),
        "empty": searched & (retrieval.hit_count == 0),
        "cited": answers & (retrieval.cited_count > 0),
        "citations": retrieval.cited_count,
        "removed_citations": retrieval.removed_citation,
    }
    yield Counted("retrieval", found, (ALL, CONFIG, COLLECTION))
    for said in block.verdicts:
        verdicts = {
            "scored": said.is_scored,
            "unscored": said.judged & ~said.is_scored,
            "failing": said.fails,
        }
        yield Counted("scores", verdicts, (ALL, CONFIG), said.profile.criterion, JUDGE)
    labels = {"scored": block.is_reviewed, "failing": block.is_reviewed & block.quality.is_ungrounded}
    yield Counted("scores", labels, (ALL,), "groundedness", REVIEWER)


def drawn(block: Block) -> Iterator[Drawn]:
    """Yield what chance decides, each with the planted probabilities."""
    outcomes, quality, votes = block.outcomes, block.quality, block.votes
    everything = np.ones(len(block), np.bool_)
    by_model = (ALL, CONFIG, MODEL)
    yield _share("turns", "error_ratio", everything, ~outcomes.is_answer, outcomes.p_failed, by_model)
    yield _share("turns", "refusal_ratio", outcomes.is_answer, outcomes.is_refused, outcomes.p_refused, by_model)
    yield _share("feedback", "up_ratio", votes.is_rated, votes.is_up, votes.p_up, (ALL, CONFIG))
    yield _share("feedback", "coverage_ratio", outcomes.is_answer, votes.is_rated, votes.p_rated, (ALL, CONFIG))
    empty = np.full(len(block), profiles.UNANSWERABLE * profiles.EMPTY_IF_UNANSWERABLE)
    searched = ~outcomes.is_interrupted
    yield _share("retrieval", "empty_ratio", searched, block.retrieval.hit_count == 0, empty, (ALL,))
    for said in block.verdicts:
        criterion = said.profile.criterion
        yield _share("scores", "failing_ratio", said.is_scored, said.fails, said.p_fails, (ALL, CONFIG), criterion)
        yield _mean(said)
        # What a judge without error would have found.
        yield _share(
            "scores", "corrected_ratio", said.is_scored, said.is_latent, said.p_latent, (ALL, CONFIG), criterion
        )
    yield _share(
        "scores",
        "failing_ratio",
        block.is_reviewed,
        quality.is_ungrounded,
        quality.p_ungrounded,
        (ALL,),
        "groundedness",
        REVIEWER,
    )


def _share(
    report: str,
    figure: str,
    counts: Bools,
    happened: Bools,
    p: Floats,
    by: tuple[str, ...],
    name: str = "",
    source: str = JUDGE,
) -> Drawn:
    source = source if name else ""
    return Drawn(report, figure, counts, happened.astype(np.float64), p, p * (1 - p), by, name, source)


def _mean(said: Verdicts) -> Drawn:
    """Return the mean of a judge's values."""
    _, failing = LABELS[said.profile.criterion]
    values = np.asarray([value for _, value in failing])
    mean = 1 - said.p_fails * (1 - values.mean())
    squares = 1 - said.p_fails * (1 - (values**2).mean())
    return Drawn(
        "scores",
        "mean",
        said.is_scored,
        said.value,
        mean,
        squares - mean**2,
        (ALL, CONFIG),
        said.profile.criterion,
        JUDGE,
    )
