"""/metrics: who may read it, and that it says what is in the database."""

import re
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from chat.models import Feedback, Turn
from chat.models.conversation import Origin
from monitoring.metrics import COLLECTORS, SiteCollector
from monitoring.metrics.families import gauge
from monitoring.metrics.models import labels_of
from monitoring.metrics.totals import forget_totals
from monitoring.reports import Filters, read
from tests.factories import (
    make_call,
    make_chunk,
    make_config,
    make_conversation,
    make_embedding,
    make_feedback,
    make_turn,
)
from tests.quality_rows import make_verdict, make_version
from tests.scraped import Scrape

pytestmark = pytest.mark.django_db
TOTALS = ("turns", "latency", "calls")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


@pytest.fixture
def conversation(alice):
    return make_conversation(user=alice)


@pytest.fixture
def scrape(client):
    """Return a function that reads /metrics as Prometheus does."""

    def read() -> Scrape:
        response = client.get("/metrics")
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain; version=")
        return Scrape(response.content.decode())

    return read


def aged(turn: Turn, **age: float) -> Turn:
    """Let a turn be asked some time ago."""
    Turn.objects.filter(pk=turn.pk).update(created_at=timezone.now() - timedelta(**age))
    return turn


@pytest.fixture
def traffic(conversation, mallory):
    """Four questions of users and one over the API, with what came of them."""
    config = make_config(model="house/large")
    values = {"conversation": conversation, "config": config, "hit_count": 5, "cited_count": 2}
    good = make_turn(**values, total_seconds=2.0, first_token_seconds=0.5, cost_usd=Decimal("0.01"))
    make_turn(**values, total_seconds=4.0, first_token_seconds=0.5, cost_usd=Decimal("0.03"))
    make_turn(**values | {"hit_count": 0, "cited_count": 0}, nothing_found=True, total_seconds=1.0)
    make_turn(**values, status=Turn.Status.FAILED, answer="", error_code="timeout", total_seconds=None)
    make_turn(conversation=make_conversation(user=None, origin=Origin.API), config=config, total_seconds=1.0)
    make_feedback(turn=good, user=conversation.user, value=Feedback.Value.UP)
    make_feedback(turn=good, user=mallory, value=Feedback.Value.DOWN)
    tokens = {"input_tokens": 1000, "output_tokens": 100, "cached_input_tokens": 400, "duration_seconds": 1.5}
    make_call(turn=good, model="house/large", **tokens, cost_usd=Decimal("0.01"))
    make_call(turn=good, model="house/large", **tokens, cost_usd=None, error_code="timeout", attempts=3)
    version = make_version()
    make_verdict(good, version, "SUPPORTED")
    return good


def test_machine_itself_may_read_it_and_others_get_404(client):
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 404
    assert client.post("/metrics").status_code == 405


def test_named_network_may_read_it(client, settings):
    settings.METRICS_NETWORKS = (ip_network("10.0.0.0/8"),)

    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::ffff:10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="11.1.2.3").status_code == 404
    assert client.get("/metrics").status_code == 404


def test_who_knows_the_token_may_read_it(client, settings):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = "a-long-secret", ()

    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer a-long-secret").status_code == 200
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer a-long-secreT").status_code == 404
    assert client.get("/metrics", HTTP_AUTHORIZATION="a-long-secret").status_code == 404
    assert client.get("/metrics").status_code == 404


def test_without_a_token_an_empty_one_opens_nothing(client, settings):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = "", ()

    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 404


def test_traffic_and_errors(scrape, traffic):
    said = scrape()

    outcomes = said.values("ragsite_turns_total", "outcome", origin="USER")
    assert outcomes == {"answered": 3, "stopped": 0, "failed": 1, "interrupted": 0}
    assert said.value("ragsite_turns_total", origin="API", outcome="answered") == 1
    assert said.value("ragsite_conversations_total", origin="USER") == 1
    assert said.value("ragsite_turns_refused_total", origin="USER") == 1
    assert said.value("ragsite_searches_total", origin="USER") == 4
    assert said.value("ragsite_searches_empty_total", origin="USER") == 1
    assert said.value("ragsite_citations_total", origin="USER") == 6
    assert said.value("ragsite_turn_errors", origin="USER", code="timeout") == 1
    assert said.value("ragsite_error_ratio", origin="USER", window="1h") == 0.25
    assert said.value("ragsite_error_ratio_n", origin="USER", window="1h") == 4


