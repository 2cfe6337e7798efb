"""A day of traffic whose figures are known, and the dashboard's pages as tests read them."""

import re
from datetime import UTC, datetime, timedelta

from django.urls import reverse

from chat.models import LLMCall, Turn
from monitoring.models import JudgeVersion, Score
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_feedback,
    make_turn,
    make_user,
)

INDEX = "/admin/"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = {"range": "own", "since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"}


def ask(at: datetime = NOON, **values) -> Turn:
    """Return an answered turn asked at that time."""
    turn = make_turn(**values)
    Turn.objects.filter(pk=turn.pk).update(created_at=at)
    return turn


def world() -> None:
    """Twelve turns of users on one day: ten at noon, of which two failed and one is a refusal, and two later; four
    votes, and a verdict on each of five. And one turn of another origin."""
    config, collection = make_config(name="fast"), make_collection(name="Handbook")
    owner = make_user()
    version = JudgeVersion.objects.create(
        judge="groundedness_offline", criterion="groundedness", version="1", family="offline", fingerprint="g1"
    )
    for number in range(12):
        at = NOON + (timedelta(minutes=number) if number < 10 else timedelta(hours=3))
        failed = number in (3, 4)
        turn = ask(
            at,
            config=config,
            collection=collection,
            conversation=make_conversation(user=owner),
            status="FAILED" if failed else "DONE",
            nothing_found=None if failed else number == 5,
            first_token_seconds=None if failed else 0.5,
            total_seconds=None if failed else 2.0,
            hit_count=0 if number == 5 else 5,
            cited_count=1,
            cost_usd="0.002",
        )
        call = make_call(turn=turn, cost_usd="0.002")
        LLMCall.objects.filter(pk=call.pk).update(created_at=at)
        if number in (0, 1, 2, 6):
            make_feedback(turn=turn, value=-1 if number == 6 else 1)
        if number in (0, 1, 2, 6, 7):
            label, value = ("UNSUPPORTED", 0.0) if number == 7 else ("SUPPORTED", 1.0)
            Score.objects.create(
                turn=turn, name="groundedness", source="JUDGE", judge_version=version, label=label, value=value
            )
    ask(conversation=make_conversation(user=owner, origin="API"), config=config)


def page(client, **parameters) -> str:
    return client.get(INDEX, parameters).content.decode()


def part(client, name: str = "all", **parameters) -> str:
    return client.get(reverse("dashboard:figures", args=[name]), parameters).content.decode()


def tile(html: str, key: str) -> tuple[str, str, str]:
    """Return value, all words, and address of a figure."""
    found = re.search(rf'<li class="db-tile" id="tile-{key}">\s*<a href="([^"]*)".*?</li>', html, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()).replace("\N{NO-BREAK SPACE}", " ")
    value = re.search(r"<strong>([^<]*)</strong>", found[0])[1].replace("\N{NO-BREAK SPACE}", " ")
    return value, words, found[1].replace("&amp;", "&")


def listed(client, url: str) -> int:
    """Return how many turns the list at an address has."""
    return len(client.get(url).context["cl"].result_list)


def points(html: str, chart: str) -> list[tuple[str, str]]:
    """Return what each point of a chart says, and where it leads."""
    figure = re.search(rf'<figure class="db-panel" id="chart-{chart}">.*?</figure>', html, re.DOTALL)[0]
    found = re.findall(r'<a class="db-point" href="([^"]*)"[^>]*><title>([^<]*)</title>', figure)
    return [(says.replace("\N{NO-BREAK SPACE}", " "), url.replace("&amp;", "&")) for url, says in found]


def named(html: str, chart: str) -> list[str]:
    """Return the names in the legend of a chart."""
    figure = re.search(rf'<figure class="db-panel" id="chart-{chart}">.*?</figure>', html, re.DOTALL)[0]
    return re.findall(r"<li><span class=\"db-swatch[^>]*></span>([^<]*)</li>", figure)
