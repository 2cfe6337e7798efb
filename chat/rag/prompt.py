"""Make the messages for a model from prompt files.

A prompt is a file of prompts/ whose name ends in a version; once it has answered it is not edited, a change is a new
file. The file's SHA-256 is stored with each call, so that an edit that happened anyway can be seen. A file has the
parts `# System` and `# User` with placeholders `{{ name }}`. They are filled in one pass, so what a document or a
question says is never taken for a placeholder.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from chat.exceptions import ConfigurationError
from chat.rag.config import Exchange, Hit, Message, Prompt

PROMPTS_DIR = Path(__file__).parent / "prompts"
REWRITE_PROMPT, MULTI_QUERY_PROMPT, RERANK_PROMPT = "rewrite_v1", "multi_query_v1", "rerank_v1"
# About 6,000 tokens of English: small against any model's window, and twenty full chunks of the local embedder.
SOURCES_MAX_CHARS = 24_000
# For re-ranking: of twenty passages the first 800 characters each.
RERANK_MAX_CHARS = 16_000
# What a follow-up question refers to stands in the last few exchanges; older ones cost tokens and mislead.
HISTORY_MAX_EXCHANGES = 6
HISTORY_MAX_CHARS = 8_000
# For rewriting, the beginning of an answer says what it was about.
REWRITE_ANSWER_MAX_CHARS = 600

_PLACEHOLDER = re.compile(r"\{\{ (\w+) \}\}")
_FILE = re.compile(r"# System\n(?P<system>.+?)\n# User\n(?P<user>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _PromptFile:
    name: str
    sha256: str
    system: str
    user: str


def prompt_names(kind: str = "answer") -> list[str]:
    """Return the prompts there are of a kind ("answer", "rewrite", "multi_query", "rerank"), by name."""
    return sorted(path.stem for path in PROMPTS_DIR.glob(f"{kind}_v*.md"))


def answer_prompt(name: str, *, question: str, hits: Sequence[Hit], history: Sequence[Exchange]) -> Prompt:
    """Return system message, the last exchanges, and the question with its sources, numbered by rank.

    Raises ConfigurationError for a prompt that does not exist.
    """
    file = _prompt_file(name, "answer")
    earlier: list[Message] = []
    for exchange in _recent(history):
        earlier += [Message("user", exchange.question), Message("assistant", exchange.answer)]
    return _prompt(file, {"sources": _sources(hits, SOURCES_MAX_CHARS), "question": question}, earlier)


def rewrite_prompt(*, question: str, history: Sequence[Exchange]) -> Prompt:
    """Return the messages that ask for `question` as a query that stands without the history."""
    file = _prompt_file(REWRITE_PROMPT, "rewrite")
    transcript = "\n\n".join(
        f"Question: {exchange.question}\nAnswer: {_cut(exchange.answer, REWRITE_ANSWER_MAX_CHARS)}"
        for exchange in _recent(history)
    )
    return _prompt(file, {"history": transcript, "question": question})


def multi_query_prompt(*, question: str, count: int) -> Prompt:
    """Return the messages that ask for `count` further phrasings of a question."""
    return _prompt(_prompt_file(MULTI_QUERY_PROMPT, "multi_query"), {"question": question, "count": str(count)})


def rerank_prompt(*, question: str, hits: Sequence[Hit]) -> Prompt:
    """Return the messages that ask for the ranks of the hits in a better order."""
    sources = _sources(hits, RERANK_MAX_CHARS)
    return _prompt(_prompt_file(RERANK_PROMPT, "rerank"), {"sources": sources, "question": question})


def prompt_of_file(path: Path, values: Mapping[str, str]) -> Prompt:
    """Return the messages of a prompt file that is kept elsewhere, with its placeholders filled.

    Raises ConfigurationError for a file without the two parts.
    """
    return _prompt(_read_file(path), values)


@lru_cache
def _prompt_file(name: str, kind: str) -> _PromptFile:
    names = prompt_names(kind)
    if name not in names:
        raise ConfigurationError(f"There is no {kind} prompt {name!r}. There are: {', '.join(names)}.")
    return _read_file(PROMPTS_DIR / f"{name}.md")


@lru_cache
def _read_file(path: Path) -> _PromptFile:
    name, content = path.stem, path.read_bytes()
    parts = _FILE.fullmatch(content.decode())
    if parts is None:
        raise ConfigurationError(f"Prompt {name!r} needs a part '# System' and then a part '# User'.")
    return _PromptFile(name, hashlib.sha256(content).hexdigest(), parts["system"].strip(), parts["user"].strip())


def _prompt(file: _PromptFile, values: Mapping[str, str], earlier: Sequence[Message] = ()) -> Prompt:
    """Return the messages of a file with its values filled in, and between them what was said `earlier`."""
    system, user = _fill(file.system, values), _fill(file.user, values)
    messages = (Message("system", system), *earlier, Message("user", user))
    return Prompt(name=file.name, sha256=file.sha256, messages=messages)


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _sources(hits: Sequence[Hit], max_chars: int) -> str:
    """Number, title, headings and text of each hit. Long texts are cut, all to the same length, so that the whole keeps
    to its budget and no source is missing."""
    longest = _common_limit([len(hit.text) for hit in hits], max_chars)
    return "\n\n".join(_source(hit, longest) for hit in hits)


def _source(hit: Hit, max_chars: int) -> str:
    heading = f"\nSection: {hit.heading_path}" if hit.heading_path else ""
    # A document must not be able to end its own frame and speak as the user.
    text = _cut(hit.text, max_chars).replace("</source", "<\N{ZERO WIDTH SPACE}/source")
    return f"<source>\n[{hit.rank}] {hit.document_title}{heading}\n\n{text}\n</source>"


def _common_limit(lengths: Sequence[int], budget: int) -> int:
    """Return the length to cut all to, so that the sum is within the budget: what short ones leave, long ones get."""
    for done, length in enumerate(sorted(lengths)):
        share = budget // (len(lengths) - done)
        if length > share:
            return share
        budget -= length
    return max(lengths, default=0)


def _recent(history: Sequence[Exchange]) -> Iterator[Exchange]:
    """Yield the last exchanges that were answered and fit into the budget, oldest first."""
    answered = [exchange for exchange in history if exchange.answer.strip()][-HISTORY_MAX_EXCHANGES:]
    used = 0
    for first, exchange in reversed(list(enumerate(answered))):
        used += len(exchange.question) + len(exchange.answer)
        if used > HISTORY_MAX_CHARS:
            answered = answered[first + 1 :]
            break
    yield from answered


def _cut(text: str, max_chars: int) -> str:
    """Cut at a word's end, with an ellipsis where something was cut off."""
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars].rsplit(maxsplit=1)[0]} …"
