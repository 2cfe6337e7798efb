"""The LLM calls of a block as rows: answers, rewrites of follow-up questions, and judges with a model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chat.rag.config import Price
from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.arrays import Floats, Ints
from monitoring.synthetic.traffic.drawing import JUDGE_OUTPUT_TOKENS, Block, judge_input_tokens
from monitoring.synthetic.traffic.reactions import Verdicts
from monitoring.synthetic.traffic.spending import REWRITE_TOKENS
from monitoring.synthetic.traffic.tables import (
    NULL,
    Table,
    dollars,
    flags,
    numbers,
    picked,
    seconds_or_null,
    stamps,
    table,
)
from monitoring.synthetic.traffic.writing import Writing

_ANSWER_CODES = ("", *(code for code, _ in profiles.ERROR_CODES))


def calls_of(writing: Writing, block: Block, ids: Ints) -> Table:
    """Return all calls, those of judges after those of the turns themselves."""
    parts = [_answers(writing, block, ids), _rewrites(writing, block, ids)]
    parts += [_judges(writing, block, ids, said) for said in block.verdicts if said.profile.family == "llm"]
    return Table(parts[0].name, parts[0].columns, (line for part in parts for line in part.lines))


def judge_costs(writing: Writing, block: Block, verdicts: Verdicts) -> Ints:
    """Return what each verdict of a judge with a model cost."""
    place = [model.name for model in profiles.MODELS].index(verdicts.profile.model)
    tokens = judge_input_tokens(writing.world, block)
    zero = np.zeros(len(block), np.int64)
    return writing.prices.costs(zero + place, tokens, zero, zero + JUDGE_OUTPUT_TOKENS)


def _answers(writing: Writing, block: Block, ids: Ints) -> Table:
    has = block.spending.has_call
    failed = block.outcomes.is_failed[has]
    code = np.where(block.outcomes.is_failed, 1 + block.outcomes.error, 0)[has]
    return _table(
        writing,
        purpose="answer",
        ids=ids[has],
        model=block.asked.model[has],
        input_tokens=numbers(block.spending.input_tokens[has], unknown=failed),
        cached_tokens=numbers(block.spending.cached_tokens[has], unknown=failed),
        output_tokens=numbers(block.spending.output_tokens[has], unknown=failed),
        estimated=flags(block.outcomes.is_stopped[has]),
        costs=block.spending.call_cost[has],
        duration=(block.speeds.total - block.speeds.before_call)[has],
        first_token=seconds_or_null(np.round(block.speeds.first_token - block.speeds.before_call, 4)[has]),
        attempts=block.outcomes.attempts[has].tolist(),
        finish=picked(["stop", "cancelled", ""], np.where(failed, 2, block.outcomes.is_stopped[has])),
        codes=picked(_ANSWER_CODES, code),
        at=block.finished[has],
    )


def _rewrites(writing: Writing, block: Block, ids: Ints) -> Table:
    has = block.spending.has_rewrite
    size = int(has.sum())
    return _table(
        writing,
        purpose="rewrite",
        ids=ids[has],
        model=block.asked.model[has],
        input_tokens=block.spending.rewrite_input[has].tolist(),
        cached_tokens=[0] * size,
        output_tokens=[REWRITE_TOKENS] * size,
        estimated="f",
        costs=block.spending.rewrite_cost[has],
        duration=block.speeds.rewrite[has],
        first_token=NULL,
        attempts="1",
        finish="stop",
        codes="",
        at=block.finished[has],
    )


def _judges(writing: Writing, block: Block, ids: Ints, verdicts: Verdicts) -> Table:
    has = verdicts.judged
    size = int(has.sum())
    place = [model.name for model in profiles.MODELS].index(verdicts.profile.model)
    return _table(
        writing,
        purpose="judge",
        ids=ids[has],
        model=np.full(size, place),
        input_tokens=judge_input_tokens(writing.world, block)[has].tolist(),
        cached_tokens=[0] * size,
        output_tokens=[JUDGE_OUTPUT_TOKENS] * size,
        estimated="f",
        costs=judge_costs(writing, block, verdicts)[has],
        duration=verdicts.duration[has],
        first_token=NULL,
        attempts="1",
        finish="stop",
        codes="",
        at=(block.finished + verdicts.after)[has],
    )


def _table(
    writing: Writing,
    *,
    purpose: str,
    ids: Ints,
    model: Ints,
    input_tokens: list[Any],
    cached_tokens: list[Any],
    output_tokens: list[Any],
    estimated: list[str] | str,
    costs: Ints,
    duration: Floats,
    first_token: list[Any] | str,
    attempts: list[Any] | str,
    finish: list[str] | str,
    codes: list[str] | str,
    at: Floats,
) -> Table:
    names = [profile.name for profile in profiles.MODELS]
    return table(
        "chat_llmcall",
        len(ids),
        {
            "turn_id": ids.tolist(),
            "purpose": purpose,
            "model": picked(names, model),
            "response_model": picked([name.partition("/")[2] for name in names], model),
            "prompt_name": {"answer": "answer_v1", "rewrite": "rewrite_v1", "judge": "relevance_v1"}[purpose],
            "prompt_sha256": "",
            "input_tokens": input_tokens,
            "cached_input_tokens": cached_tokens,
            "output_tokens": output_tokens,
            "tokens_estimated": estimated,
            "input_usd_per_million": _prices(writing.prices.of, "input_usd_per_million", model),
            "output_usd_per_million": _prices(writing.prices.of, "output_usd_per_million", model),
            "cached_input_usd_per_million": _prices(writing.prices.of, "cached_input_usd_per_million", model),
            "cost_usd": dollars(costs),
            "duration_seconds": np.round(duration, 4).tolist(),
            "first_token_seconds": first_token,
            "attempts": attempts,
            "finish_reason": finish,
            "request_id": "",
            "error_code": codes,
            "created_at": stamps(at),
        },
    )


def _prices(prices: Sequence[Price], column: str, model: Ints) -> list[str]:
    values = [getattr(price, column) for price in prices]
    return picked([NULL if value is None else str(value) for value in values], model)
