"""Logs of other systems: read in several shapes, judged, flagged, and in the reports under a config of their own."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from chat.exceptions import ConfigurationError
from chat.models import Conversation, Feedback, PipelineConfig, Turn
from chat.services.configs import find_config, make_default
from monitoring.imports.fields import Fields, at, text_of, vote_of
from monitoring.imports.traces import TraceReader
from monitoring.judging.backfills import order_backfill
from monitoring.judging.worker import work_on_due
from monitoring.models import Flag, Score
from monitoring.reports import Filters, read
from tests.factories import make_dataset
from tests.judged import make_rule

pytestmark = pytest.mark.django_db
ASKED = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
LINE = {
    "question": "When does the office open?",
    "answer": "The moon is made of green cheese and nobody ever lived there.",
    "asked_at": ASKED.isoformat(),
    "duration_seconds": 2.5,
    "model": "acme/large",
    "user": "ada@example.com",
    "feedback": "down",
    "comment": "What?",
    "conversation": "c-1",
    "contexts": ["The office opens at nine.", {"text": "It closes at five.", "document": "hours.md", "score": 0.5}],
    "input_tokens": 100,
    "output_tokens": 20,
    "cost_usd": 0.0012,
}


def write(path, *lines):
    file = path / "acme.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return str(file)


def test_line_becomes_a_turn_with_hits_call_and_vote(tmp_path, capsys):
    call_command("import_traces", write(tmp_path, LINE), "--collection", "Office")

    assert "1 turns imported" in capsys.readouterr().out
    turn = Turn.objects.get()
    assert (turn.question, turn.status, turn.origin, turn.model) == (LINE["question"], "DONE", "API", "acme/large")
    assert (turn.created_at, turn.finished_at) == (ASKED, ASKED + timedelta(seconds=2.5))
    assert (turn.total_seconds, turn.hit_count, turn.collection.name) == (2.5, 2, "Office")
    assert (turn.search_mode, turn.nothing_found, turn.cited_count) == ("", None, None)  # nobody knows
    assert list(turn.hits.values_list("rank", "document_title", "text", "score")) == [
        (1, "Context 1", "The office opens at nine.", None),
        (2, "hours.md", "It closes at five.", 0.5),
    ]
    call = turn.calls.get()
    assert (call.purpose, call.input_tokens, call.output_tokens, float(call.cost_usd)) == ("answer", 100, 20, 0.0012)
    vote = Feedback.objects.get()
    assert (vote.value, vote.comment, vote.user) == (-1, "What?", turn.conversation.user)
    assert turn.conversation.import_source == "acme"


def test_user_is_one_whom_nobody_is_and_has_no_name(tmp_path):
    call_command("import_traces", write(tmp_path, LINE))

    user = Conversation.objects.get().user
    assert user.username.startswith("imported-acme-")
    assert "ada" not in user.username
    assert not user.is_active
    assert not user.has_usable_password()


def test_config_is_foreign_one_for_each_model_and_never_answers(tmp_path):
    call_command("import_traces", write(tmp_path, LINE, {**LINE, "model": "acme/small", "conversation": "c-2"}))

    configs = PipelineConfig.objects.filter(import_source="acme").order_by("version")
    assert [(config.name, config.version, config.model) for config in configs] == [
        ("imported-acme", 1, "acme/large"),
        ("imported-acme", 2, "acme/small"),
    ]
    with pytest.raises(ConfigurationError, match="There is no pipeline config"):
        find_config("imported-acme")
    with pytest.raises(ConfigurationError, match="cannot answer here"):
        make_default(config=configs[0])


def test_questions_of_a_conversation_stand_in_the_order_of_time_whatever_that_of_the_file(tmp_path):
    later = {**LINE, "question": "And on Sundays?", "asked_at": (ASKED + timedelta(minutes=1)).isoformat()}

    call_command("import_traces", write(tmp_path, later, LINE))

    questions = Turn.objects.order_by("position").values_list("position", "question")
    assert list(questions) == [(1, LINE["question"]), (2, "And on Sundays?")]
    talk = Conversation.objects.get()
    assert (talk.created_at, talk.updated_at) == (ASKED, ASKED + timedelta(minutes=1))


def test_same_log_again_adds_nothing_and_a_longer_one_the_rest(tmp_path, capsys):
    call_command("import_traces", write(tmp_path, LINE))
    longer = {**LINE, "question": "And on Sundays?"}

    call_command("import_traces", write(tmp_path, LINE, longer))

    assert "1 turns imported, 1 already there" in capsys.readouterr().out
    assert list(Turn.objects.order_by("position").values_list("position", flat=True)) == [1, 2]


@pytest.mark.django_db(transaction=True)  # judges work in threads of their own
def test_imported_answer_is_judged_by_a_backfill_flagged_and_in_the_reports(tmp_path):
    rule = make_rule(judge="groundedness_offline", origin="API")
    call_command("import_traces", write(tmp_path, LINE))
    turn = Turn.objects.get()
    work_on_due(time.monotonic() + 60)
    assert not Score.objects.exists()  # it finished before the rule was made

    order_backfill(rule=rule, begin=ASKED - timedelta(days=1), end=ASKED + timedelta(days=1))
    work_on_due(time.monotonic() + 60)

    score = Score.objects.get()
    assert (score.turn, score.name, score.label) == (turn, "groundedness", "UNSUPPORTED")
    assert {"THUMBS_DOWN", "NOT_GROUNDED"} <= set(Flag.objects.filter(turn=turn).values_list("reason", flat=True))
    days = {"since": ASKED - timedelta(days=1), "until": ASKED + timedelta(days=1)}
    (scores,) = read("scores", Filters(**days, origin="API", config_id=turn.config_id))
    assert (scores["name"], scores["scored"], scores["failing"]) == ("groundedness", 1, 1)
    (turns,) = read("turns", Filters(**days, origin="API"))
    assert turns["turns"] == 1
    (own,) = read("turns", Filters(**days, origin="USER"))
    assert own["turns"] == 0


def test_names_of_fields_may_be_told(tmp_path):
    line = {"q": {"text": "How?"}, "a": "So.", "when": ASKED.timestamp(), "voted": {"rating": "like"}}

    options = [
        "--question-field",
        "q.text",
        "--answer-field",
        "a",
        "--asked-at-field",
        "when",
        "--feedback-field",
        "voted",
    ]
    call_command("import_traces", write(tmp_path, line), *options, "--model", "acme/old", "--users", "none")

    turn = Turn.objects.get()
    assert (turn.question, turn.answer, turn.created_at, turn.model) == ("How?", "So.", ASKED, "acme/old")
    assert (turn.hit_count, turn.total_seconds, turn.cost_usd, turn.conversation.user) == (None, None, None, None)
    assert Feedback.objects.get().value == 1


def test_shape_of_a_langfuse_trace_is_read():
    line = {
        "id": "t-1",
        "timestamp": "2025-06-01T12:00:00.000Z",
        "input": {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How?"}]},
        "output": {"role": "assistant", "content": "So."},
        "sessionId": "s-1",
        "userId": "u-1",
        "latency": 1.5,
        "totalCost": 0.01,
    }

    record = TraceReader(source="langfuse").read(line)

    assert (record["id"], record["question"], record["answer"]) == ("t-1", "How?", "So.")
    assert (record["created_at"], record["total_seconds"], float(record["cost_usd"])) == (ASKED, 1.5, 0.01)


def test_shape_of_a_phoenix_span_is_read():
    line = {
        "context.trace_id": "abc",
        "start_time": "2025-06-01T12:00:00+00:00",
        "end_time": "2025-06-01T12:00:03+00:00",
        "attributes.input.value": '{"query": "How?"}',
        "attributes.output.value": "So.",
        "attributes.llm.token_count.prompt": 7,
        "attributes.retrieval.documents": [
            {"document.content": "Like this.", "document.score": 0.9, "document.id": "d"}
        ],
    }

    record = TraceReader(source="phoenix").read(line)

    assert (record["question"], record["answer"], record["total_seconds"]) == ("How?", "So.", 3.0)
    assert [(hit["title"], hit["text"], hit["score"]) for hit in record["hits"]] == [("d", "Like this.", 0.9)]
    assert record["calls"][0]["input_tokens"] == 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"question": ""}, "there is no question in question or query"),
        ({"answer": None}, "there is no answer in answer or response"),
        ({"asked_at": None}, "there is no time of the question"),
        ({"asked_at": "once"}, "the time of the question is no time"),
        ({"answered_at": "2020-01-01"}, "before it was asked"),
        ({"duration_seconds": "long"}, "the duration is no number of seconds"),
        ({"feedback": "so so"}, "the feedback is 'so so'"),
        ({"contexts": "a text"}, "the contexts are no list"),
        ({"contexts": [{"page": 1}]}, "context 1 is neither a text"),
        ({"input_tokens": -1}, "calls.0.input_tokens is -1"),
        ({"input_tokens": 10**400}, "calls.0.input_tokens is 1000000"),
        ({"input_tokens": [100], "cost_usd": None}, "calls.0.input_tokens is not a whole number: [100]"),
        ({"cost_usd": -1}, "cost_usd is -1.00000000; at least 0"),
        ({"cost_usd": 1e300}, "cost_usd is no amount of dollars below 1,000,000: 1e+300"),
        ({"asked_at": "9999-12-31T23:59:59Z"}, "years from 1970 to 2200 are possible"),
        ({"asked_at": "0001-01-01T00:00:00Z"}, "years from 1970 to 2200 are possible"),
        ({"asked_at": "0001-01-01T00:00:00+14:00"}, "years from 1970 to 2200 are possible"),
        ({"asked_at": "2200-12-31T23:59:59Z", "duration_seconds": 5}, "finished_at is"),
        ({"answered_at": 10**400}, "the time of the answer is no time"),
        ({"answered_at": "2025-07-01"}, "total_seconds is 2548800.0; at most 1,000,000"),
        ({"duration_seconds": 10**400}, "the duration is no number of seconds from 0 to 1,000,000"),
        ({"first_token_seconds": -1}, "first_token_seconds is -1; at least 0"),
        ({"contexts": [{"text": "t", "score": 1e308}]}, "hits.0.score is 1e+308"),
    ],
)
def test_line_that_cannot_be_is_named(tmp_path, capsys, change, reason):
    with pytest.raises(CommandError) as error:
        call_command("import_traces", write(tmp_path, {**LINE, **change}, LINE))

    assert error.value.returncode == 1
    assert reason in capsys.readouterr().err
    assert Turn.objects.count() == 1


def test_failed_answer_is_a_turn_too(tmp_path):
    call_command("import_traces", write(tmp_path, {**LINE, "answer": "", "error": "rate limit"}))

    turn = Turn.objects.get()
    assert (turn.status, turn.error_message) == ("FAILED", "rate limit")


def test_dry_run_shows_what_is_understood_and_writes_nothing(tmp_path, capsys):
    call_command("import_traces", write(tmp_path, LINE, {"question": "?"}), "--dry-run")

    captured = capsys.readouterr()
    assert 'question: "When does the office open?"' in captured.out
    assert 'contexts: ["Context 1", "hours.md"]' in captured.out
    assert "Dry run: 1 turns could be imported (1 with a vote, 1 with contexts" in captured.out
    assert "Line 2: there is no answer" in captured.err
    assert not Turn.objects.exists()
    assert not PipelineConfig.objects.exists()


def test_limit_takes_the_first_lines(tmp_path):
    lines = [{**LINE, "question": f"Question {number}?"} for number in range(3)]

    call_command("import_traces", write(tmp_path, *lines), "--limit", "2")

    assert Turn.objects.count() == 2


def test_paths_lead_into_objects_and_to_flat_keys():
    assert at({"a": {"b.c": 1}}, "a.b.c") == 1
    assert at({"a.b": {"c": 2}}, "a.b.c") == 2
    assert at({"a": 3}, "a.b") is None
    assert Fields({"question": "x.y"}).value({"x": {"y": "How?"}, "question": "Not this"}, "question") == "How?"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("How?", "How?"),
        ('{"question": "How?"}', "How?"),
        ("{not JSON", "{not JSON"),
        ([{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}], "How?"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "How?"}]}]}, "How?"),
        ({"pages": 3}, None),
        (7, None),
    ],
)
def test_text_of_a_question_is_found(value, text):
    assert text_of(value, role="user") == text


@pytest.mark.parametrize(
    ("value", "vote"),
    [("up", 1), (1, 1), (True, 1), ("Like", 1), (-1, -1), (False, -1), ({"score": -1.0}, -1), (0, None), ("meh", None)],
)
def test_vote_in_any_usual_words(value, vote):
    assert vote_of(value) == vote


def test_foreign_config_is_offered_nowhere_and_its_page_shows_what_is_known(tmp_path, client, staff):
    call_command("import_traces", write(tmp_path, LINE))
    config = PipelineConfig.objects.get(import_source="acme")
    make_dataset()
    client.force_login(staff)

    page = client.get(reverse("admin:chat_pipelineconfig_change", args=[config.pk])).content.decode()
    start = client.get(reverse("admin:monitoring_evaluationrun_add")).content.decode()
    default = client.post(reverse("admin:chat_pipelineconfig_default", args=[config.pk]), follow=True)

    assert "This is how acme answered" in page
    assert "acme/large" in page
    assert "Min similarity" not in page  # nobody knows
    assert "imported-acme" not in start
    assert "cannot answer here" in default.content.decode()
    config.refresh_from_db()
    assert not config.is_default
