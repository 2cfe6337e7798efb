"""First questions for somebody who sees the knowledge base for the first time."""

import random
import re
from datetime import date

from django.utils import timezone

from chat.models import Chunk, Collection

SAMPLE_SIZE = 300  # chunks looked at: cheap at any size of the knowledge base, enough to find a few questions
SHOWN = 4
MAX_CHARS = 90
QUESTION = re.compile(r"^(how|what|why|when|where|who|which|can|could|do|does|is|are|should|may)\b", re.IGNORECASE)
UNTELLING = {
    "introduction",
    "overview",
    "see also",
    "summary",
    "notes",
    "contents",
    "appendix",
    "references",
    "license",
}


def suggested_questions(collection: Collection | None) -> list[str]:
    """Return up to four questions that the collection (or all of them) can answer, the same ones all day.

    Titles and headings that are questions come first; where there are too few, headings are asked about. Three queries.
    """
    today = timezone.localdate()
    sample = Chunk.objects.daily_sample(today, size=SAMPLE_SIZE, collection=collection)
    titles = [(title.strip(), headings[-1].strip()) for title, headings in sample]
    asked = {text for pair in titles for text in pair if _is_question(text)}
    about = {
        f"What does “{title}” say about {_in_sentence(heading)}?" for title, heading in titles if _tells(heading, title)
    }
    return (_shuffled(asked, today) + _shuffled({text for text in about if len(text) <= MAX_CHARS}, today))[:SHOWN]


def _is_question(text: str) -> bool:
    return 12 <= len(text) <= MAX_CHARS and (
        text.endswith("?") or (bool(QUESTION.match(text)) and len(text.split()) > 3)
    )


def _tells(heading: str, title: str) -> bool:
    return bool(heading) and heading != title and heading.lower() not in UNTELLING and not _is_question(heading)


def _in_sentence(heading: str) -> str:
    """Return a heading as it stands within a sentence: names and acronyms keep their capitals."""
    first = heading.split()[0]
    return heading if first != first.capitalize() or len(first) < 2 else heading[0].lower() + heading[1:]


def _shuffled(texts: set[str], today: date) -> list[str]:
    ordered = sorted(texts)
    random.Random(today.toordinal()).shuffle(ordered)  # noqa: S311 # variety, not secrecy
    return ordered
