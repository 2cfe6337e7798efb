"""Questions without a model: made from headings, definitions, messages and telling words. They are plainer than a
person's and are marked as such, but they find out whether search works, and cost nothing.

What makes them useful is what they leave out. A heading or sentence that is repeated whole is found by any search, so a
question takes a few telling words (rare in the collection) from different places of a passage, in no grammatical form,
as people type into a search box, or puts a heading or a definition the other way round.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence

from chat.rag.passages import split_pieces
from chat.rag.words import content_words
from monitoring.synthetic.passages import Passage, Written
from monitoring.synthetic.rarity import Rarity, plain

_QUESTION_START = re.compile(r"(?:how|what|why|when|where|which|who|can|could|do|does|did|is|are|should|will)\b", re.I)
_IMPERATIVE = re.compile(
    r"(?:add|allow|ask|avoid|back up|build|change|check|choose|clean|compare|configure|connect|copy|create|debug"
    r"|define|delete|deploy|disable|download|edit|enable|export|find|fix|get|handle|import|improve|increase|install"
    r"|keep|limit|load|log in|make|manage|measure|merge|migrate|monitor|move|open|prepare|publish|read|register"
    r"|reload|remove|rename|replace|reset|resolve|restart|restore|run|save|scale|search|see|send|set up|set|share"
    r"|show|start|stop|store|submit|switch|test|train|try|tune|turn off|turn on|uninstall|update|upgrade|upload"
    r"|use|verify|view|write)\b",
    re.I,
)
# A heading that is a sentence: "My model does not appear".
_FINITE = re.compile(
    r"\b(?:is|are|was|were|am|do|does|did|can|cannot|can't|could|will|has|have|fails?|says|doesn't|isn't|won't)\b", re.I
)
_DEFINITION = re.compile(
    r"(?:(?:an?|the)\s+)?(?P<term>[\w][\w /'+.#-]{1,50}?)\s+(?:is|are|means|refers to|stands for)\s+"
    r"(?P<rest>(?:an?|the|one|any)\s.{20,300})",
    re.I | re.S,
)
_POINTERS = re.compile(
    r"(?:this|that|these|those|here|there|which|one|two|both|above|below|following|solution)\b", re.I
)
# "ValueError: ...", or words in quotes that say what failed
_MESSAGE = re.compile(
    r"(\b[A-Z]\w*(?:Error|Exception|Warning)\b[^\n\"'`\u201d]{8,120}"
    r"|(?<=[\"`\u201c])[^\n\"`\u201d]{0,60}(?i:error|fail|fatal|cannot|denied|not found)[^\n\"`\u201d]{4,80}"
    r"(?=[\"`\u201d]))"
)
_TELLING_WORDS = 4
_LONG_HEADING_WORDS = 3
_LONG_TERM_WORDS = 4
ANSWER_MAX_CHARS = 400

Template = Callable[[Passage, Rarity, random.Random], Iterator[Written]]


def template_questions(passages: Sequence[Passage], *, count: int, rarity: Rarity, rng: random.Random) -> list[Written]:
    """Return up to `count` questions about a document, spread over its passages and the templates; fewer where it says
    too little."""
    made: list[Written] = []
    makers = [
        (template, passage)
        for passage in rng.sample(list(passages), len(passages))
        for template in rng.sample(TEMPLATES, len(TEMPLATES))
    ]
    # one of each passage before a second of any
    rounds = [makers[at :: len(TEMPLATES)] for at in range(len(TEMPLATES))]
    for template, passage in (maker for each in rounds for maker in each):
        for written in template(passage, rarity, rng):
            if written.question not in {other.question for other in made}:
                made.append(written)
                break
        if len(made) == count:
            break
    return made


def both_documents(first: Passage, second: Passage, *, rarity: Rarity) -> Written:
    """Return a question that needs the documents of both passages."""
    topics = [_topic(passage, rarity) for passage in (first, second)]
    question = f"How do {topics[0]} and {topics[1]} go together?"
    return Written(question, "", "two topics", ((first.document_id, None, None), (second.document_id, None, None)))


def from_heading(passage: Passage, rarity: Rarity, rng: random.Random) -> Iterator[Written]:
    """A heading turned into a question; of a long one a few words, with one of the text."""
    heading = plain(passage.heading).rstrip(".:")
    if not content_words(heading):
        return
    answer = _first_sentence(passage)
    imperative = _IMPERATIVE.match(heading)
    is_sentence = heading.endswith("?") or _QUESTION_START.match(heading) or _FINITE.search(heading)
    if is_sentence or (len(content_words(heading)) > _LONG_HEADING_WORDS and not imperative):
        words = rarity.telling(heading, 3)
        words += rarity.telling(passage.text, _TELLING_WORDS - len(words), without=words, about=heading)
        if len(words) >= 2:
            rng.shuffle(words)
            yield Written(" ".join(words), answer, "heading", (passage.span,))
    elif imperative:
        rest = heading[imperative.end() :]
        context = _context(passage, heading, rarity)
        yield Written(f"How do I {imperative[0].lower()}{rest}{context}?", answer, "heading", (passage.span,))
    else:
        start = rng.choice(["How does {} work", "What should I know about {}", "What is said about {}"])
        topic = f"{_lower_first(heading)}{_context(passage, heading, rarity)}"
        yield Written(f"{start.format(topic)}?", answer, "heading", (passage.span,))


def from_definition(passage: Passage, rarity: Rarity, rng: random.Random) -> Iterator[Written]:
    """A definition put the other way round: what a thing is, or what one calls the thing that is so."""
    for piece in split_pieces(passage.text):
        sentence = " ".join(plain(piece.text).split())
        found = _DEFINITION.match(sentence)
        if found is None or not _names_something(found["term"]):
            continue
        words = rarity.telling(found["rest"], _TELLING_WORDS, without=[found["term"]], about=passage.heading)
        if rng.random() < 0.5 and len(words) >= 3:
            question = f"What do you call it: {' '.join(words)}?"
        else:
            context = _context(passage, found["term"], rarity)
            question = f"What is meant by {_lower_first(found['term'])}{context}?"
        yield Written(question, _cut(sentence), "definition", (passage.span,))


def _names_something(term: str) -> bool:
    """Whether a term is a few words without fillers: "guard's van", not "two of these"."""
    words = content_words(term)
    return 1 <= len(words) == len(term.split()) <= _LONG_TERM_WORDS and not _POINTERS.match(term)


def from_message(passage: Passage, rarity: Rarity, rng: random.Random) -> Iterator[Written]:
    """What to do about a message that the text quotes."""
    for found in _MESSAGE.finditer(passage.text):
        words = rarity.telling(found[1], 3)
        words += rarity.telling(passage.text, 1, without=words, about=passage.heading)
        if len(words) >= 3:
            yield Written(f"Error {' '.join(words)}: what to do?", _first_sentence(passage), "message", (passage.span,))


def from_words(passage: Passage, rarity: Rarity, rng: random.Random) -> Iterator[Written]:
    """Telling words from different sentences, as typed into a search box."""
    sentences = [piece.text for piece in split_pieces(passage.text)] or [passage.text]
    words = rarity.telling(passage.heading, 1)
    for sentence in rng.sample(sentences, len(sentences)):
        words += rarity.telling(sentence, 2, without=words, about=passage.heading)
        if len(words) >= _TELLING_WORDS:
            break
    if len(words) >= 3:
        rng.shuffle(words)
        yield Written(" ".join(words), _first_sentence(passage), "words", (passage.span,))


TEMPLATES: tuple[Template, ...] = (from_heading, from_definition, from_message, from_words)


def _topic(passage: Passage, rarity: Rarity) -> str:
    heading = plain(passage.heading)
    if len(content_words(heading)) > _TELLING_WORDS or heading.endswith("?"):
        return " ".join(rarity.telling(heading, 3)) or heading
    return _lower_first(heading)


def _context(passage: Passage, topic: str, rarity: Rarity) -> str:
    """Where a short topic belongs, so that "Installation" is not asked of everything."""
    if len(content_words(topic)) > 2:
        return ""
    words = rarity.telling(passage.text, 2, without=[topic], about=passage.title)
    return f" ({' '.join(words)})" if words else ""


def _first_sentence(passage: Passage) -> str:
    """Return the first piece that is a sentence and no table, list or code; empty where there is none."""
    return next((_cut(piece.text) for piece in split_pieces(passage.text) if not piece.ends_in_block), "")


def _cut(text: str) -> str:
    return text if len(text) <= ANSWER_MAX_CHARS else f"{text[:ANSWER_MAX_CHARS].rsplit(maxsplit=1)[0]} …"


def _lower_first(text: str) -> str:
    """Lower the first letter, unless the word is an abbreviation or a name in capitals."""
    return text if text[1:2].isupper() or not text[1:2] else f"{text[0].lower()}{text[1:]}"
