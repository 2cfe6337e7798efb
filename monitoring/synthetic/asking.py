"""What a model is asked: the requests for questions and for their check, and how several are under way at once."""

import asyncio
import random
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from chat.exceptions import ChatError
from chat.rag.config import LLMCall, LLMRequest, Prompt, Purpose
from chat.rag.llm import ModelAccess, complete
from chat.rag.prompt import prompt_of_file
from monitoring.models import GenerationTask
from monitoring.synthetic.passages import Passage

PROMPTS_DIR = Path(__file__).parent / "prompts"
PROMPTS = {
    GenerationTask.Kind.SINGLE: "questions_v1",
    GenerationTask.Kind.MULTI: "questions_of_two_v1",
    GenerationTask.Kind.UNANSWERABLE: "unanswerable_v1",
}
CHECK_PROMPT = "answerable_v1"

# Who asks, and how: each question of a request is another person's.
PERSONAS = {
    "beginner": "a beginner who knows none of the terms",
    "in a hurry": "an experienced user in a hurry",
    "problem": "somebody who has a problem and describes what they see",
    "manager": "a manager who wants to know what it means for them",
    "plain words": "somebody whose first language is another one, in plain short words",
    "exact": "a careful reader who wants to know an exact detail",
}
STYLES = {
    "full question": "a full question",
    "keywords": "a few keywords, as typed into a search box",
    "with context": "a question with one sentence of context before it",
    "short": "a short question",
    "request": "a request that begins with a verb",
}
# Tokens of a question with its answer, for the estimate and, doubled, for the limit.
QUESTION_TOKENS = 110
VERDICT_TOKENS = 14


@dataclass(slots=True)
class Answer:
    """What became of one request: the text, or the error, and the calls in any case."""

    text: str = ""
    error: ChatError | None = None
    calls: list[LLMCall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and how: by the names of a persona and a style."""

    persona: str
    style: str

    def __str__(self) -> str:
        return f"{PERSONAS[self.persona]}; {STYLES[self.style]}"

    @property
    def name(self) -> str:
        return f"{self.persona}, {self.style}"


def people(count: int, rng: random.Random) -> list[Person]:
    """Return who asks each of `count` questions: all different where there are enough."""
    everybody = [Person(persona, style) for persona in PERSONAS for style in STYLES]
    chosen: list[Person] = []
    while len(chosen) < count:
        chosen += rng.sample(everybody, min(count - len(chosen), len(everybody)))
    return chosen


def question_prompt(kind: str, passages: Sequence[Passage], asking: Sequence[Person]) -> Prompt:
    """Return the request for one question by each of the people."""
    return prompt_of_file(
        PROMPTS_DIR / f"{PROMPTS[GenerationTask.Kind(kind)]}.md",
        {
            "passages": _numbered(passages),
            "count": str(len(asking)),
            "people": _list([str(person) for person in asking]),
        },
    )


def check_prompt(passages: Sequence[Passage], questions: Sequence[str]) -> Prompt:
    """Return the request to say of each question whether the passages answer it."""
    values = {"passages": _numbered(passages), "questions": _list(questions)}
    return prompt_of_file(PROMPTS_DIR / f"{CHECK_PROMPT}.md", values)


def request(model: str, prompt: Prompt, *, items: int, tokens_each: int) -> LLMRequest:
    """Return what is sent; the limit is a guard against a model that goes on and on."""
    limit = 200 + 3 * items * tokens_each
    return LLMRequest(model=model, purpose=Purpose.QUESTION, prompt=prompt, max_output_tokens=limit)


class Asker(AbstractContextManager["Asker"]):
    """An event loop in a thread that requests are handed to, so that the thread that writes to the database waits for
    whichever is answered first."""

    def __init__(self, access: ModelAccess) -> None:
        self._access = access
        self._loop = asyncio.new_event_loop()
        self._under_way: list[Answer] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="questions", daemon=True)

    def ask(self, asked: LLMRequest) -> "Future[Answer]":
        """Send a request; its result never raises a ChatError, that is an answer too."""
        return asyncio.run_coroutine_threadsafe(self._ask(asked), self._loop)

    async def _ask(self, asked: LLMRequest) -> Answer:
        answer = Answer()
        self._under_way.append(answer)
        try:
            answer.text = await complete(asked, access=self._access, record=answer.calls.append)
        except ChatError as error:
            answer.error = error
        self._under_way.remove(answer)
        return answer

    def abandon(self) -> list[LLMCall]:
        """Stop what is under way, which closes the connections; return those calls, for they cost too."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        calls = [call for answer in self._under_way for call in answer.calls]
        self._under_way.clear()
        return calls

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the loop with all that is under way."""
        self.abandon()
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_asyncgens(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _numbered(passages: Sequence[Passage]) -> str:
    return "\n\n".join(
        f"<passage>\n[{number}] {_where(passage)}\n\n{_framed(passage.text)}\n</passage>"
        for number, passage in enumerate(passages, start=1)
    )


def _where(passage: Passage) -> str:
    return f"{passage.title}: {passage.heading_path}" if passage.heading_path else passage.title


def _framed(text: str) -> str:
    """A document must not be able to end its own frame and speak as the user."""
    return text.replace("</passage", "<\N{ZERO WIDTH SPACE}/passage")


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"{number}. {' '.join(line.split())}" for number, line in enumerate(lines, start=1))
