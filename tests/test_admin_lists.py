"""The admin's long lists: the turns behind a figure, pages by where the last one ended, search, and their cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin import site
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import connection
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.admin import keyset, word_search
from chat.admin.turns import TurnAdmin
from chat.models import Conversation, Turn
from tests.admin_pages import list_of
from tests.factories import make_collection, make_config, make_conversation, make_feedback, make_turn, make_user
from tests.review_rows import make_verdict

pytestmark = pytest.mark.django_db

TURNS = "admin:chat_turn_changelist"
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def admin(client, staff):
    client.force_login(staff)
    return client


def _listed(client, query: str = "", name: str = TURNS):
    return client.get(f"{reverse(name)}?{query}").context["cl"]


def _questions(client, query: str = "") -> list[str]:
    return [turn.question for turn in _listed(client, query).result_list]


def _at(turn: Turn, at: datetime) -> Turn:
    Turn.objects.filter(pk=turn.pk).update(created_at=at)
    return turn


@pytest.fixture
def turns() -> dict[str, Turn]:
    """Turns an hour apart from noon on, each with something of its own; named by their questions."""
    config, user = make_config(name="careful"), make_user(username="ann")
    conversation = make_conversation(user=user)
    shared = {"config": config, "conversation": conversation}
    rows = {
        "plain": {},
        "stopped": {"status": "STOPPED", "collection": make_collection(name="Manuals")},
        "failed": {"status": "FAILED", "nothing_found": None, "model": "openai/gpt-4o"},
        "interrupted": {"status": "INTERRUPTED", "nothing_found": None},
        "refused": {"nothing_found": True, "answer": "I found nothing about parrots."},
        "failed refusal": {"status": "FAILED", "nothing_found": True},
        "empty": {"hit_count": 0, "origin": "API"},
        "waiting": {"status": "PENDING", "nothing_found": None, "config": make_config(name="other")},
    }
    made = {}
    for hour, (question, values) in enumerate(rows.items()):
        turn = make_turn(question=question, **{**shared, "hit_count": 5, **values})
        made[question] = _at(turn, NOON + timedelta(hours=hour))
    make_feedback(turn=made["plain"], value=1)
    make_feedback(turn=made["stopped"], value=-1)
    make_feedback(turn=made["stopped"], value=1, user=make_user())
    make_verdict("UNSUPPORTED", turn=made["plain"])
    make_verdict("SUPPORTED", turn=made["stopped"])
    make_verdict("TOXIC", name="toxicity", turn=made["refused"])
    return made


@pytest.mark.parametrize(
    ("query", "expected", "chip"),
    [
        ("since=2026-11-03T18:00Z", ["waiting", "empty"], "asked since 3 Nov 2026 18:00"),
        ("until=2026-11-03T13:00:00Z", ["plain"], "asked before 3 Nov 2026 13:00"),
        ("since=2026-11-03T13:00Z&until=2026-11-03T14:00Z", ["stopped"], "asked 3 Nov 2026 13:00 to 14:00"),
        ("since=2026-11-03T14:00:00+01:00&until=2026-11-03T13:30Z", ["stopped"], "asked 3 Nov 2026 13:00 to 13:30"),
        ("origin=API", ["empty"], "origin API"),
        ("collection={collection}", ["stopped"], "collection Manuals"),
        ("collection=0&vote=up", ["plain"], "collection (all were searched)"),
        ("config={config}", ["waiting"], "config other v1"),
        ("model=openai/gpt-4o", ["failed"], "model openai/gpt-4o"),
        ("model=openai/gpt", [], "model openai/gpt"),
        ("outcome=answered", ["empty", "refused", "stopped", "plain"], "answered"),
        ("outcome=failed", ["failed refusal", "interrupted", "failed"], "failed or interrupted"),
        ("outcome=refused", ["refused"], "answered that nothing was found"),
        ("outcome=empty", ["empty"], "searched without a hit"),
        ("outcome=unfinished", ["waiting"], "not finished"),
        ("vote=up", ["stopped", "plain"], "thumbs up"),
        ("vote=down", ["stopped"], "thumbs down"),
        ("vote=none", ["empty", "refused"], "answers without a vote"),
        ("failing=groundedness", ["plain"], "failing groundedness"),
        ("failing=toxicity", ["refused"], "failing toxicity of the answer"),
        ("answer=PARROTS&since=2026-11-03", ["refused"], "answer holds “PARROTS”"),
        ("q=refus", ["failed refusal", "refused"], "search: refus"),
        ("q=refusal failed", ["failed refusal"], "search: refusal failed"),
        ("q=???", [], "search: ???"),
    ],
)
def test_parameters_name_exactly_the_turns_behind_a_figure(admin, turns, query, expected, chip):
    numbers = {"collection": turns["stopped"].collection_id, "config": turns["waiting"].config_id}

    listed = _listed(admin, query.format(**numbers))

    assert [turn.question for turn in listed.result_list] == expected
    assert chip in [each.text for each in listed.chips]
    assert listed.count_text == f"{len(expected)} turn{'' if len(expected) == 1 else 's'}"


def test_parameters_combine_and_each_can_be_removed(admin, turns):
    listed = _listed(admin, "outcome=answered&vote=up&since=2026-11-03T12:30Z&until=2026-11-04T00:00Z")

    assert [turn.question for turn in listed.result_list] == ["stopped"]
    assert [(chip.text, chip.url) for chip in listed.chips] == [
        ("asked 3 Nov 2026 12:30 to 4 Nov 2026 00:00", "?outcome=answered&vote=up"),
        ("answered", "?since=2026-11-03T12%3A30Z&until=2026-11-04T00%3A00Z&vote=up"),
        ("thumbs up", "?outcome=answered&since=2026-11-03T12%3A30Z&until=2026-11-04T00%3A00Z"),
    ]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("since=yesterday", "since=yesterday is no time."),
        ("since=2026-11-04&until=2026-11-03", "is not before"),
        ("origin=MARS", "There is no origin “MARS”. There are: USER, API, EVALUATION, SYNTHETIC."),
        ("collection=x", "There is no collection “x”."),
        ("config=x", "There is no config “x”."),
        ("outcome=lost", "There is no outcome “lost”. There are: answered, failed, refused, empty, unfinished."),
        ("vote=maybe", "There is no vote “maybe”. There are: up, down, none."),
        ("failing=taste", "There is no failing verdict “taste”."),
    ],
)
def test_a_value_that_cannot_be_is_named_and_shows_nothing(admin, turns, query, problem):
    response = admin.get(f"{reverse(TURNS)}?{query}")

    assert response.status_code == 200
    assert list(response.context["cl"].result_list) == []
    assert [problem in str(message) for message in response.context["messages"]] == [True]


def test_common_words_find_the_same_as_rare_ones(admin, turns, monkeypatch):
    monkeypatch.setattr(word_search, "MOST_LOOKED_UP", 1)

    listed = _listed(admin, "q=refus", "admin:chat_conversation_changelist")

    assert _questions(admin, "q=refus") == ["failed refusal", "refused"]
    assert [row.pk for row in listed.result_list] == [turns["refused"].conversation_id]


@pytest.mark.parametrize("page", [1, 50], ids=["newest rows fill a page", "they do not"])
def test_words_known_to_be_common_find_the_same_either_way(admin, turns, monkeypatch, page):
    for name, number in {"MOST_LOOKED_UP": 0, "FEW": 0, "NEWEST": 1, "PAGE": page}.items():
        monkeypatch.setattr(word_search, name, number)

    found = {
        name: _listed(admin, f"q={word}", f"admin:{name}_changelist").result_list
        for name, word in (("chat_conversation", "refus"), ("chat_feedback", "stopp"), ("monitoring_score", "refus"))
    }

    assert _questions(admin, "q=refus") == ["failed refusal", "refused"]
    assert _questions(admin, "q=refus&outcome=refused") == ["refused"]
    assert [row.pk for row in found["chat_conversation"]] == [turns["refused"].conversation_id]
    assert [row.turn for row in found["chat_feedback"]] == [turns["stopped"]] * 2
    assert [row.turn for row in found["monitoring_score"]] == [turns["refused"]]


def test_a_filter_that_there_is_not_is_said(admin, turns):
    response = admin.get(f"{reverse(TURNS)}?colour=red", follow=True)

    assert [str(message) for message in response.context["messages"]] == [
        "The address asked for a filter or a value that this list does not have. This is all of it."
    ]


def test_the_name_of_a_user_finds_what_they_asked(admin, turns):
    make_turn(question="Who is Ann?")
    make_turn(question="of somebody else")

    assert len(_questions(admin, "q=ANN")) == 9


def _walk(client, link: str, query: str = "") -> list[list[str]]:
    """Return the pages from an address on, following one link to its end."""
    pages = []
    while True:
        listed = _listed(client, query.lstrip("?"))
        pages.append([turn.question for turn in listed.result_list])
        query = getattr(listed.paginator, link)
        if not query:
            return pages


def test_pages_hold_each_turn_once_in_both_directions_though_all_have_one_time(admin, monkeypatch):
    conversation, config = make_conversation(), make_config()
    for number in range(7):
        _at(make_turn(conversation=conversation, config=config, question=f"{number}"), NOON)
    monkeypatch.setattr(site._registry[Turn], "list_per_page", 3)

    older = _walk(admin, "next")
    last = _listed(admin).paginator.last.lstrip("?")
    newer = _walk(admin, "previous", last)

    assert older == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert newer == [["2", "1", "0"], ["5", "4", "3"], ["6", "5", "4"]]


def test_a_place_in_one_list_is_none_in_another(admin, turns, monkeypatch):
    monkeypatch.setattr(site._registry[Turn], "list_per_page", 2)
    place = _listed(admin, "outcome=answered").paginator.next

    assert _questions(admin, place.lstrip("?")) == ["stopped", "plain"]
    assert _questions(admin, place.lstrip("?").replace("answered", "failed")) == ["failed refusal", "interrupted"]


def test_few_turns_are_sorted_by_another_column_and_many_are_not(admin, turns, monkeypatch):
    column = _listed(admin).list_display.index("total")
    for seconds, turn in enumerate(turns.values()):
        Turn.objects.filter(pk=turn.pk).update(total_seconds=(seconds * 5) % 8)
    monkeypatch.setattr(site._registry[Turn], "list_per_page", 3)

    first = _listed(admin, f"o={column}")
    second = _listed(admin, first.paginator.next.lstrip("?"))
    monkeypatch.setattr(keyset, "MOST_COUNTED", 7)
    many = admin.get(f"{reverse(TURNS)}?o={column}")

    assert [turn.total_seconds for turn in [*first.result_list, *second.result_list]] == [0, 1, 2, 3, 4, 5]
    assert [turn.question for turn in many.context["cl"].result_list] == ["waiting", "empty", "failed refusal"]
    assert "More than 7 turns match, too many to sort" in str(next(iter(many.context["messages"])))


def test_many_turns_are_not_counted_and_not_marked_at_once(admin, monkeypatch):
    for _ in range(3):
        make_turn()
    monkeypatch.setattr(keyset, "MOST_COUNTED", 2)
    monkeypatch.setattr(site._registry[Turn], "list_per_page", 2)
    monkeypatch.setattr(site._registry[Conversation], "list_per_page", 2)

    narrowed, name = _listed(admin, "outcome=answered"), "admin:chat_conversation_changelist"
    conversations = _listed(admin, name=name)

    assert narrowed.count_text == "more than 2 turns"
    assert conversations.count_text.startswith("about ")
    assert conversations.result_count == len(conversations.result_list) == 2


def test_all_that_match_are_deleted_with_one_click(admin, monkeypatch):
    user = make_user(username="ann")
    kept = make_turn().conversation
    for number in range(3):
        make_turn(conversation=make_conversation(user=user, title=f"parrot {number}"))
    monkeypatch.setattr(site._registry[Conversation], "list_per_page", 2)
    url = f"{reverse('admin:chat_conversation_changelist')}?q=parrot"
    chosen = str(admin.get(url).context["cl"].result_list[0].pk)

    admin.post(
        url,
        {"action": "delete_selected", "select_across": "1", "_selected_action": chosen, "index": "0", "post": "yes"},
    )

    assert Conversation.objects.filter(deleted_at=None).get() == kept


class SlowTurnAdmin(TurnAdmin):
    """The list of turns on a database that takes its time."""

    def get_queryset(self, request):
        return super().get_queryset(request).filter(RawSQL("pg_sleep(0.3) IS NOT NULL", [], BooleanField()))


def test_what_takes_too_long_is_given_up_with_a_word(staff, rf, monkeypatch):
    make_turn()
    monkeypatch.setattr(keyset, "PAGE_SECONDS", 0.05)
    monkeypatch.setattr(keyset, "COUNT_SECONDS", 0.05)
    request = rf.get("/admin/chat/turn/")
    request.user, request.session = staff, {}
    request._messages = FallbackStorage(request)

    response = SlowTurnAdmin(Turn, site).changelist_view(request)

    assert list(response.context_data["cl"].result_list) == []
    assert "was given up. Choose a range of time" in str(next(iter(request._messages)))
    assert Turn.objects.count() == 1


@pytest.fixture
def many_turns() -> int:
    """So many turns that reading all of them is dearer than looking into an index; return the key of a config."""
    conversation, config = make_conversation(), make_config()
    rows = [
        Turn(
            conversation=conversation,
            position=number,
            config=config,
            question=f"Question {number}",
            answer="word " * 60,
            status="DONE" if number % 50 else "FAILED",
            search_mode="text",
            model=f"model-{number % 4}",
            cost_usd=1,
        )
        for number in range(1, 3001)
    ]
    Turn.objects.bulk_create(rows)
    make_feedback(turn=rows[0], value=-1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE chat_turn, chat_feedback")
    return config.pk


def test_no_page_reads_all_turns(admin, many_turns):
    deep = _listed(admin, _listed(admin).paginator.next.lstrip("?")).paginator.next.lstrip("?")
    queries = ["", deep, "page=oldest", "origin=USER", f"config={many_turns}", "model=model-1", "outcome=failed",
               "outcome=refused", "vote=down", "q=question 17", "since=2026-01-01&origin=API",
               "status__exact=STOPPED", "replaced=yes", "unknown_cost=yes"]  # fmt: skip

    plans = {query: _plan_of_page(admin, query) for query in queries}

    assert [query for query, plan in plans.items() if "Seq Scan on chat_turn" in plan] == []


def _plan_of_page(client, query: str) -> str:
    with CaptureQueriesContext(connection) as captured:
        client.get(f"{reverse(TURNS)}?{query}")
    (page,) = [one["sql"] for one in captured if " LIMIT 51" in one["sql"] and 'FROM "chat_turn"' in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {page}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_empty_list_says_what_to_do(client, staff):
    client.force_login(staff)

    def shown(model: str, **values) -> str:
        return client.get(list_of(model), values).content.decode()

    assert "This list fills by itself" in shown("turn")
    assert "Nothing matches" in shown("turn", q="zyzzogeton")
    assert "Make the first one." in shown("budget")
