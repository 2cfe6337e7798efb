"""What a judge is: a program or a model that looks at one turn and gives a verdict.

A judge is plain data in and out: it gets what was asked, found and answered, never a row, so that evaluation runs, live
turns and tests ask it the same way, and its caller stores the verdict and the calls. It states what it asks, its labels
with their values, its version and its known bias, because a figure is worth what is known of the one who gave it.
What cannot be judged has no value and says why: never 0, and never a second try with another prompt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from chat.rag.config import Exchange, LLMCall
from chat.rag.embed import TextEmbedder
from chat.rag.llm import ModelAccess
from monitoring.judges.criteria import Criterion

Record = Callable[[LLMCall], None]
Family = Literal["offline", "llm"]


@dataclass(frozen=True, slots=True)
class JudgedHit:
    """A chunk that the answer could use."""

    rank: int
    title: str
    heading_path: str
    text: str


@dataclass(frozen=True, slots=True)
class JudgedTurn:
    """One turn as a judge sees it."""

    question: str
    answer: str
    hits: tuple[JudgedHit, ...] = ()
    expected_answer: str = ""  # empty: not known
    history: tuple[Exchange, ...] = ()
    language: str = ""  # of the collection, as PostgreSQL names it; empty: several or unknown


@dataclass(frozen=True, slots=True)
class JudgeTools:
    """What judges work with: a judge's model as "provider/model", empty where there is none."""

    access: ModelAccess
    model: str = ""
    embedder: TextEmbedder | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A value in 0..1, or None and in `error` the reason. `retryable`: the same turn may get a verdict later."""

    name: str  # the judge's
    value: float | None
    label: str = ""
    explanation: str = ""
    error: str = ""
    retryable: bool = False
    details: Mapping[str, object] = field(default_factory=dict)  # JSON, such as the claims that no hit supports

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.error):
            raise ValueError(f"A verdict has a value or an error, not both: {self.value!r}, {self.error!r}.")


class Judge(Protocol):
    """What every judge states of itself, and how it is asked."""

    @property
    def name(self) -> str:
        """As in the registry; it never changes. That of a judge without a model ends in "_offline", but where there can
        be no other."""

    @property
    def criterion(self) -> Criterion:
        """What it says something about; its labels are the judge's."""

    @property
    def version(self) -> str:
        """Changes with everything that may change a verdict, but the model."""

    @property
    def family(self) -> Family:
        """Whether it needs a language model."""

    @property
    def title(self) -> str:
        """As pages show it."""

    @property
    def question(self) -> str:
        """What it asks of a turn."""

    @property
    def labels(self) -> Mapping[str, float]:
        """Its labels with their values, best first."""

    @property
    def needs_reference(self) -> bool:
        """Whether it needs the expected answer."""

    @property
    def for_evaluation(self) -> bool:
        """Whether evaluation runs ask it of each answer."""

    @property
    def source(self) -> str:
        """Where its idea comes from: a paper or a library."""

    @property
    def settings(self) -> Mapping[str, object]:
        """JSON: whatever else a verdict depends on, such as the temperature. Another value is another version."""

    @property
    def known_bias(self) -> str:
        """Where it is known to be wrong."""

    @property
    def prompt(self) -> str:
        """The prompt file's name; empty for an offline judge."""

    async def judge(self, turn: JudgedTurn, tools: JudgeTools, record: Record) -> Verdict:
        """Give a verdict. Each LLM call is handed to `record`, failed ones too. Raises ConfigurationError for a model
        that is not set up; a model that fails gives a verdict without a value."""
