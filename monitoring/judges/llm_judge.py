"""A judge that is a language model: a prompt, a fixed set of labels, and how its answer is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chat.exceptions import ConfigurationError, GenerationError
from chat.rag.config import LLMRequest, Purpose
from chat.rag.llm import complete
from monitoring.judges.base import JudgedTurn, JudgeTools, Record, Verdict
from monitoring.judges.criteria import Criterion
from monitoring.judges.prompt import HITS_MAX_CHARS, make_prompt
from monitoring.judges.reading import UnreadableVerdictError, read_verdict

# Room for the thoughts of a reasoning model, which count as output.
MAX_OUTPUT_TOKENS = 2_000
TEMPERATURE = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMJudge:
    """See Judge. The version is the prompt's: it is all that a verdict depends on besides the model."""

    name: str
    criterion: Criterion
    prompt: str
    known_bias: str
    source: str
    needs_reference: bool = False
    for_evaluation: bool = False
    family: Literal["llm"] = field(default="llm", init=False)

    @property
    def version(self) -> str:
        """See Judge."""
        return self.prompt.rpartition("_v")[2]

    @property
    def title(self) -> str:
        """See Judge."""
        return self.criterion.title

    @property
    def question(self) -> str:
        """See Judge."""
        return self.criterion.question

    @property
    def labels(self) -> Mapping[str, float]:
        """See Judge."""
        return self.criterion.labels

    @property
    def settings(self) -> Mapping[str, object]:
        """See Judge."""
        return {
            "temperature": TEMPERATURE,
            "max_output_tokens": MAX_OUTPUT_TOKENS,
            "hits_max_chars": HITS_MAX_CHARS,
        }

    async def judge(self, turn: JudgedTurn, tools: JudgeTools, record: Record) -> Verdict:
        """See Judge. One call."""
        if not tools.model:
            raise ConfigurationError(f'The judge "{self.name}" needs a model: name one as provider/model.')
        if self.needs_reference and not turn.expected_answer.strip():
            return self._unscored("The item has no expected answer.")
        if not turn.answer.strip():
            return self._unscored("The answer is empty.")
        request = LLMRequest(
            model=tools.model,
            purpose=Purpose.JUDGE,
            prompt=make_prompt(self.prompt, _material(turn)),
            temperature=TEMPERATURE,
            max_output_tokens=MAX_OUTPUT_TOKENS,
        )
        try:
            text = await complete(request, access=tools.access, record=record)
            label, reasoning = read_verdict(text, self.labels)
        except GenerationError as error:
            return self._unscored(f"The judge's model failed: {error}", retryable=error.retryable)
        except UnreadableVerdictError as error:
            return self._unscored(str(error))
        return Verdict(self.name, self.labels[label], label=label, explanation=reasoning)

    def _unscored(self, reason: str, *, retryable: bool = False) -> Verdict:
        return Verdict(self.name, None, error=reason[:300], retryable=retryable)


def _material(turn: JudgedTurn) -> dict[str, str]:
    longest = HITS_MAX_CHARS // max(1, len(turn.hits))
    sources = [f"[{hit.rank}] {hit.title}\n{hit.heading_path}\n\n{hit.text[:longest]}" for hit in turn.hits]
    earlier = [f"Question: {exchange.question}\nAnswer: {exchange.answer[:600]}" for exchange in turn.history[-6:]]
    return {
        "question": turn.question,
        "answer": turn.answer,
        "expected_answer": turn.expected_answer,
        "sources": "\n\n---\n\n".join(sources) or "(nothing was found)",
        "history": "\n\n".join(earlier) or "(none)",
    }
