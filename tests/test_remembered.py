"""What a process keeps for a while."""

from chat.services.remembered import Remembered


def test_a_value_is_kept_until_it_is_forgotten(settings):
    settings.REMEMBER_SECONDS = 60
    values = iter([1, 2])
    remembered = Remembered(lambda: next(values))

    assert [remembered(), remembered()] == [1, 1]
    remembered.forget()
    assert remembered() == 2


def test_a_value_that_is_too_old_is_read_anew(settings):
    settings.REMEMBER_SECONDS = 0
    values = iter([1, 2])
    remembered = Remembered(lambda: next(values))

    assert [remembered(), remembered()] == [1, 2]


def test_nothing_is_not_kept(settings):
    settings.REMEMBER_SECONDS = 60
    values = iter([None, 2])
    remembered = Remembered(lambda: next(values))

    assert [remembered(), remembered()] == [None, 2]