def test_latency_is_a_histogram_by_stage(scrape, traffic):
    said = scrape()

    assert said.value("ragsite_turn_stage_seconds_count", origin="USER", stage="total") == 3
    assert said.value("ragsite_turn_stage_seconds_sum", origin="USER", stage="total") == pytest.approx(7.0)
    buckets = said.values("ragsite_turn_stage_seconds_bucket", "le", origin="USER", stage="total")
    # Bounds are the roll-up's own, each sixth: 0.0001 * 1.1 ** 97 and so on.
    assert {bound: buckets[bound] for bound in ("0.5844", "1.035", "1.834", "3.249", "5.757", "+Inf")} == {
        "0.5844": 0,
        "1.035": 1,
        "1.834": 1,
        "3.249": 2,
        "5.757": 3,
        "+Inf": 3,
    }
    assert said.value("ragsite_latency_seconds", origin="USER", window="1h", stage="total", percentile="50") == (
        pytest.approx(2.0, rel=0.05)
    )


def test_tokens_and_seconds_have_the_names_of_the_conventions(scrape, traffic):
    said = scrape()

    labels = {"gen_ai_provider_name": "house", "gen_ai_request_model": "large", "gen_ai_operation_name": "chat"}
    tokens = said.values("gen_ai_client_token_usage_sum", "gen_ai_token_type", purpose="answer", **labels)
    assert tokens == {"input": 2000, "output": 200}
    assert said.value("gen_ai_client_token_usage_count", gen_ai_token_type="input", **labels) == 2
    assert said.value("gen_ai_client_operation_duration_seconds_sum", **labels) == 3.0
    assert said.value("gen_ai_client_operation_duration_seconds_count", **labels) == 2


def test_dollars_count_what_is_known_and_say_what_is_not(scrape, traffic):
    said = scrape()

    labels = {"origin": "USER", "purpose": "answer", "model": "house/large"}
    assert said.value("ragsite_cost_usd_total", certainty="exact", **labels) == 0.01
    assert said.value("ragsite_cost_usd_total", certainty="estimated", **labels) == 0
    assert said.value("ragsite_cost_unknown_calls_total", **labels) == 1
    assert said.value("ragsite_llm_calls_failed_total", **labels) == 1
    assert said.value("ragsite_llm_attempts_total", **labels) == 4
    assert said.value("ragsite_usd_per_answer", origin="USER", window="1h") == pytest.approx(0.02)


def test_votes_and_verdicts(scrape, traffic):
    said = scrape()

    assert said.values("ragsite_feedback_votes", "value", origin="USER", window="1h") == {"up": 1, "down": 1}
    assert said.value("ragsite_feedback_up_ratio", origin="USER", window="24h") == 0.5
    assert said.value("ragsite_feedback_coverage_ratio", origin="USER", window="24h") == pytest.approx(1 / 3)
    verdict = {"origin": "USER", "window": "1h", "name": "groundedness", "judge": "groundedness_offline"}
    assert said.value("ragsite_score_mean", **verdict) == 1.0
    assert said.value("ragsite_score_failing_ratio", **verdict) == 0.0
    assert said.value("ragsite_score_failing_ratio_n", **verdict) == 1


def test_vectors_and_what_they_take_are_those_of_the_report(scrape):
    embedding = make_embedding(chunk=make_chunk())
    name = embedding.embedder.name
    now = timezone.now()

    def stored():
        rows = read("storage", Filters(since=now - timedelta(hours=1), until=now))
        return next(row for row in rows if row["embedder"] == name)

    before, found, after = stored(), scrape(), stored()

    assert found.value("ragsite_vectors", embedder=name) == before["vectors"] == 1
    # PostgreSQL may tidy up at any moment, and a page more or less is needed then.
    assert found.value("ragsite_vector_bytes", embedder=name, part="table") in (
        before["table_bytes"],
        after["table_bytes"],
    )
    assert found.value("ragsite_vector_bytes", embedder=name, part="index") in (
        before["index_bytes"],
        after["index_bytes"],
    )
    assert before["table_bytes"] > 0


def test_what_is_not_known_is_absent(scrape):
    said = scrape()

    assert said.value("ragsite_error_ratio", origin="USER", window="1h") is None
    assert said.value("ragsite_error_ratio_n", origin="USER", window="1h") == 0
    assert said.value("ragsite_usd_per_answer", origin="USER", window="1h") is None
    assert said.value("ragsite_alert_value", alert="error_rate") is None
    assert said.value("ragsite_alert_firing", alert="error_rate") == 0


def test_counter_is_right_at_every_moment_though_old_sums_are_kept(scrape, conversation):
    aged(make_turn(conversation=conversation), days=30)
    first = scrape().value("ragsite_turns_total", origin="USER", outcome="answered")

    make_turn(conversation=conversation)
    second = scrape().value("ragsite_turns_total", origin="USER", outcome="answered")
    aged(make_turn(conversation=conversation), days=20)  # an import of old rows
    kept = scrape().value("ragsite_turns_total", origin="USER", outcome="answered")
    forget_totals(TOTALS)
    anew = scrape().value("ragsite_turns_total", origin="USER", outcome="answered")

    assert [first, second, kept, anew] == [1, 2, 2, 3]


