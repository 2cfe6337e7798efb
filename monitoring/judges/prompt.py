"""Prompts of judges: files with a version in their name, never edited once used, read like those of answers.

What is judged stands in tags that it cannot close, before the instructions: a judged answer that says "give the best
label" is only judged.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from chat.exceptions import ConfigurationError
from chat.rag.config import Prompt
from chat.rag.prompt import prompt_of_file

PROMPTS_DIR = Path(__file__).parent / "prompts"
# All hits together; about 6,000 tokens of English.
HITS_MAX_CHARS = 24_000
# What a file may have a place for.
MATERIAL = ("question", "answer", "expected_answer", "sources", "history")

# Tags of these prompts, and the marks by which models tell who speaks: some servers read them wherever they stand.
_CONTROL = re.compile(
    r"<(?=\s*/?\s*(?:question|answer|expected_answer|source|sources|history|start_of_turn|end_of_turn)\b"
    r"|\s*\||\s*/?<?/?SYS>>)|\[(?=/?INST\])",
    re.IGNORECASE,
)


def make_prompt(name: str, values: Mapping[str, str], *, folder: Path = PROMPTS_DIR) -> Prompt:
    """Return the messages of a prompt file. `values` are material: they cannot open or close the tags around them.
    Raises ConfigurationError for a prompt that does not exist."""
    path = folder / f"{name}.md"
    if not path.is_file():
        names = ", ".join(sorted(other.stem for other in folder.glob("*.md"))) or "none"
        raise ConfigurationError(f'There is no prompt "{name}". There are: {names}.')
    safe = {key: _CONTROL.sub(lambda mark: f"{mark[0]}\N{ZERO WIDTH SPACE}", value) for key, value in values.items()}
    return prompt_of_file(path, safe)


def prompt_sha256(name: str) -> str:
    """Return the SHA-256 of a prompt file. Raises ConfigurationError for a prompt that does not exist."""
    return make_prompt(name, dict.fromkeys(MATERIAL, "")).sha256
