"""The pages of judges in the admin: who may see them, what they show, what they say without data, at what cost."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from monitoring.judges.versions import current_version, find_judge
from monitoring.models import Flag, JudgeRepeat, ReviewItem
from monitoring.quality.standing import refresh_all
from tests.factories import make_turn, make_user
from tests.quality_rows import label_turns, make_label, make_verdict, make_version

pytestmark = pytest.mark.django_db

LIST = "admin:monitoring_judgeversion_changelist"
GOOD, BAD = "SUPPORTED", "UNSUPPORTED"


@pytest.fixture
def reviewer():
    return _member("reviewer")


@pytest.fixture
def operator():
    return _member("operator")


@pytest.fixture
def seen(client, reviewer):
    """Return a page's text, as a reviewer gets it."""
    client.force_login(reviewer)

    def get(url: str) -> str:
        response = client.get(url)
        assert response.status_code == 200, url
        return response.content.decode()

    return get


def _member(group: str):
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def _page(version, query="") -> str:
    return reverse("admin:monitoring_judgeversion_quality", args=[version.pk]) + query


def _version(**overrides):
    return make_version(**overrides)


@pytest.mark.parametrize("user", ["staff", "operator", "reviewer"])
def test_members_read_all_pages_and_change_nothing(client, request, user):
    version = _version()
    client.force_login(request.getfixturevalue(user))

    assert client.get(reverse(LIST)).status_code == 200
    assert client.get(_page(version)).status_code == 200
    assert client.get(reverse("admin:monitoring_judgeversion_history", args=[version.pk])).status_code == 200
    change = reverse("admin:monitoring_judgeversion_change", args=[version.pk])
    assert client.get(change).url == _page(version)
    assert client.get(reverse("admin:monitoring_judgeversion_add")).status_code == 403
    assert client.get(reverse("admin:monitoring_judgeversion_delete", args=[version.pk])).status_code == 403
    assert client.post(_page(version)).status_code == 405


def test_nobody_else_sees_them(client, alice):
    urls = [reverse(LIST), _page(_version())]

    assert [client.get(url).status_code for url in urls] == [302, 302]
    client.force_login(alice)
    assert [client.get(url).status_code for url in urls] == [302, 302]
    client.force_login(make_user(is_staff=True))
    assert [client.get(url).status_code for url in urls] == [403, 403]


def test_a_version_that_does_not_exist_is_not_found(client, staff):
    client.force_login(staff)

    assert client.get(reverse("admin:monitoring_judgeversion_quality", args=[987654])).status_code == 404


def test_the_list_costs_no_more_for_more_versions(client, reviewer, django_assert_max_num_queries):
    for number in range(6):
        label_turns(_version(version=str(number)), [(GOOD, GOOD), (BAD, BAD)])
    client.force_login(reviewer)
    client.get(reverse(LIST))

    with django_assert_max_num_queries(14):
        text = client.get(reverse(LIST)).content.decode()

    assert text.count("48 more labels, then it is decided") == 6


def test_an_empty_list_says_where_verdicts_come_from(seen):
    assert "No judge has judged yet" in seen(reverse(LIST))


def test_without_labels_a_page_says_no_data_and_what_to_do(seen):
    text = seen(_page(_version()))

    assert "No data" in text
    assert reverse("admin:monitoring_reviewitem_changelist") in text
    assert "50 more labels, then it is decided" in text
    assert "Not measured" in text
    assert "manage.py repeat_judge --judge groundedness_offline" in text


