"""What people do again and again."""

import re

from playwright.sync_api import Locator, Page, expect

QUESTION = "How do I start the pump?"
ANSWER = "Press the **green button** for three seconds [1].\n\n```python\nprint('go')\n```\n"


def ask(page: Page, question: str = QUESTION) -> None:
    """Type a question and click Send."""
    page.locator("textarea#question").fill(question)
    page.locator("#send").click()


def finished(page: Page, nth: int = 0) -> Locator:
    """Wait for the end of an answer, the first unless told, and return its turn."""
    turn = page.locator("article.turn").nth(nth)
    expect(turn).to_have_class(re.compile("finished"), timeout=15_000)
    return turn
