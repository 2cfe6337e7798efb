"""What each answer took: tokens that add up, and what they cost by the prices that hold."""

from dataclasses import dataclass

import numpy as np

from monitoring.synthetic.traffic.arrays import Bools, Ints, Rng, happens
from monitoring.synthetic.traffic.incidents import Kind
from monitoring.synthetic.traffic.outcomes import Outcomes, Quality
from monitoring.synthetic.traffic.prices import Prices
from monitoring.synthetic.traffic.profiles import MODELS
from monitoring.synthetic.traffic.sessions import Asked
from monitoring.synthetic.traffic.texts import REFUSAL
from monitoring.synthetic.traffic.world import World

REWRITE_TOKENS = 22
_PROMPT_TOKENS, _REWRITE_PROMPT_TOKENS = 260, 130  # of the prompt files
_REFUSAL_TOKENS = len(REFUSAL) // 4
_HISTORY_TURNS = 6
# Long prompts are cached by their server, in such steps, if the one before was the same user's.
_CACHE_MIN_TOKENS, _CACHE_STEP, _CACHE_SHARE = 1024, 128, 0.6
_CACHING = np.asarray([model.name.startswith("openai/") for model in MODELS])


@dataclass(frozen=True, slots=True)
class Spending:
    """One number for each turn. Costs are whole hundred-millionths of a dollar, -1: unknown."""

    has_call: Bools  # a model was asked
    has_rewrite: Bools
    input_tokens: Ints
    cached_tokens: Ints
    output_tokens: Ints
    rewrite_input: Ints
    call_cost: Ints
    rewrite_cost: Ints
    turn_cost: Ints  # of both


def draw_spending(
    world: World, prices: Prices, rng: Rng, asked: Asked, outcomes: Outcomes, quality: Quality
) -> Spending:
    """Draw tokens: prompt, hits, the last exchanges, question; and the answer's, as long as it is."""
    library = world.library
    has_call = asked.is_answerable & ~outcomes.is_interrupted
    has_rewrite = (asked.place > 0) & ~outcomes.is_interrupted
    output = np.where(outcomes.is_refused, _REFUSAL_TOKENS, library.answer_tokens[quality.kind, asked.item])
    output = np.where(outcomes.is_stopped, output // 2 + 1, output)
    question = library.question_tokens[asked.item]
    history = _history(asked, np.where(outcomes.is_answer & asked.is_current, question + output, 0))
    total = _PROMPT_TOKENS + library.hit_tokens[asked.item] + history + question + _pasted(world, rng, asked)
    is_cached = _CACHING[asked.model] & (total >= _CACHE_MIN_TOKENS) & happens(rng, _CACHE_SHARE, len(asked))
    cached = np.where(is_cached, total // 2 // _CACHE_STEP * _CACHE_STEP, 0)
    rewrite_input = _REWRITE_PROMPT_TOKENS + history + question

    # What failed was counted by nobody.
    call = np.where(outcomes.is_failed, -1, prices.costs(asked.model, total, cached, output))
    rewrite = prices.costs(asked.model, rewrite_input, 0 * total, 0 * total + REWRITE_TOKENS)
    is_unknown = (has_call & (call < 0)) | (has_rewrite & (rewrite < 0))
    return Spending(
        has_call=has_call,
        has_rewrite=has_rewrite,
        input_tokens=total,
        cached_tokens=cached,
        output_tokens=output,
        rewrite_input=rewrite_input,
        call_cost=call,
        rewrite_cost=rewrite,
        turn_cost=np.where(is_unknown, -1, np.where(has_call, call, 0) + np.where(has_rewrite, rewrite, 0)),
    )


def _history(asked: Asked, exchange: Ints) -> Ints:
    """Return the tokens of the last exchanges before each turn, of its conversation."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(exchange)])
    here = np.arange(len(asked))
    begin = np.maximum(asked.first[asked.session], here - _HISTORY_TURNS)
    return np.asarray(sums[here] - sums[begin], np.int64)


def _pasted(world: World, rng: Rng, asked: Asked) -> Ints:
    """Return the tokens that users paste into their questions while the cost spikes."""
    pasted = np.zeros(len(asked))
    for incident in world.incidents:
        if incident.kind == Kind.COST_SPIKE:
            pasted[incident.covers(asked.created)] = incident.size
    return np.asarray(pasted * (0.8 + 0.4 * rng.random(len(asked))), np.int64)
