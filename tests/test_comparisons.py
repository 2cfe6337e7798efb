"""Blind comparisons: who is shown what, what a pick becomes, and what the pages say."""

from collections import Counter

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from monitoring.exceptions import ComparisonError
from monitoring.experiments.comparing import (
    close_comparison,
    create_comparison,
    next_pair,
    record_preference,
    take_back,
)
from monitoring.experiments.standings import standings
from monitoring.models import Comparison, Preference
from tests.compared_answers import answered_runs, make_comparison
from tests.factories import make_run, make_user

pytestmark = pytest.mark.django_db

ADD = "admin:monitoring_comparison_add"
LIST = "admin:monitoring_comparison_changelist"


def _pick_all(comparison, user, choose=lambda left, right: "LEFT"):
    """Pick until nothing is left; return the pairs in the order in which they were shown."""
    pairs = []
    while (shown := next_pair(comparison=comparison, user=user)).left:
        choice = choose(shown.left, shown.right)
        record_preference(
            comparison=comparison, user=user, left_id=shown.left.pk, right_id=shown.right.pk, choice=choice
        )
        pairs.append((shown.left, shown.right))
    return pairs


def _favour(run):
    return lambda left, right: "LEFT" if left.run_id == run.pk else "RIGHT" if right.run_id == run.pk else "TIE"


def _reviewer(**values):
    user = make_user(**values)
    user.groups.add(Group.objects.get(name="reviewer"))
    return user


# Who is shown what


def test_person_is_shown_each_pair_once_and_both_answer_the_same_question():
    comparison = make_comparison(["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"])

    pairs = _pick_all(comparison, make_user())

    assert len(pairs) == 9
    assert len({frozenset((left.pk, right.pk)) for left, right in pairs}) == 9
    assert all(left.item_id == right.item_id and left.run_id != right.run_id for left, right in pairs)


def test_pairs_of_runs_get_picks_evenly_at_all_times():
    comparison = make_comparison(["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"])

    pairs = _pick_all(comparison, make_user())

    for done in range(1, 10):
        counts = Counter(frozenset((left.run_id, right.run_id)) for left, right in pairs[:done])
        assert max(counts.values()) - (min(counts.values()) if len(counts) == 3 else 0) <= 1


def test_next_person_is_shown_the_question_that_nobody_picked():
    comparison = make_comparison(["a", "b"], ["c", "d"])
    first = next_pair(comparison=comparison, user=(alice := make_user()))
    record_preference(comparison=comparison, user=alice, left_id=first.left.pk, right_id=first.right.pk, choice="TIE")

    shown = next_pair(comparison=comparison, user=make_user())

    assert shown.left.item_id != first.left.item_id


def test_page_that_is_loaded_again_shows_the_same_in_the_same_order(django_assert_num_queries):
    comparison, user = make_comparison(), make_user()
    first = next_pair(comparison=comparison, user=user)

    with django_assert_num_queries(5):
        again = next_pair(comparison=comparison, user=user)

    assert (again.left, again.right, again.done, again.total) == (first.left, first.right, 0, 2)


def test_sides_are_mixed():
    comparison = make_comparison(["a"] * 40, ["b"] * 40)

    lefts = Counter(left.turn.answer for left, _ in _pick_all(comparison, make_user()))

    assert 8 <= lefts["a"] <= 32  # a fair coin misses it in one of 10,000 runs


def test_same_answers_and_forgotten_ones_are_not_shown_but_counted():
    comparison = make_comparison(["same", "b", "c"], ["same", "d", ""])
    runs = list(comparison.runs.order_by("pk"))

    assert next_pair(comparison=comparison, user=make_user()).total == 1
    assert [one.same for one in standings(comparison, runs).met] == [1]


# Picking


def test_second_pick_of_a_pair_changes_nothing():
    comparison, user = make_comparison(), make_user()
    shown = next_pair(comparison=comparison, user=user)
    ids = {"left_id": shown.left.pk, "right_id": shown.right.pk}

    record_preference(comparison=comparison, user=user, choice="LEFT", **ids)
    second = record_preference(comparison=comparison, user=user, choice="RIGHT", **ids)

    assert second is None
    assert Preference.objects.get().choice == "LEFT"


