"""One block of a world: its turns with all that belongs to them, as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints, happens
from monitoring.synthetic.traffic.outcomes import (
    Outcomes,
    Quality,
    Retrieval,
    draw_outcomes,
    draw_quality,
    draw_retrieval,
)
from monitoring.synthetic.traffic.prices import Prices
from monitoring.synthetic.traffic.reactions import Verdicts, Votes, draw_verdicts, draw_votes
from monitoring.synthetic.traffic.sessions import Asked, draw_sessions
from monitoring.synthetic.traffic.speeds import Speeds, draw_speeds
from monitoring.synthetic.traffic.spending import Spending, draw_spending
from monitoring.synthetic.traffic.world import World, rng_of

JUDGE_PROMPT_TOKENS, JUDGE_OUTPUT_TOKENS = 420, 60
_CUT_OFF_AFTER = 25.0  # seconds until an interrupted answer is found


@dataclass(frozen=True, slots=True)
class Block:
    """Turns of some hours, in the order of their conversations."""

    asked: Asked
    outcomes: Outcomes
    quality: Quality
    retrieval: Retrieval
    spending: Spending
    speeds: Speeds
    votes: Votes
    verdicts: tuple[Verdicts, ...]
    is_reviewed: Bools  # a person labels whether it is grounded

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def finished(self) -> Floats:
        """When each turn finished; of an interrupted one, when that was found."""
        return np.asarray(self.asked.created + np.nan_to_num(self.speeds.total, nan=_CUT_OFF_AFTER))


def draw_blocks(world: World, prices: Prices) -> Iterator[Block]:
    """Yield a world's turns in the order of time, as far as conversations do not overlap."""
    for number, begins, counts in world.blocks():
        yield draw_block(world, prices, number, begins, counts)


def draw_block(world: World, prices: Prices, number: int, begins: Floats, counts: Ints) -> Block:
    """Draw one block; its number in the world makes it differ from the others."""
    rng = rng_of(world.arguments.seed, 1, number)
    asked = draw_sessions(world, rng, begins, counts)
    outcomes = draw_outcomes(world, rng, asked)
    quality = draw_quality(world, rng, asked, outcomes)
    spending = draw_spending(world, prices, rng, asked, outcomes, quality)
    return Block(
        asked=asked,
        outcomes=outcomes,
        quality=quality,
        retrieval=draw_retrieval(world, rng, asked, outcomes),
        spending=spending,
        speeds=draw_speeds(world, rng, asked, outcomes, spending),
        votes=draw_votes(world, rng, asked, outcomes, quality),
        verdicts=draw_verdicts(rng, asked, outcomes, quality),
        is_reviewed=outcomes.says_something & happens(rng, profiles.REVIEWED, len(asked)),
    )


def judge_input_tokens(world: World, block: Block) -> Ints:
    """Return the tokens that a judge with a model reads of each turn."""
    library, item = world.library, block.asked.item
    return np.asarray(
        JUDGE_PROMPT_TOKENS
        + library.question_tokens[item]
        + library.hit_tokens[item]
        + library.answer_tokens[block.quality.kind, item]
    )
