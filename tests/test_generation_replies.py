"""What models answer when they are asked for questions, as it comes."""

import json

import pytest

from monitoring.synthetic.replies import Reply, read_questions, read_verdicts

A, B = "How do I pay?", "Who sells tickets?"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"question": A, "answer": "x"}, {"question": B}]),
        json.dumps([A, B]),
        json.dumps({"questions": [A, B]}),
        json.dumps({"questions": [{"question": A}, {"question": B}]}),
        json.dumps({"question": [A, B]}),
        json.dumps({"question1": A, "question2": B}),
        json.dumps({"Question 1": A, "Question 2": B}),
        json.dumps({"1": A, "2": {"q": B}}),
        json.dumps({"result": {"items": [{"text": A}, {"query": B}]}}),
        json.dumps({A: "By card.", B: "The office."}),
        f"Sure! Here are [2] questions:\n```json\n{json.dumps([A, B], indent=2)}\n```\nAnything else?",
        f"{json.dumps({'question': A})}\n{json.dumps({'question': B})}",
        json.dumps([{"question": A}, {"question": B}, {"question": "Cut"}])[:-8],
        f"1. {A}\n2. {B}\n",
        f"- {A}\n- {B}\n- That is all.",
        json.dumps([{"question": f' "{A}" '}, {"question": B}, {"question": A}]),
    ],
)
def test_questions_are_read_from_all_shapes(text):
    assert [reply.question for reply in read_questions(text)] == [A, B]


@pytest.mark.parametrize(
    "text", ["", "I cannot do that.", "[]", "{}", '{"error": "no"}', "[1, 2]", "[" * 5000, "{" * 50]
)
def test_what_has_no_questions_gives_none(text):
    assert read_questions(text) == []


def test_answers_and_passages_are_read_in_all_shapes():
    text = json.dumps(
        [
            {"question": "One?", "answer": " First. ", "passage": 2},
            {"Question": "Two?", "Expected_Answer": "Second.", "passages": ["[1]", 3]},
        ]
    )

    assert read_questions(text) == [Reply("One?", "First.", (2,)), Reply("Two?", "Second.", (1, 3))]
    assert read_questions(json.dumps({"question1": A, "answer1": "By card."})) == [Reply(A, "By card.")]
    assert read_questions(json.dumps({A: "By card."})) == [Reply(A, "By card.")]


@pytest.mark.parametrize(
    "text",
    [
        '[{"number": 1, "answerable": true}, {"number": 2, "answerable": false}]',
        "[true, false]",
        '{"answers": [{"answerable": "yes"}, {"answerable": "no"}]}',
        '{"1": true, "2": false}',
        '```json\n[{"is_answerable": true}, {"is_answerable": false}]\n```',
    ],
)
def test_verdicts_are_read_from_all_shapes(text):
    assert read_verdicts(text, 2) == [True, False]


@pytest.mark.parametrize("text", ["", "[true]", "[true, false, true]", '[{"answerable": "maybe"}, true]', "Yes, all."])
def test_a_check_that_does_not_say_so_of_each_is_none(text):
    assert read_verdicts(text, 2) is None


def test_what_is_read_can_be_stored_whatever_its_json_spells_out():
    text = r'[{"question": "How do I\u0000 pay\ud83d?", "answer": "By\u0000 card\ude00."}, {"Who?": "W\u0000e."}]'

    assert [(reply.question, reply.answer) for reply in read_questions(text)] == [
        ("How do I pay\ufffd?", "By card\ufffd."),
        ("Who?", "We."),
    ]
