"""Turns exported and imported again: the same but for ids, once only, line by line."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from chat.models import Collection, Conversation, LLMCall, PipelineConfig, Turn
from chat.services.conversations import ask, delete_conversation
from chat.services.spending import recount
from monitoring.dashboard.zones import ZONE_COOKIE
from monitoring.models import CorrectedAnswer, Flag, JudgeVersion, Review, ReviewItem, Score
from monitoring.reports import Filters, read, refresh
from monitoring.scoring.writing import METADATA_DEPTH, ScoreDraft, write_score
from tests.budgeted import make_budget
from tests.exported import ASKED, export, lines_of, make_full_turns, remove_all
from tests.factories import make_call, make_config, make_turn, make_user

pytestmark = pytest.mark.django_db
CALL = {"purpose": "answer", "model": "fake/model", "duration_seconds": 1}
SCORE = {"name": "toxicity", "source": "CODE", "value": 1}


def stripped(lines):
    """What has to be the same on another site: all but numbers of rows and the mark of the import."""
    found = deepcopy(lines)
    for line in found:
        line["conversation"]["import_source"] = None
        people = [line["user"], *(row["user"] for row in [*line["feedback"], *line["signals"]])]
        people += [score[who] for score in line["scores"] for who in ("reviewer", "author")]
        people += [review["reviewer"] for review in line["reviews"]]
        for person in filter(None, people):
            person["id"] = None
    return found


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_what_was_exported_comes_back_the_same_on_an_empty_site(tmp_path, suffix):
    make_full_turns()
    before = lines_of(export(tmp_path / "before.jsonl", "--users", "names"))
    file = export(tmp_path / f"turns.{suffix}", "--users", "names")
    remove_all()
    PipelineConfig.objects.all().delete()
    Collection.objects.all().delete()
    get_user_model().objects.all().delete()

    call_command("import_turns", str(file))

    after = lines_of(export(tmp_path / "after.jsonl", "--users", "names"))
    for line in before:  # the document is not here any more
        for hit in line["hits"]:
            hit["document"] = hit["document_collection"] = None
    assert stripped(after) == stripped(before)
    assert not get_user_model().objects.filter(is_active=True).exists()
    assert PipelineConfig.objects.get(name="careful").import_source == "turns"


def test_second_import_adds_nothing(tmp_path, capsys):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl", "--users", "names")

    call_command("import_turns", str(file))  # where they were exported
    assert "0 turns imported, 3 already there" in capsys.readouterr().out
    remove_all()
    call_command("import_turns", str(file))
    call_command("import_turns", str(file))

    assert "3 already there, 0 left out" in capsys.readouterr().out.splitlines()[-1]
    assert Turn.objects.count() == 3
    assert Conversation.objects.filter(import_source="turns").count() == 2
    assert Score.objects.count() == 3
    assert (Flag.objects.count(), Review.objects.count(), CorrectedAnswer.objects.count()) == (2, 1, 1)


def test_queue_goes_on_where_it_was(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl", "--users", "names")
    remove_all()

    call_command("import_turns", str(file))

    first = Turn.objects.order_by("created_at")[0]
    settled, waiting = first.flags.all()
    assert (settled.reason, settled.score, settled.settled_at) == (
        "NOT_GROUNDED",
        first.scores.get(source="JUDGE"),
        ASKED + timedelta(days=1),
    )
    assert (waiting.reason, waiting.weight, waiting.is_advisory, waiting.settled_at) == ("SAMPLE", 20, True, None)
    item = ReviewItem.objects.get()
    assert (item.conversation, item.status, item.round) == (first.conversation, "OPEN", 2)
    assert list(ReviewItem.objects.free_for(get_user_model().objects.get(username="ada"))) == [item]
    review = item.reviews.get()
    assert (review.reviewer.username, review.note, review.reserved_until) == ("rita", "Thirty is for adults.", None)
    assert first.corrections.get().text == "Thirty days, for adults."


def test_two_reviews_by_people_who_are_not_named_are_two(tmp_path):
    first, *_ = make_full_turns()
    item = ReviewItem.objects.get()
    other = Review.objects.create(item=item, reviewer=make_user(), round=1, decided_at=ASKED + timedelta(days=2))
    CorrectedAnswer.objects.create(review=other, turn=first, text="It depends.")
    file = export(tmp_path / "turns.jsonl", "--users", "none")
    remove_all()

    call_command("import_turns", str(file))

    reviews = Review.objects.order_by("pk")
    assert [review.reviewer.username for review in reviews] == [
        "imported-turns-reviewer-1",
        "imported-turns-reviewer-2",
    ]
    assert [review.corrections.get().text for review in reviews] == ["Thirty days, for adults.", "It depends."]


def test_what_was_decided_here_stays_and_later_flags_open_it_again(tmp_path):
    _, second, *_ = make_full_turns()
    Flag.objects.create(turn=second, reason="TOXIC")
    file = export(tmp_path / "turns.jsonl", "--users", "names")
    second.delete()
    item = ReviewItem.objects.get()
    ReviewItem.objects.update(status="DISMISSED", round=1)
    Review.objects.filter(round=2).delete()
    Review.objects.update(note="Decided here.")

    call_command("import_turns", str(file))

    item.refresh_from_db()
    assert (item.status, item.round, item.reviews.get().note) == ("OPEN", 2, "Decided here.")


def test_file_of_an_earlier_version_has_no_reviews_and_is_imported(tmp_path):
    make_full_turns()
    lines = lines_of(export(tmp_path / "turns.jsonl"))
    for line in lines:
        del line["flags"], line["reviews"], line["judge_calls"], line["conversation"]["review_item"]
    file = tmp_path / "earlier.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    remove_all()

    call_command("import_turns", str(file))

    assert Turn.objects.count() == 3
    assert not ReviewItem.objects.exists()


def test_what_is_known_here_is_taken_and_what_is_not_is_said(tmp_path, capsys):
    first, *_ = make_full_turns()
    config, user = first.config, first.conversation.user
    file = export(tmp_path / "turns.jsonl", "--users", "names")
    remove_all()

    call_command("import_turns", str(file), "--source", "the old site")

    out = capsys.readouterr().out
    turn = Turn.objects.order_by("created_at")[0]
    assert (turn.config, turn.conversation.user) == (config, user)
    assert turn.conversation.import_source == "the old site"
    assert turn.import_key == str(first.pk)
    assert "1 judge version." in out
    assert "Not here: 1 document of hits" in out


def test_config_of_the_same_name_that_answers_otherwise_is_another_one(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    remove_all()
    PipelineConfig.objects.all().delete()
    own = make_config(name="careful", version=3, top_k=2)

    call_command("import_turns", str(file))

    config = Turn.objects.all()[0].config
    assert (config.name, config.version, config.top_k) == ("imported-careful", 1, 7)
    assert list(PipelineConfig.objects.own()) == [own]


def test_users_without_a_name_are_others_for_each_source(tmp_path):
    first, *_ = make_full_turns()
    number = first.conversation.user_id
    file = export(tmp_path / "turns.jsonl")
    remove_all()

    call_command("import_turns", str(file), "--source", "Old Site")

    user = Turn.objects.all()[0].conversation.user
    assert (user.username, user.is_active) == (f"imported-old-site-{number}", False)


def test_users_may_be_left_out_and_the_origin_changed(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl", "--users", "names")
    remove_all()

    call_command("import_turns", str(file), "--users", "none", "--origin", "API")

    assert set(Turn.objects.values_list("origin", "conversation__user")) == {("API", None)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": "ragsite.turn/9"}, 'schema is "ragsite.turn/9"; possible are ragsite.turn/1'),
        ({"question": 5}, "question is not a text: 5"),
        ({"created_at": "soon"}, 'created_at is no time: "soon"'),
        ({"status": "PENDING"}, 'status is "PENDING"; possible are DONE'),
        ({"model": None}, "model is missing"),
        ({"cost_usd": 1e12}, "cost_usd is no amount of dollars"),
        ({"hits": [{"rank": 0.5}]}, "hits.0.rank is not a whole number: 0.5"),
        ({"conversation": {"id": "mine"}}, 'conversation.id is no UUID: "mine"'),
        ({"flags": [{"reason": "DULL"}]}, 'flags.0.reason is "DULL"; possible are THUMBS_DOWN'),
        ({"reviews": [{"round": 1}]}, "reviews.0.decided_at is missing"),
        ({"judge_calls": [{"purpose": "answer"}]}, 'purpose is "answer"; possible are judge'),
        ({"feedback": [{"value": 0}]}, "feedback.0.value is 0; possible are 1, -1"),
        # what pages, reports and exports could not do with
        ({"created_at": "9999-12-31T23:59:59Z"}, '9999-12-31T23:59:59Z"; years from 1970 to 2200 are possible'),
        ({"finished_at": "0001-01-01T00:00:00+14:00"}, 'finished_at is "0001-01-01T00:00:00+14:00"; years from 1970'),
        ({"cost_usd": -1}, "cost_usd is -1.00000000; at least 0 is possible"),
        ({"calls": [CALL | {"cost_usd": -0.5}]}, "calls.0.cost_usd is -0.50000000; at least 0"),
        ({"scores": [SCORE | {"cost_usd": -1}]}, "scores.0.cost_usd is -1.00000000; at least 0"),
        ({"calls": [CALL | {"input_tokens": -1}]}, "calls.0.input_tokens is -1; at least 0"),
        ({"hits": [{"rank": 0}]}, "hits.0.rank is 0; at least 1"),
        ({"hits": [{"rank": 1, "score": 1e308}]}, "hits.0.score is 1e+308; at most 1,000,000,000,000"),
        ({"top_similarity": 1.5}, "top_similarity is 1.5; at most 1"),
        ({"total_seconds": 1e308}, "total_seconds is 1e+308; at most 1,000,000 is possible"),
        ({"total_seconds": -1}, "total_seconds is -1; at least 0"),
        ({"total_seconds": 10**400}, "total_seconds is 1000000000000000"),
        ({"position": 2**31 - 1}, "position is 2147483647; at most 1,000,000"),
        ({"position": 10**400}, "position is 1000000000000000"),
        ({"traceparent": "?"}, 'traceparent is "?", which has not the form of one'),
        ({"traceparent": f"00-{'0' * 32}-{'b' * 16}-01"}, "which has not the form of one"),
        ({"scores": [SCORE | {"details": ["Thirty"]}]}, 'scores.0.details is not an object: ["Thirty"]'),
        ({"scores": [SCORE | {"details": '["Thirty"]'}]}, 'scores.0.details is not an object: ["Thirty"]'),
        ({"scores": [SCORE | {"details": "[" * 20_000}]}, "scores.0.details is no JSON (more than 100 objects"),
        ({"given_history": {"question": "Hello?"}}, "given_history is not a list"),
        ({"given_history": [{"question": ["Hello?"]}]}, "given_history.0.question is not a text"),
        # of which only the database knows
        ({"hits": [{"rank": 1}, {"rank": 1}]}, "chat_hit_rank"),
        ({"flags": [{"reason": "SLOW"}, {"reason": "SLOW"}]}, "monitoring_flag_once"),
    ],
)
def test_bad_line_is_named_and_the_others_are_imported(tmp_path, capsys, change, reason):
    make_full_turns()
    lines = lines_of(export(tmp_path / "turns.jsonl"))
    lines[1] |= change
    file = tmp_path / "changed.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    remove_all()

    with pytest.raises(CommandError) as error:
        call_command("import_turns", str(file))

    captured = capsys.readouterr()
    assert error.value.returncode == 1
    assert f"Line 2: {reason}" in captured.err or ("Line 2: " in captured.err and reason in captured.err)
    assert "2 turns imported, 0 already there, 1 left out" in captured.out
    assert Turn.objects.count() == 2


def test_lines_that_are_no_json_are_named(tmp_path, capsys):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    remove_all()
    file.write_bytes(b'{"a": NaN}\n[1]\n\xff\n\n' + file.read_bytes())

    with pytest.raises(CommandError):
        call_command("import_turns", str(file))

    err = capsys.readouterr().err
    assert "Line 1: it is no JSON (NaN is no number of JSON)" in err
    assert "Line 2: it is no JSON object" in err
    assert "Line 3: it is not UTF-8" in err
    assert Turn.objects.count() == 3


def test_metadata_as_deep_as_the_api_takes_it_comes_back(tmp_path):
    (turn, *_) = make_full_turns()
    metadata = json.loads("[" * (METADATA_DEPTH - 1) + "]" * (METADATA_DEPTH - 1))
    draft = ScoreDraft(turn_id=turn.pk, name="deep", value=1.0, metadata={"a": metadata})
    write_score(draft=draft, author=get_user_model().objects.create_superuser("sam"))
    file = export(tmp_path / "turns.jsonl")
    remove_all()

    call_command("import_turns", str(file))

    assert Score.objects.get(name="deep").details["metadata"] == {"a": metadata}


def test_line_that_is_nested_deeply_costs_itself_alone(tmp_path, capsys):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    remove_all()
    deep = [f'{{"a": {"[" * depth}{"]" * depth}}}' for depth in (100, 900, 20_000)]
    file.write_bytes("\n".join(deep).encode() + b"\n" + file.read_bytes())

    with pytest.raises(CommandError):
        call_command("import_turns", str(file))

    err = capsys.readouterr().err
    for number in (1, 2, 3):
        assert f"Line {number}: it is no JSON (more than 100 objects and lists are in each other)" in err
    assert Turn.objects.count() == 3


@pytest.mark.parametrize("year", [1970, 2200])
def test_first_and_last_year_of_all_are_shown_in_every_zone(tmp_path, client, staff, year):
    make_full_turns()
    line = lines_of(export(tmp_path / "turns.jsonl"))[0]
    at = datetime(year, 1, 1, tzinfo=UTC) if year == 1970 else datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    file = tmp_path / "changed.jsonl"
    file.write_text(json.dumps(line | dict.fromkeys(("created_at", "started_at", "finished_at"), at.isoformat())))
    remove_all()
    call_command("import_turns", str(file))
    client.force_login(staff)

    turn = Turn.objects.get(created_at=at)
    for zone in ("America/New_York", "Asia/Tokyo"):
        client.cookies[ZONE_COOKIE] = zone
        for page in ("admin:chat_turn_changelist", "admin:chat_conversation_changelist"):
            assert client.get(reverse(page)).status_code == 200
        assert client.get(reverse("admin:chat_turn_change", args=[turn.pk])).status_code == 200


def test_file_that_is_none_is_refused(tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")

    with pytest.raises(CommandError, match="cannot be read as Parquet"):
        call_command("import_turns", str(broken))
    with pytest.raises(CommandError, match="cannot be opened"):
        call_command("import_turns", str(tmp_path / "nothing.jsonl"))


def test_texts_that_their_user_deleted_here_do_not_come_back(tmp_path):
    first, *_ = make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    delete_conversation(conversation=first.conversation)

    call_command("import_turns", str(file))

    first.refresh_from_db()
    assert first.question == ""
    assert Turn.objects.filter(question="How many days?").count() == 0


def test_imported_conversation_goes_on_here_by_the_default_config(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl", "--users", "names")
    remove_all()
    default = make_config(is_default=True)
    call_command("import_turns", str(file))
    talk = Conversation.objects.get(title="How many days?")

    turn = ask(conversation=talk, question="And next year?")

    assert (turn.config, turn.position, turn.import_key, turn.conversation.user.username) == (default, 2, "", "ada")


def test_reports_count_what_was_imported_in_its_own_time(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    remove_all()
    refresh()

    call_command("import_turns", str(file))
    refresh()

    (row,) = read("turns", Filters(since=ASKED - timedelta(hours=1), until=ASKED + timedelta(days=1)))
    assert row["turns"] == 3


def test_imported_answers_and_verdicts_are_in_no_budget_but_judging_them_here_is(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    remove_all()
    call_command("import_turns", str(file))
    make_call(turn=Turn.objects.all()[0], purpose=LLMCall.CallPurpose.JUDGE, cost_usd=Decimal("0.5"))
    LLMCall.objects.update(created_at=timezone.now())

    month = recount(make_budget())

    assert month.spent_usd == Decimal("0.5")


def test_judges_of_imported_scores_are_known_by_their_fingerprint(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl")
    version = JudgeVersion.objects.get()
    Turn.objects.all().delete()

    call_command("import_turns", str(file))

    assert JudgeVersion.objects.get() == version
    assert Score.objects.get(source="JUDGE").judge_version == version


@pytest.mark.parametrize("page", ["chat_turn", "chat_conversation"])
def test_lists_of_the_admin_tell_what_was_imported(tmp_path, client, staff, page):
    make_full_turns()
    file = export(tmp_path / "turns.jsonl", "--users", "none")
    remove_all()
    call_command("import_turns", str(file), "--source", "the old site")
    own = make_turn()
    client.force_login(staff)

    def shown(imported):
        response = client.get(reverse(f"admin:{page}_changelist"), {"imported": imported})
        return {row.pk for row in response.context["cl"].result_list}

    here = {own.pk if page == "chat_turn" else own.conversation_id}
    assert shown("-") == here
    assert shown("*") == shown("the old site") != here
    assert shown("nowhere") == set()
    turn = Turn.objects.exclude(import_key="")[0]
    assert "the old site" in client.get(reverse("admin:chat_turn_change", args=[turn.pk])).content.decode()
    config = client.get(reverse("admin:chat_pipelineconfig_changelist")).content.decode()
    assert "careful v3" in config
