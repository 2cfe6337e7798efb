"""Follow-up questions by the rule: the topic comes back in, and questions that stand alone are left alone."""

import pytest

from chat.rag.config import Exchange
from chat.rag.rewrite import follow_up_query


def history(*questions):
    return [Exchange(question, "An answer.") for question in questions]


@pytest.mark.parametrize(
    ("before", "question", "query"),
    [
        ("How do I install it on Windows?", "And on Debian?", "install Windows And on Debian?"),
        ("What does an export contain?", "Can I change that?", "export contain Can I change that?"),
        ("How do I set up the embedded database?", "What about backups?", "set embedded database What about backups?"),
        ("Which formats can be ingested?", "Why?", "formats ingested Why?"),
        ("What is hybrid search?", "How does it rank the hits?", "hybrid search How does it rank the hits?"),
        ("Who may see my conversations?", "Can they delete them?", "see conversations Can they delete them?"),
        ("How do I add a provider?", "Does the second one need a key?", "add provider Does the second one need a key?"),
        (
            "How are costs counted?",
            "Is this available in the export?",
            "costs counted Is this available in the export?",
        ),
        ("How do I rename a collection?", "Undo it?", "rename collection Undo it?"),
        ("How large may a PDF be?", "What if the PDF is larger?", "large What if the PDF is larger?"),
        ("Where are uploads kept?", "How much?", "uploads kept How much?"),
        ("What does C# support?", "So, since version 3.11?", "C# support So, since version 3.11?"),
    ],
)
def test_a_follow_up_gets_the_topic_of_the_question_before(before, question, query):
    assert follow_up_query(question, history(before)) == query


@pytest.mark.parametrize(
    "question",
    [
        "How do I add a user?",
        "Is it possible to change the embedder later?",
        "How long does it take to ingest a folder?",
        "If my server does not start after the upgrade, how can I fix it?",
        "How do I know that the worker is running?",
        "What command should I use instead of make run?",
        "Can I join a running conversation after its start?",
        "Thanks, that was great!",
        "Hello",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question):
    assert follow_up_query(question, history("How do I install it on Windows?")) == question


def test_without_history_nothing_is_added():
    assert follow_up_query("And on Debian?", []) == "And on Debian?"


def test_a_chain_of_follow_ups_leads_back_to_its_topic():
    earlier = history("How do I install the embedder?", "And on Debian?")

    assert follow_up_query("What about Windows?", earlier) == "install embedder Debian What about Windows?"


def test_a_new_topic_ends_the_chain():
    earlier = history("How do I install the embedder?", "Who may delete documents?")

    assert follow_up_query("And collections?", earlier) == "delete documents And collections?"