def test_pick_of_what_was_not_shown_is_refused():
    comparison, user = make_comparison(), make_user()
    shown = next_pair(comparison=comparison, user=user)

    with pytest.raises(ComparisonError, match="not what you were shown"):
        record_preference(
            comparison=comparison, user=user, left_id=shown.right.pk, right_id=shown.left.pk, choice="LEFT"
        )
    with pytest.raises(ComparisonError, match='"BOTH" is none of the choices'):
        record_preference(
            comparison=comparison, user=user, left_id=shown.left.pk, right_id=shown.right.pk, choice="BOTH"
        )
    assert not Preference.objects.exists()


def test_last_pick_can_be_taken_back_and_is_asked_again():
    comparison, user = make_comparison(), make_user()
    (*_, last) = _pick_all(comparison, user)

    assert take_back(comparison=comparison, user=user)

    shown = next_pair(comparison=comparison, user=user)
    assert (shown.left, shown.right, shown.done) == (*last, 1)
    assert not take_back(comparison=comparison, user=make_user())


def test_closed_comparison_takes_no_picks():
    comparison, user = make_comparison(), make_user()
    shown = next_pair(comparison=comparison, user=user)
    close_comparison(comparison=comparison)
    comparison.refresh_from_db()

    with pytest.raises(ComparisonError, match="closed"):
        record_preference(
            comparison=comparison, user=user, left_id=shown.left.pk, right_id=shown.right.pk, choice="LEFT"
        )


