"""Lists that models write, as they should and as they do."""

import pytest

from chat.rag.expand import PHRASING_MAX_CHARS, read_phrasings
from chat.rag.replies import read_numbers, read_texts
from chat.rag.rerank import read_ranking


@pytest.mark.parametrize(
    "reply",
    [
        '{"ranking": [3, 1, 2]}',
        '{"ranking": ["3", "[1]", "2"]}',
        '{\n  "ranking": [\n    3,\n    1,\n    2\n  ]\n}',
        '```json\n{"ranking": [3, 1, 2]}\n```',
        'Here it is:\n\n{"order": [3, 1, 2]}\n\nThe first one answers it directly.',
        '{"reasoning": "3 says it", "ranking": [3, 1, 2]}',
        "[3, 1, 2]",
        "[\n 3,\n 1,\n 2\n]",
        "[3] > [1] > [2]",
        "The order is: [3] > [1] > [2].",
        "3 > 1 > 2",
        "3, 1, 2",
        "3, 1, 2.",
        "3\n1\n2",
        "Ranking of the passages:\n3, 1, 2",
    ],
)
def test_numbers_are_read_in_whatever_form(reply):
    assert read_numbers(reply) == [3, 1, 2]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot rank these passages.",
        "The best passage is number 3.",
        '{"ranking": [3, 1, 2',
        '{"ranking": "3"}',
        '{"ranking": ["the third", "the first"]}',
        "Passage 3 is from 2024, passage 1 from 2023",
        "[" * 10_000,
    ],
)
def test_what_is_no_list_of_numbers_is_none(reply):
    assert read_numbers(reply) is None


def test_one_number_alone_and_an_empty_list_are_lists():
    assert read_numbers("[4]") == read_numbers("4") == [4]
    assert read_numbers('{"ranking": []}') == []


def test_ranking_has_each_existing_rank_once():
    assert read_ranking('{"ranking": [2, 9, 2, 0, 1]}', count=3) == [2, 1]


def test_ranking_of_other_numbers_only_cannot_be_read_but_an_empty_one_can():
    assert read_ranking('{"ranking": [7, 8]}', count=3) is None
    assert read_ranking("No.", count=3) is None
    assert read_ranking('{"ranking": []}', count=3) == []


@pytest.mark.parametrize(
    "reply",
    [
        '{"queries": ["start the pump", "switch  pump on"]}',
        '["start the pump", "switch pump on"]',
        "1. start the pump\n2. switch pump on",
        'Sure:\n\n- "start the pump"\n- switch pump on\n',
        "1) \u201cstart the pump\u201d\n2) 'switch pump on'",
    ],
)
def test_texts_are_read_in_whatever_form(reply):
    assert read_texts(reply) == ["start the pump", "switch pump on"]


@pytest.mark.parametrize("reply", ["", "I cannot do that.", '{"queries": [1, 2]}', '{"queries": "start"}'])
def test_what_is_no_list_of_texts_is_none(reply):
    assert read_texts(reply) is None


def test_texts_can_be_stored_whatever_their_json_spells_out():
    assert read_texts(r'["start\u0000 the pump \ud83d", "\ud83d\ude00"]') == ["start the pump \ufffd", "\U0001f600"]


def test_phrasings_differ_from_the_question_and_each_other():
    reply = '{"queries": ["how is the PUMP started", "Switch it on", "switch it on!", "", "pump start"]}'

    assert read_phrasings(reply, question="How is the pump started?", count=3) == ["Switch it on", "pump start"]


def test_phrasings_are_as_many_as_asked_for_and_no_essays():
    reply = f'["{"word " * PHRASING_MAX_CHARS}", "one", "two", "three"]'

    assert read_phrasings(reply, question="Why?", count=2) == ["one", "two"]
    assert read_phrasings("No.", question="Why?", count=2) == []