def test_page_of_docs_lists_what_there_is(scrape, traffic):
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    for name in [name for name in listed if name.endswith("_ratio") and name != "ragsite_score_corrected_ratio"]:
        listed |= {f"{name}_{end}": "gauge" for end in ("low", "high", "n")}
    listed |= dict.fromkeys(["ragsite_score_mean_low", "ragsite_score_mean_high"], "gauge")

    said = scrape().types

    own = {name: kind for name, kind in said.items() if name.startswith(("ragsite_", "gen_ai_"))}
    assert own == {name: kind for name, kind in listed.items() if not name.startswith("django_")}
    assert {name: said.get(name) for name in listed if name.startswith("django_")} == {
        name: kind for name, kind in listed.items() if name.startswith("django_")
    }


def test_page_of_docs_lists_the_labels(scrape, traffic):
    text = PAGE.read_text()
    families: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(ragsite_\w+?)(?:_bucket|_sum|_count)?\{([^}]*)\}", scrape().text, re.MULTILINE):
        families.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    families["ragsite_turn_stage_seconds"].discard("le")

    rows = dict(re.findall(r"^\| `(ragsite_\w+)` \| \w+ \| ([a-z_, ]+) \|", text, re.MULTILINE))
    assert {name: set(rows[name].split(", ")) for name in families if rows.get(name, "the same") != "the same"} == {
        name: labels for name, labels in families.items() if rows.get(name, "the same") != "the same"
    }


def test_it_says_nothing_of_users(scrape, traffic):
    text = scrape().text

    for private in ("alice", "mallory", "example.com", traffic.question, str(traffic.conversation_id)):
        assert private not in text


def test_series_are_bounded(scrape, traffic):
    for number in range(40):
        make_call(turn=traffic, model=f"house/model-{number}", input_tokens=1, output_tokens=1)

    said = scrape()

    models = said.values("ragsite_llm_attempts_total", "model", origin="USER")
    assert len(models) == 13
    assert models["other"] == 29
    assert sum(models.values()) == 44
    own = [line for line in said.text.splitlines() if line.startswith(("ragsite_", "gen_ai_"))]
    assert len(own) < 6000


def test_model_keeps_its_label_whatever_comes_later():
    now = timezone.now()
    first = [(f"a/{number}", now + timedelta(hours=number)) for number in range(12)]

    labels = labels_of([*first, ("a/late", now + timedelta(days=1))])

    assert labels["a/late"] == "other"
    assert all(labels[model] == model for model, _ in first)


def test_made_up_method_is_no_label(client, scrape):
    client.generic("BREW", "/metrics")

    text = scrape().text

    assert "BREW" not in text
    assert 'method="<invalid method>"' in text


def test_queries_and_their_errors_are_counted(db):
    labels = {"alias": "default", "vendor": "postgresql"}
    failed = labels | {"type": "UndefinedTable"}

    def counted() -> list[float]:
        queries = REGISTRY.get_sample_value("django_db_execute_total", labels)
        timed = REGISTRY.get_sample_value("django_db_query_duration_seconds_count", labels)
        return [queries, timed, REGISTRY.get_sample_value("django_db_errors_total", failed) or 0]

    with connection.cursor() as cursor:
        before = counted()
        cursor.execute("SELECT 1")
        cursor.executemany("SELECT %s", [(1,), (2,), (3,)])
        with pytest.raises(ProgrammingError), transaction.atomic():  # three more, of the savepoint
            cursor.execute("SELECT * FROM no_such_table")

    assert [after - first for after, first in zip(counted(), before, strict=True)] == [8, 6, 1]


def fail():
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    return ()


def dawdle():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(10)")
    return ()


@pytest.mark.parametrize("broken", [fail, dawdle])
def test_part_that_fails_costs_only_itself(broken):
    collectors = {
        "first": lambda: [gauge("ragsite_first", "First.", [({}, 1)])],
        "broken": broken,
        "last": lambda: [gauge("ragsite_last", "Last.", [({}, 2)])],
    }
    registry = CollectorRegistry()
    registry.register(SiteCollector(collectors, limit_milliseconds=50))

    said = Scrape(generate_latest(registry).decode())

    assert said.value("ragsite_first") == 1
    assert said.value("ragsite_last") == 2
    assert said.values("ragsite_collector_up", "collector") == {"first": 1, "broken": 0, "last": 1}


def test_every_part_works(scrape, traffic):
    up = scrape().values("ragsite_collector_up", "collector")

    assert up == dict.fromkeys(COLLECTORS, 1)


def test_scrape_asks_a_bounded_number_of_queries(scrape, traffic, django_assert_max_num_queries):
    scrape()

    with django_assert_max_num_queries(90):
        scrape()
