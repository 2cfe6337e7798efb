"""What the truth says of calls of models: by purpose, and by model; at the time of the call, so without its turn."""

from collections.abc import Iterator, Mapping

import numpy as np

from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints
from monitoring.synthetic.traffic.call_rows import judge_costs
from monitoring.synthetic.traffic.drawing import JUDGE_OUTPUT_TOKENS, Block, judge_input_tokens
from monitoring.synthetic.traffic.groups import ALL, MODEL
from monitoring.synthetic.traffic.profiles import MODELS
from monitoring.synthetic.traffic.spending import REWRITE_TOKENS
from monitoring.synthetic.traffic.writing import Writing

PURPOSE = "purpose"


def call_counts(writing: Writing, block: Block) -> Iterator[tuple[str, str, Mapping[str, int]]]:
    """Yield grouping, key and figures; costs in hundred-millionths of a dollar."""
    for purpose, has, model, figures in _calls(writing, block):
        sums = {name: int(values[has].sum()) for name, values in figures.items()}
        yield PURPOSE, purpose, sums
        yield ALL, "", sums
        for place, profile in enumerate(MODELS):
            of_model = has & (model == place)
            yield MODEL, profile.name, {name: int(values[of_model].sum()) for name, values in figures.items()}


def call_times(block: Block) -> Floats:
    """Return when the calls of a block were made, in no order; also those of turns without one."""
    judged = [(block.finished + said.after)[said.judged] for said in block.verdicts if said.profile.family == "llm"]
    return np.concatenate([block.finished, *judged])


def _calls(writing: Writing, block: Block) -> Iterator[tuple[str, Bools, Ints, dict[str, Ints]]]:
    spending, outcomes, asked = block.spending, block.outcomes, block.asked
    zero = np.zeros(len(block), np.int64)
    yield (
        "answer",
        spending.has_call,
        asked.model,
        _figures(
            spending.input_tokens,
            spending.cached_tokens,
            spending.output_tokens,
            spending.call_cost,
            attempts=outcomes.attempts,
            failed=outcomes.is_failed,
            estimated=outcomes.is_stopped,
        ),
    )
    yield (
        "rewrite",
        spending.has_rewrite,
        asked.model,
        _figures(spending.rewrite_input, zero, zero + REWRITE_TOKENS, spending.rewrite_cost),
    )
    for said in block.verdicts:
        if said.profile.family == "llm":
            place = [model.name for model in MODELS].index(said.profile.model)
            tokens = judge_input_tokens(writing.world, block)
            costs = judge_costs(writing, block, said)
            yield "judge", said.judged, zero + place, _figures(tokens, zero, zero + JUDGE_OUTPUT_TOKENS, costs)


def _figures(
    input_tokens: Ints,
    cached: Ints,
    output: Ints,
    costs: Ints,
    *,
    attempts: Ints | None = None,
    failed: Bools | None = None,
    estimated: Bools | None = None,
) -> dict[str, Ints]:
    one = np.ones(len(costs), np.int64)
    is_failed = np.zeros(len(costs), np.bool_) if failed is None else failed
    is_estimated = np.zeros(len(costs), np.bool_) if estimated is None else estimated
    is_known = costs >= 0
    return {
        "calls": one,
        "failed_calls": is_failed.astype(np.int64),
        "attempts": one if attempts is None else attempts,
        "input_tokens": np.where(is_failed, 0, input_tokens),
        "cached_input_tokens": np.where(is_failed, 0, cached),
        "output_tokens": np.where(is_failed, 0, output),
        "unknown_token_calls": is_failed.astype(np.int64),
        "estimated_token_calls": is_estimated.astype(np.int64),
        "cost_usd": np.where(is_known, costs, 0),
        "exact_usd": np.where(is_known & ~is_estimated, costs, 0),
        "estimated_usd": np.where(is_known & is_estimated, costs, 0),
        "unknown_cost_calls": (~is_known).astype(np.int64),
    }
