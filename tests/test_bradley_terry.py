"""Strengths from picks: by hand, what cannot be said, and that one person's picks are not many people's."""

import pytest

from monitoring.statistics.bradley_terry import Pick, rank


def picks(first: str, second: str, wins: int, losses: int = 0, ties: int = 0, person: str | None = None) -> list[Pick]:
    results = ["first"] * wins + ["second"] * losses + ["tie"] * ties
    return [Pick(first, second, result, person or f"person {place}") for place, result in enumerate(results)]


def test_two_that_were_compared():
    ranking = rank(picks("a", "b", wins=300, losses=100))
    chance, low, high = ranking.chance("a", "b")

    # 3 to 1, less the little that the half wins of the prior draw to the middle; the interval is +- 1.966 x 0.0217.
    assert chance == pytest.approx(0.75, abs=0.001)
    assert (low, high) == (pytest.approx(0.7055, abs=0.002), pytest.approx(0.7905, abs=0.002))
    assert [(one.name, one.wins, one.losses, one.ties, one.n) for one in ranking.strengths] == [
        ("a", 300, 100, 0, 400),
        ("b", 100, 300, 0, 400),
    ]
    assert (ranking.picks, ranking.persons, ranking.groups) == (400, 400, 1)
    # Against an average one: half of the way between them, on the scale of log odds.
    assert ranking.strengths[0].value == pytest.approx(3**0.5 / (1 + 3**0.5), abs=0.001)


def test_the_side_does_not_matter():
    one = rank(picks("a", "b", wins=7, losses=2, ties=3))
    other = rank(
        [
            Pick("b", "a", {"first": "second", "second": "first"}.get(pick.result, "tie"), pick.person)
            for pick in picks("a", "b", wins=7, losses=2, ties=3)
        ]
    )

    assert other.chance("a", "b") == pytest.approx(one.chance("a", "b"))
    assert other.strengths == one.strengths


def test_a_tie_is_half_a_win():
    with_ties = rank(picks("a", "b", wins=20, losses=10, ties=20))

    assert with_ties.chance("a", "b")[0] == pytest.approx(rank(picks("a", "b", wins=30, losses=20)).chance("a", "b")[0])


def test_a_circle_is_even():
    ranking = rank(picks("a", "b", wins=10) + picks("b", "c", wins=10) + picks("c", "a", wins=10))

    assert [one.value for one in ranking.strengths] == pytest.approx([0.5, 0.5, 0.5])


def test_others_are_compared_by_way_of_a_third():
    ranking = rank(picks("a", "b", wins=200, losses=100) + picks("b", "c", wins=200, losses=100))
    chance, low, high = ranking.chance("a", "c")

    assert chance == pytest.approx(0.8, abs=0.005)  # 2 x 2 to 1
    # Two differences are less sure than one.
    assert high - low > 0.08


def test_who_never_lost_is_not_infinitely_strong():
    chance, low, high = rank(picks("a", "b", wins=5)).chance("a", "b")

    assert 0.8 < chance < 0.95
    assert low < 0.5 < high  # five picks may be chance, 1 in 16


def test_what_nothing_connects_is_not_compared():
    ranking = rank(picks("a", "b", wins=5, losses=3) + picks("c", "d", wins=5, losses=3))

    assert ranking.groups == 2
    assert ranking.chance("a", "c") is None
    assert ranking.chance("c", "d") is not None
    assert [(one.name, one.group) for one in ranking.strengths] == [("a", 0), ("b", 0), ("c", 1), ("d", 1)]


def test_one_person_is_no_sample_of_people():
    ranking = rank(picks("a", "b", wins=40, losses=10, person="alice"))

    assert ranking.chance("a", "b") == (pytest.approx(0.79, abs=0.01), None, None)
    assert (ranking.strengths[0].low, ranking.strengths[0].high) == (None, None)


def test_picks_of_few_people_say_less_than_as_many_of_many():
    # Six people who each always pick the same one, four of them a.
    opinions = [picks("a", "b", wins=20, person=f"fan {number}") for number in range(4)]
    opinions += [picks("a", "b", wins=0, losses=20, person=f"other {number}") for number in range(2)]

    _, low, high = rank([pick for person in opinions for pick in person]).chance("a", "b")
    _, alone_low, alone_high = rank(picks("a", "b", wins=80, losses=40)).chance("a", "b")

    assert low < 0.5 < high
    assert alone_low > 0.5
    assert high - low > 3 * (alone_high - alone_low)


def test_no_picks_and_a_pick_of_one():
    assert rank([]) is None
    with pytest.raises(ValueError, match="between two"):
        rank([Pick("a", "a", "first", "alice")])
