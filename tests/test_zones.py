"""Time zones by the names that browsers, Python and the database server have for them."""

import pytest

from monitoring.dashboard.zones import known_name, zone_named


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("Asia/Calcutta", {"Asia/Calcutta", "Asia/Kolkata"}, "Asia/Calcutta"),
        ("Asia/Calcutta", {"Asia/Kolkata", "Asia/Tokyo"}, "Asia/Kolkata"),
        ("Europe/Kyiv", {"Europe/Kiev", "Europe/Paris"}, "Europe/Kiev"),
        ("US/Eastern", {"Europe/Paris"}, None),
        ("Mars/Olympus", {"Europe/Paris"}, None),
        ("", {"Europe/Paris"}, None),
    ],
)
def test_zone_is_found_by_its_other_names(name, known, found):
    assert known_name(name, known) == found


@pytest.mark.django_db
def test_zones_are_those_of_the_server():
    assert str(zone_named("Europe/Paris")) == "Europe/Paris"
    assert zone_named("Europe/Atlantis") is None
