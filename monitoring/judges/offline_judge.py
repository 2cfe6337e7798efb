"""A judge that is a program: words, vectors and a small trained model in place of a language model. No key, no cost."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from chat.rag.embed import TextEmbedder
from monitoring.judges.base import JudgedTurn, JudgeTools, Record, Verdict
from monitoring.judges.criteria import Criterion

Decide = Callable[[JudgedTurn, TextEmbedder | None], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineJudge:
    """See Judge. `decide` is asked in a thread, because it computes."""

    name: str
    criterion: Criterion
    decide: Decide
    version: str
    known_bias: str
    source: str
    settings: Mapping[str, object] = field(default_factory=dict)
    needs_reference: bool = False
    for_evaluation: bool = False
    prompt: str = field(default="", init=False)
    family: Literal["offline"] = field(default="offline", init=False)

    @property
    def title(self) -> str:
        """See Judge."""
        return f"{self.criterion.title} (offline)"

    @property
    def question(self) -> str:
        """See Judge."""
        return self.criterion.question

    @property
    def labels(self) -> Mapping[str, float]:
        """See Judge."""
        return self.criterion.labels

    async def judge(self, turn: JudgedTurn, tools: JudgeTools, record: Record) -> Verdict:
        """See Judge. No call."""
        return await asyncio.to_thread(self.decide, turn, tools.embedder)
