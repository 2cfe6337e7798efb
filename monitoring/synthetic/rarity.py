"""Which words of a passage tell what it is about, without a dictionary: words that are rare in the collection, repeated
in the passage, or spelled like names."""

import math
import re
from collections import Counter
from collections.abc import Iterable

from chat.rag.words import content_words, stems

# Words that are rare in many collections and tell nothing anywhere.
_CHATTY = frozenset(
    re.findall(
        r"\w+",
        """
        able above across actually after afterwards again against ago all almost alone along already although always
        among another answer answered anyone anything anyway anywhere apart around ask asked asks away back based became
        because become becomes before begin begins behind below best better between beyond big both bottom brief bring
        came case cases cause certain certainly chance clear clearly come comes common consider contains correct course
        day days decide definitely depend depends despite different directly doesn doing don done down during each
        early easy either end enough entire entirely especially etc even ever every everyone everything everywhere exact
        exactly example except explain explicitly fact far feel few find fine first following follows found four full
        fully further furthermore general generally getting give given gives giving go goes going gone good got great
        guess half happen happens hard having hello help hence here hope however idea if immediately important
        indeed inside instead interesting isn keep kept kind know known large last lastly later least left less let like
        likely little long longer look looking looks lot lots made main mainly make makes making many maybe mean means
        meanwhile mention mentioned merely middle mind moreover most mostly move moving myself namely near nearly
        necessarily need needed needs neither never nevertheless nobody none nor note noted nothing notice obtain
        obvious
        obviously often ok okay once only onto opposite order ordinary original other others otherwise outside over own
        part particular particularly people per perhaps person place plan point possible possibly previous previously
        probably problem process provide purpose put question questions quick quickly quite rather ready real really
        reason recently regarding related result right said same saw say saying says second see seem seems seen
        several shown side similar simple simply since single small smoothly soon sort specific start started still
        stuff such sure take taken takes taking talk ten thank thanks therefore thing things think third though thought
        three through throughout thus time times today together took top toward towards tried tries true truly try
        trying turn twice two typically under understand unless unlike until upon used useful user uses using usual
        usually various very via want wanted wants wasn way ways well went whatever whenever whereas wherever whether
        while whole why wish within without won wonder work works world worse worth wouldn write written wrong yes yet
        """,
    )
)
_TECHNICAL = re.compile(r"[A-Z]\w*[A-Z]|\w[-_.+/]\w|[A-Za-z]\d")
_MARKS = re.compile(r"[`*_#>|\[\]()]|https?://\S+|<[^<>]{1,80}>")
WORD_MAX_CHARS = 30  # a longer one is a path, a key or a line of code


class Rarity:
    """How rare words are in the collection that `texts` are of."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._passages = 0
        self._frequency: Counter[str] = Counter()
        for text in texts:
            self._passages += 1
            self._frequency.update(stems(text))

    def of(self, word: str) -> float:
        """Return the inverse passage frequency of a word, 0 or more; of several parts, that of the rarest."""
        counts = [self._frequency[part] for part in stems(word)]
        return math.log(1 + self._passages / (1 + min(counts))) if counts else 0.0

    def telling(self, text: str, count: int, *, without: Iterable[str] = (), about: str = "") -> list[str]:
        """Return the words of a text that tell most, in their order: each once, and none that shares a stem with those
        of `without`. Words that are repeated, or are in `about` too, count more; a word that no other passage has may
        be a slip of the pen, unless it looks like a name."""
        taken: set[str] = set().union(*(stems(word) for word in without))
        words = content_words(plain(text))
        repeated = Counter(word.casefold() for word in words)
        topic = stems(about)
        ranked: list[tuple[float, int, str]] = []
        for at, word in enumerate(words):
            parts = stems(word)
            if not _is_telling(word) or not parts or parts & taken:
                continue
            taken |= parts
            factor = 1.0 + (repeated[word.casefold()] > 1) + 0.5 * bool(parts & topic)
            if _TECHNICAL.search(word):
                factor += 0.7
            elif max(self._frequency[part] for part in parts) <= 1:
                factor *= 0.4
            ranked.append((self.of(word) * factor, at, word))
        best = sorted(ranked, key=lambda entry: (-entry[0], entry[1]))[:count]
        return [word for _, _, word in sorted(best, key=lambda entry: entry[1])]


def plain(text: str) -> str:
    """Return a text on one line, without marks, tags and addresses."""
    return " ".join(_MARKS.sub(" ", text).split())


def _is_telling(word: str) -> bool:
    bare = word.casefold()
    return (
        3 <= len(word) <= WORD_MAX_CHARS
        and bare not in _CHATTY
        and not bare.endswith("ly")
        and "'" not in word
        and not bare.replace(".", "").replace("-", "").isdecimal()
    )
