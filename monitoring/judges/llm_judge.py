"""A judge that is a language model: a prompt, a fixed set of labels, and how its answer is read.

A schema of the verdict is sent along; a server that knows none is asked without, and so is a model that takes no
temperature (chat/rag/llm.py remembers it of the model). Whatever comes back is read by reading.py: a schema is a help
and no proof, since servers accept it and do not keep to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chat.exceptions import ConfigurationError, GenerationError
from chat.rag.citations import clean_citations
from chat.rag.config import LLMRequest, Purpose
from chat.rag.llm import complete
from monitoring.judges.base import JudgedTurn, JudgeTools, Record, Verdict
from monitoring.judges.criteria import Criterion
from monitoring.judges.material import HISTORY_MAX_CHARS, material
from monitoring.judges.prompt import HITS_MAX_CHARS, make_prompt
from monitoring.judges.reading import ReadVerdict, UnreadableVerdictError, read_verdict

# Room for the thoughts of a reasoning model, which count as output.
MAX_OUTPUT_TOKENS = 2_000
TEMPERATURE = 0.0
CITED_RANK_MAX = 999  # the largest number that a citation can have

Need = Literal["question", "answer", "hits", "citations"]
MISSING: Mapping[Need, str] = {
    "question": "The question is empty.",
    "answer": "The answer is empty.",
    "hits": "There are no hits.",
    "citations": "The answer cites nothing.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMJudge:
    """See Judge. The version is the prompt's: it is all that a verdict depends on besides the model and the settings.

    `needs`: what a turn without is unscored. `lists`: what it lists besides the label, such as the claims that no hit
    supports; a verdict with the best label and something on such a list contradicts itself.
    """

    name: str
    criterion: Criterion
    prompt: str
    known_bias: str
    source: str
    needs: tuple[Need, ...] = ("answer",)
    lists: tuple[str, ...] = ()
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
            "history_max_chars": HISTORY_MAX_CHARS,
        }

    @property
    def schema(self) -> Mapping[str, object]:
        """What a verdict looks like, as a JSON schema: the reasons come before the label that they are for."""
        properties: dict[str, object] = {
            "reasoning": {"type": "string"},
            **{name: {"type": "array", "items": {"type": "string"}} for name in self.lists},
            "label": {"type": "string", "enum": [*self.labels]},
        }
        return {
            "type": "object",
            "properties": properties,
            "required": [*properties],
            "additionalProperties": False,
        }

    async def judge(self, turn: JudgedTurn, tools: JudgeTools, record: Record) -> Verdict:
        """See Judge. One call."""
        if not tools.model:
            raise ConfigurationError(f'The judge "{self.name}" needs a model: name one as provider/model.')
        if missing := self._missing(turn):
            return self._unscored(missing)
        request = LLMRequest(
            model=tools.model,
            purpose=Purpose.JUDGE,
            prompt=make_prompt(self.prompt, material(turn, self.criterion.subject)),
            temperature=TEMPERATURE,
            max_output_tokens=MAX_OUTPUT_TOKENS,
            output_schema=self.schema,
        )
        try:
            text = await complete(request, access=tools.access, record=record)
            said = read_verdict(text, self.labels, self.lists)
            self._check(said)
        except GenerationError as error:
            return self._unscored(f"The judge's model failed: {error}", retryable=error.retryable)
        except UnreadableVerdictError as error:
            return self._unscored(str(error), retryable=True)
        value = self.labels[said.label]
        return Verdict(self.name, value, label=said.label, explanation=said.reasoning, details=dict(said.lists))

    def _missing(self, turn: JudgedTurn) -> str:
        if self.needs_reference and not turn.expected_answer.strip():
            return "The item has no expected answer."
        there: Mapping[Need, object] = {
            "question": turn.question.strip(),
            "answer": turn.answer.strip(),
            "hits": turn.hits,
            "citations": clean_citations(turn.answer, CITED_RANK_MAX).cited_ranks,
        }
        return next((MISSING[need] for need in self.needs if not there[need]), "")

    def _check(self, said: ReadVerdict) -> None:
        """Raise UnreadableVerdictError for a verdict that contradicts itself."""
        if said.label == next(iter(self.labels)) and (listed := [name for name in self.lists if said.lists[name]]):
            raise UnreadableVerdictError(
                f'The judge gave the label "{said.label}" and contradicts it by what it lists as {", ".join(listed)}.'
            )

    def _unscored(self, reason: str, *, retryable: bool = False) -> Verdict:
        return Verdict(self.name, None, error=reason[:300], retryable=retryable)
