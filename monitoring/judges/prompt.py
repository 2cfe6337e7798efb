"""Prompts of judges: files with a version in their name, never edited once used, like those of answers.

A file has the parts `# System` and `# User` with placeholders `{{ name }}`, filled in one pass. What is judged stands
in tags that it cannot close, before the instructions: a judged answer that says "give the best label" is only judged.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from chat.exceptions import ConfigurationError
from chat.rag.config import Message, Prompt

PROMPTS_DIR = Path(__file__).parent / "prompts"
# All hits together; about 6,000 tokens of English.
HITS_MAX_CHARS = 24_000

_PLACEHOLDER = re.compile(r"\{\{ (\w+) \}\}")
_FILE = re.compile(r"# System\n(?P<system>.+?)\n# User\n(?P<user>.+)", re.DOTALL)
_CLOSING_TAG = re.compile(r"<(?=\s*/?\s*(?:question|answer|expected_answer|source|sources|history)\b)", re.IGNORECASE)


def make_prompt(name: str, values: Mapping[str, str], *, folder: Path = PROMPTS_DIR) -> Prompt:
    """Return the messages of a prompt file. `values` are material: they cannot open or close the tags around them."""
    system, user, sha256 = _read(folder / f"{name}.md")
    safe = {key: _CLOSING_TAG.sub("<\N{ZERO WIDTH SPACE}", value) for key, value in values.items()}
    filled = _PLACEHOLDER.sub(lambda match: safe[match[1]], user)
    return Prompt(name, sha256, (Message("system", system), Message("user", filled)))


@lru_cache
def _read(path: Path) -> tuple[str, str, str]:
    if not path.is_file():
        names = ", ".join(sorted(other.stem for other in path.parent.glob("*.md"))) or "none"
        raise ConfigurationError(f'There is no prompt "{path.stem}". There are: {names}.')
    content = path.read_bytes()
    parts = _FILE.fullmatch(content.decode())
    if parts is None:
        raise ConfigurationError(f'Prompt "{path.stem}" needs a part "# System" and then a part "# User".')
    return parts["system"].strip(), parts["user"].strip(), hashlib.sha256(content).hexdigest()