def test_a_page_shows_what_is_known(seen):
    version = current_version(find_judge("groundedness_offline"), "")
    turns = label_turns(version, [(GOOD, GOOD)] * 30 + [(BAD, BAD)] * 25 + [(BAD, GOOD)] * 3 + [(GOOD, BAD)] * 2)
    make_label(turns[0], BAD)  # disputed
    for repetition in (1, 2):
        for turn in turns[:4]:
            JudgeRepeat.objects.create(judge_version=version, turn=turn, repetition=repetition, label=GOOD, value=1.0)
    refresh_all()

    text = seen(_page(version))

    assert "Proven: it may flag on its own" in text
    assert "59 labelled turns, 28 of them failing" in text
    assert "0.893" in text  # sensitivity 25 / 28
    assert "1 turn on which two reviewers disagree is counted apart" in text
    assert "turns with two labels: 1" in text
    assert "Corrected after Rogan and Gladen" in text
    assert text.count("missed</span>") == 3
    assert text.count("false alarm</span>") == 2
    assert text.index("missed</span>") < text.index("false alarm</span>") < text.index(">same</span>")


def test_disagreements_lead_to_the_review_or_the_transcript(seen):
    version = _version()
    reviewed, other = label_turns(version, [(BAD, GOOD), (GOOD, BAD)])
    Flag.objects.create(turn=reviewed, reason=Flag.Reason.THUMBS_DOWN)
    item = ReviewItem.objects.create(conversation=reviewed.conversation, opened_at=reviewed.created_at)

    text = seen(_page(version))

    assert f'href="{item.get_absolute_url()}"' in text
    assert f"#turn-{other.pk}" in text


def test_costs_that_are_unknown_stay_unknown(seen):
    version = _version()
    make_verdict(make_turn(), version, GOOD, cost_usd=Decimal("0.002"), duration_seconds=1.5)
    make_verdict(make_turn(), version, GOOD, cost_usd=None)
    make_verdict(make_turn(), version, "", cost_usd=Decimal("0.004"))
    free = _version()
    make_verdict(make_turn(), free, GOOD)

    text = seen(_page(version))

    assert "$3.0000" in text
    assert "the cost of 1 of 3 is unknown" in text
    assert "1.50 s" in text
    assert "0.333" in text  # failed
    assert "<strong>unknown</strong>" in seen(_page(free))


def test_figures_are_of_one_origin(seen):
    version = _version()
    label_turns(version, [(GOOD, GOOD)] * 3)
    label_turns(version, [(BAD, BAD)] * 5, origin="SYNTHETIC")

    assert "3 labelled turns, 0 of them failing" in seen(_page(version))
    assert "5 labelled turns, 5 of them failing" in seen(_page(version, "?origin=SYNTHETIC"))
    assert "47 more labels" in seen(_page(version, "?origin=SYNTHETIC"))  # the gate looks at live turns


def test_the_plan_takes_a_half_width_and_says_what_is_wrong_with_another(seen):
    version = _version()
    label_turns(version, [(GOOD, GOOD)] * 9 + [(BAD, BAD)] * 4 + [(GOOD, BAD), (BAD, GOOD)])

    wide, narrow = seen(_page(version, "?half_width=0.2")), seen(_page(version, "?half_width=0.05"))
    wrong = seen(_page(version, "?half_width=7"))

    assert wide != narrow
    assert 'value="0.05"' in narrow
    assert "less than or equal to 0.5" in wrong
    assert 'role="alert"' in wrong


def test_a_stale_version_says_what_changed(seen):
    version = _version()

    assert "settings changed since" in seen(_page(version))
    assert "stale" in seen(reverse(LIST))


@pytest.mark.parametrize("criterion", ["answer_similarity", "answer_correctness", "no_such_criterion"])
def test_what_reviewers_do_not_label_has_a_page_too(seen, criterion):
    text = seen(_page(_version(criterion=criterion)))

    assert "Reviewers do not label what it judges" in text


def test_pages_of_turns_with_labels(seen):
    version = _version()
    label_turns(version, [(GOOD, GOOD)] * 25)

    assert "Page 1 of 2" in seen(_page(version))
    assert "Page 2 of 2" in seen(_page(version, "?page=2"))
    assert "Page 2 of 2" in seen(_page(version, "?page=99"))
