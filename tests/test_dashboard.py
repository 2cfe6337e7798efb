"""The dashboard: its figures, where they lead, and its charts as tables and files."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from chat.models import LLMCall, Turn
from monitoring.dashboard.panels import PANELS
from monitoring.dashboard.words import NOTHING
from monitoring.models import JudgeVersion, Score
from tests.dashboard_world import DAY, NOON, ask, listed, named, part, points, tile, world
from tests.factories import make_call, make_collection, make_config, make_conversation
from tests.quality_rows import make_verdict, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, staff):
    client.force_login(staff)
    return client


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split()).replace("\N{NO-BREAK SPACE}", " ")


def test_figures_are_those_of_the_turns(root):
    world()

    html = part(root, **DAY)

    assert tile(html, "turns")[0] == "12"
    value, words, _ = tile(html, "failed")
    assert value == "16.7 %"
    assert "95 %: 4.7 to 44.8 %" in words
    assert "n = 12 finished turns" in words
    value, words, _ = tile(html, "thumbs")
    assert value == "75.0 %"
    assert "95 %: 30.1 to 95.4 % n = 4 votes 40.0 % of answers rated" in words
    value, words, _ = tile(html, "groundedness")
    assert value == "20.0 %"
    assert "n = 5 judged turns" in words
    assert tile(html, "relevance")[0] == NOTHING
    assert tile(html, "refusals")[0] == "10.0 %"
    assert tile(html, "empty")[0] == "8.3 %"
    assert tile(html, "cost")[0] == "$0.024"
    assert tile(html, "answer_cost")[0] == "$0.0020"
    assert tile(html, "queue")[0] == "0"


def test_each_figure_leads_to_the_turns_that_it_counts(root):
    world()
    html = part(root, "tiles", **DAY)

    numbers = {"turns": 12, "failed": 2, "thumbs": 1, "groundedness": 1, "refusals": 1, "empty": 1, "answer_cost": 10}
    assert {key: listed(root, tile(html, key)[2]) for key in numbers} == numbers


def test_a_point_leads_to_the_turns_of_its_step(root):
    world()

    found = points(part(root, "charts", **DAY), "turns")

    noon = {says.splitlines()[0]: url for says, url in found}["2 Mar, 12:00 to 12:15"]
    assert listed(root, noon) == 10
    assert found[48][0] == "2 Mar, 12:00 to 12:15\nanswered: 7\nrefused: 1\nfailed: 2"
    assert sum(listed(root, url) for says, url in found if "answered" in says) == 12


def test_points_of_a_rate_say_n_and_interval_and_lead_to_what_it_counts(root):
    world()

    says, url = points(part(root, "charts", **DAY), "errors")[48]

    assert says.splitlines()[1] == "failed: 20.0 % (5.7 to 51.0 %), n = 10"
    assert listed(root, url) == 2


def test_of_one_verdict_there_is_a_point_without_an_interval(root):
    """The band of a line ends where its interval is unknown."""
    world()
    last, first = Turn.objects.filter(conversation__origin="USER").order_by("-created_at")[0], Score.objects.first()
    first.pk, first.turn = None, last
    first.save()

    html = part(root, "charts", **DAY)

    says = [lines.splitlines()[1] for lines, _ in points(html, "scores") if "groundedness" in lines.lower()]
    assert says == ["Groundedness: 0.800 (0.408 to 1.000), n = 5", "Groundedness: 1.000, n = 1"]
    (band,) = re.findall(
        r'class="db-band[^"]*" d="([^"]*)"', html[html.index('id="chart-scores"') :].split("</figure>")[0]
    )
    assert band.count("M") == 1


def test_a_line_at_zero_is_named_and_bars_of_nothing_are_not(root):
    """A judge that fails every answer draws a line at 0, which must not be one without a name."""
    world()
    version = JudgeVersion.objects.create(
        judge="relevance_offline", criterion="relevance", version="1", family="offline", fingerprint="r1"
    )
    turn = Turn.objects.filter(origin="USER").order_by("created_at").first()
    Score.objects.create(
        turn=turn, name="relevance", source="JUDGE", judge_version=version, label="NON_RELEVANT", value=0.0
    )
    Turn.objects.filter(status="FAILED").update(status="DONE")

    html = part(root, "charts", **DAY)

    assert named(html, "scores") == ["Relevance", "Groundedness"]
    assert named(html, "turns") == ["answered", "refused"]


def test_changes_are_against_the_time_before(root):
    world()
    for number in range(10):
        ask(NOON - timedelta(days=1, minutes=number), total_seconds=8.0)

    html = part(root, "tiles", **DAY)

    assert "+20 %" in tile(html, "turns")[1]
    assert re.search("−7. %", tile(html, "total")[1])  # noqa: RUF001 # the sign that stands there


def test_a_change_against_next_to_nothing_names_that(root):
    world()
    for number in range(3):
        ask(NOON - timedelta(days=1, minutes=number), total_seconds=8.0)

    html = part(root, "tiles", **DAY)

    assert "before: 3" in tile(html, "turns")[1]
    assert re.search(r"before: [78]\.\d+ s", tile(html, "total")[1])
    assert "before: $0 " in tile(html, "cost")[1]
    assert "%" not in tile(html, "turns")[1]


def called(turn: Turn, cost_usd: str | None) -> None:
    """Give a turn of noon a call of that cost."""
    call = make_call(turn=turn, cost_usd=cost_usd)
    LLMCall.objects.filter(pk=call.pk).update(created_at=NOON)


def test_a_cost_that_is_unknown_is_not_nothing(root):
    for _ in range(3):
        called(ask(cost_usd=None), None)

    html = part(root, **DAY)

    value, words, _ = tile(html, "cost")
    assert value == NOTHING
    assert "3 calls of models 3 calls of unknown cost" in words
    assert "not in it" not in words
    assert tile(html, "answer_cost")[0] == NOTHING
    assert "Answers – 3 of unknown cost 3 3,000 in" in text_of(html)  # noqa: RUF001 # a dash


def test_a_cost_that_is_partly_known_says_how_much_of_it_is_not(root):
    called(ask(cost_usd="0.5"), "0.5")
    called(ask(cost_usd=None), None)

    html = part(root, **DAY)

    value, words, _ = tile(html, "cost")
    assert value == "$0.50"
    assert "1 calls of unknown cost not in it" in words
    assert "Answers $0.50 1 of unknown cost 2" in text_of(html)


def test_refusals_without_a_call_do_not_make_unknown_answers_free(root):
    config = make_config(name="campus")
    for _ in range(50):
        ask(config=config, cost_usd=None)
    for _ in range(3):
        ask(config=config, cost_usd=0, nothing_found=True, hit_count=0)

    html = part(root, **DAY)

    assert "n = 3 of 53 answers" in tile(html, "answer_cost")[1]
    assert re.search(r"campus v1 53 .* \$0 (\$0 to \$0 )?n = 3 of 53 ", text_of(html))


def test_without_calls_nothing_was_spent(root):
    ask(cost_usd=0)

    assert tile(part(root, "tiles", **DAY), "cost")[0] == "$0"


def judged(at, version, *, failing, of, **values):
    """Ask so many questions, each judged by the version; return their turns."""
    turns = [ask(at, **values) for _ in range(of)]
    for number, turn in enumerate(turns):
        make_verdict(turn, version, "UNSUPPORTED" if number < failing else "SUPPORTED")
    return turns


def test_a_judge_is_compared_with_itself_only(root):
    old, new = make_version(), make_version(version="2")
    judged(NOON - timedelta(days=1), old, failing=1, of=30)
    for turn in judged(NOON, new, failing=12, of=30)[:15]:
        make_verdict(turn, old, "SUPPORTED")

    value, words, _ = tile(part(root, "tiles", **DAY), "groundedness")

    assert value == "40.0 %"
    assert "n = 30 judged turns by groundedness_offline" in words
    assert "before: by another judge" in words
    assert "worse" not in words


def test_a_judge_that_judged_less_before_than_another_is_compared_all_the_same(root):
    old, new = make_version(), make_version(version="2")
    for turn in judged(NOON - timedelta(days=1), old, failing=1, of=30)[:20]:
        make_verdict(turn, new, "SUPPORTED")
    judged(NOON, new, failing=12, of=30)

    words = tile(part(root, "tiles", **DAY), "groundedness")[1]

    assert "+40.0 points, worse" in words


def test_rows_of_a_table_are_by_one_judge(root):
    busy, other = make_version(), make_version(judge="groundedness_llm")
    judged(NOON, busy, failing=1, of=10, config=make_config(name="calm"))
    judged(NOON, other, failing=4, of=8, config=make_config(name="wild"))

    words = text_of(part(root, "tables", **DAY))

    assert re.search(r"calm v1 10 0 % [^%]* % n = 10 – 10\.0 % [^%]* % n = 10 ", words)  # noqa: RUF001 # a dash
    assert re.search(r"wild v1 8 0 % [^%]* % n = 8 – – n = 0 ", words)  # noqa: RUF001 # likewise


def test_origins_never_mix(root):
    world()

    assert tile(part(root, "tiles", origin="API", **DAY), "turns")[0] == "1"


@pytest.mark.parametrize("name", ["collection", "config", "model"])
def test_filters_narrow_all_down(root, name):
    world()
    other = ask(model="other/model", collection=make_collection())
    chosen = {"collection": other.collection_id, "config": other.config_id, "model": "other/model"}[name]

    html = part(root, **DAY, **{name: chosen})

    value, _, url = tile(html, "turns")
    assert value == "1"
    assert listed(root, url) == 1
    assert "Handbook" not in html


def test_tables_compare_configs_and_name_what_they_rest_on(root):
    world()

    html = part(root, "tables", **DAY)
    words = text_of(html)

    assert "fast v1 12 16.7 % 4.7 to 44.8 % n = 12 75.0 % 30.1 to 95.4 % n = 4 20.0 %" in words
    assert "Groundedness groundedness_offline · advisory" in words
    assert 'aria-label="0 to 0.1: 1; 0.9 to 1: 4; "' in html
    assert "Answers $0.024 12" in words


def test_cost_of_calls_that_are_all_of_unknown_cost_is_unknown(root):
    call = make_call(turn=ask(NOON, cost_usd=None), cost_usd=None)
    LLMCall.objects.filter(pk=call.pk).update(created_at=NOON)

    html = part(root, **DAY)

    value, words, _ = tile(html, "cost")
    assert value == NOTHING
    assert words == "Cost – 1 calls of models 1 calls of unknown cost"  # noqa: RUF001 # a dash
    assert "No call of known cost in this time." in html


def test_each_chart_is_a_table_and_a_file_too(root):
    world()

    for key in PANELS:
        file = root.get(reverse("dashboard:csv", args=[key]), DAY)
        assert file.headers["Content-Disposition"] == f'attachment; filename="{key}-20260302-0000-20260303-0000.csv"'
        rows = list(csv.DictReader(io.StringIO(file.content.decode())))
        assert len(rows) == 96
        assert rows[48]["from"] == "2026-03-02T12:00:00Z"
        table = root.get(reverse("dashboard:table", args=[key]), DAY).content.decode()
        assert table.count("<tr>") == 97


def test_each_row_of_a_table_leads_to_its_turns(root):
    """Those of no chosen collection and of no model too."""
    world()
    ask(model="", conversation=make_conversation())

    html = part(root, "tables", **DAY)

    found = re.findall(r'<th scope="row"><a [^>]*href="(/admin/chat/turn/[^"]*)">([^<]*)</a>', html)
    assert {name: listed(root, url.replace("&amp;", "&")) for url, name in found if "config=" not in url} == {
        "Handbook": 12,
        "all collections": 1,
        "offline/extractive": 12,
        "(none)": 1,
    }


def test_a_file_leaves_the_unknown_empty(root):
    world()

    rows = list(csv.DictReader(io.StringIO(root.get(reverse("dashboard:csv", args=["errors"]), DAY).content.decode())))

    assert rows[48]["failed_ratio"] == "0.2"
    assert rows[48]["failed_n"] == "10"
    assert (rows[0]["failed_ratio"], rows[0]["failed_n"]) == ("", "0")