def test_picks_stay_when_an_account_goes():
    comparison, user = make_comparison(), make_user()
    _pick_all(comparison, user)

    user.delete()

    found = standings(comparison, list(comparison.runs.all()))
    assert (found.ranking.picks, found.accounts_gone) == (2, 2)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (lambda: answered_runs(["a"]), "two runs or more, at most 6; 1 were chosen"),
        (lambda: answered_runs(["a"]) + answered_runs(["b"]), "different datasets"),
        (lambda: [(run := answered_runs(["a"])[0]), make_run(dataset=run.dataset)], "only searched"),
        (lambda: answered_runs(["a"], ["a"]), "the same answers to all"),
        (lambda: answered_runs(["a"], [""]), "no answered question in common"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_with_the_reason(runs, message):
    with pytest.raises(ComparisonError, match=message):
        create_comparison(name="x", runs=runs())
    assert not Comparison.objects.exists()


# What it says


def test_wins_ties_and_strengths_by_hand():
    comparison = make_comparison(["a"] * 4, ["b"] * 4)
    first, second = comparison.runs.order_by("pk")
    choices = iter(["first", "first", "TIE", "BOTH_BAD"] * 2)

    def choose(left, right):
        wanted = next(choices)
        return wanted if wanted != "first" else "LEFT" if left.run_id == first.pk else "RIGHT"

    for _ in range(2):
        _pick_all(comparison, make_user(), choose)
    found = standings(comparison, [first, second])

    (met,) = found.met
    assert (met.first, met.first_won, met.second_won, met.equal, met.both_bad, met.picks) == (first, 4, 0, 2, 2, 8)
    strongest = found.ranking.strengths[0]
    assert (strongest.name, strongest.wins, strongest.losses, strongest.ties) == (str(first.pk), 4, 0, 4)
    assert 0.5 < strongest.value < 1
    assert strongest.low < strongest.value < strongest.high
    assert found.decided == 4


def test_nothing_picked_is_no_ranking():
    comparison = make_comparison()

    found = standings(comparison, list(comparison.runs.all()))

    assert found.ranking is None
    assert found.met[0].chance is None


# The page where people pick


def test_user_picks_where_it_is_open_and_comes_to_the_next(client, alice):
    comparison = make_comparison(is_open_to_users=True)
    client.force_login(alice)
    address = reverse("compare:pick", args=[comparison.pk])
    page = client.get(address)
    shown = page.context["shown"]

    response = client.post(address, {"left": shown.left.pk, "right": shown.right.pk, "choice": "RIGHT"})

    assert response.url == address
    assert Preference.objects.values_list("user", "left", "choice").get() == (alice.pk, shown.left.pk, "RIGHT")
    html = client.get(address).content.decode()
    assert "1 of 2" in html
    assert "Take the last one back" in html


def test_page_does_not_say_what_made_the_answers(client, alice):
    comparison = make_comparison(is_open_to_users=True, name="Secret model against old one")
    client.force_login(alice)

    html = client.get(reverse("compare:pick", args=[comparison.pk])).content.decode()

    assert "Answer A" in html
    assert comparison.name not in html
    for run in comparison.runs.all():
        assert str(run.config) not in html
        assert run.config.name not in html


def test_stranger_gets_404_where_it_is_for_reviewers(client, alice):
    comparison = make_comparison()
    address = reverse("compare:pick", args=[comparison.pk])

    assert client.get(address).url.startswith("/accounts/login/")
    client.force_login(alice)
    assert client.get(address).status_code == 404
    assert client.post(reverse("compare:undo", args=[comparison.pk])).status_code == 404
    client.force_login(_reviewer())
    assert client.get(address).status_code == 200
    assert client.get(reverse("compare:undo", args=[comparison.pk])).status_code == 405


def test_wrong_form_is_said_and_the_pair_shown_again(client, alice):
    comparison = make_comparison(is_open_to_users=True)
    client.force_login(alice)

    response = client.post(reverse("compare:pick", args=[comparison.pk]), {"left": "x"})

    assert response.status_code == 422
    assert "names no two answers and a choice" in response.content.decode()


def test_end_and_closed_comparison_say_so(client, alice):
    comparison = make_comparison(is_open_to_users=True)
    client.force_login(alice)
    address = reverse("compare:pick", args=[comparison.pk])
    _pick_all(comparison, alice)

    assert "You compared 2 pairs of answers." in client.get(address).content.decode()
    client.post(reverse("compare:undo", args=[comparison.pk]))
    assert Preference.objects.count() == 1
    close_comparison(comparison=comparison)
    assert "This comparison is closed" in client.get(address).content.decode()


# The admin


def test_comparison_is_made_in_the_admin_and_its_page_shows_picks(client, staff):
    runs = answered_runs(["a", "b", "c"], ["d", "e", "f"])
    client.force_login(staff)

    made = client.post(reverse(ADD), {"name": "Old or new", "runs": [run.pk for run in runs]})
    comparison = Comparison.objects.get()
    empty = client.get(made.url).content.decode()
    for _ in range(3):
        _pick_all(comparison, make_user(), _favour(runs[0]))
    response = client.get(made.url)
    html = response.content.decode()

    assert made.url == comparison.get_absolute_url()
    assert "Nobody has picked yet" in empty
    assert [row.run for row in response.context["rows"]] == runs
    assert response.context["standings"].met[0].first_won == 9
    assert f"/compare/{comparison.pk}/" in html
    assert "Old or new" in client.get(reverse(LIST)).content.decode()


def test_form_says_why_runs_do_not_fit(client, staff):
    answered_runs(["a"], ["b"])
    others = [answered_runs(["a"])[0], answered_runs(["b"])[0]]
    client.force_login(staff)

    response = client.post(reverse(ADD), {"name": "x", "runs": [run.pk for run in others]})

    assert response.status_code == 422
    assert "different datasets" in response.content.decode()


def test_pages_say_what_is_needed_first(client, staff):
    client.force_login(staff)

    assert "It begins with two evaluation runs" in client.get(reverse(LIST)).content.decode()
    assert "It begins with two evaluation runs" in client.get(reverse(ADD)).content.decode()


@pytest.mark.parametrize(
    ("do", "is_open", "is_closed"), [("users", True, False), ("close", False, True), ("nonsense", False, False)]
)
def test_comparison_is_opened_and_closed_by_operators_and_stands_in_its_history(client, staff, do, is_open, is_closed):
    comparison = make_comparison()
    client.force_login(staff)

    client.post(reverse("admin:monitoring_comparison_do", args=[comparison.pk]), {"do": do})

    comparison.refresh_from_db()
    assert (comparison.is_open_to_users, comparison.closed_at is not None) == (is_open, is_closed)
    history = client.get(reverse("admin:monitoring_comparison_history", args=[comparison.pk])).content.decode()
    assert ("Opened to users." in history, "Closed." in history) == (is_open, is_closed)


def test_reviewer_sees_results_and_changes_nothing(client):
    comparison = make_comparison()
    client.force_login(_reviewer(is_staff=True))

    assert client.get(comparison.get_absolute_url()).status_code == 200
    assert client.get(reverse(ADD)).status_code == 403
    assert client.post(reverse("admin:monitoring_comparison_do", args=[comparison.pk])).status_code == 403
