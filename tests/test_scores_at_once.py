"""Two programs of one user send the same score at the same moment: both are answered, and it is stored once."""

import threading

import pytest
from django.db import connection, transaction

from monitoring.models import Score
from monitoring.scoring.writing import ScoreDraft, write_score
from tests.factories import make_conversation, make_turn

# Somebody waits for the end of our transaction.
WAITING_SQL = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
SECONDS, PAUSE = 20, 0.02


@pytest.mark.django_db(transaction=True)
def test_same_score_at_the_same_moment_is_stored_once(alice):
    turn = make_turn(conversation=make_conversation(user=alice))
    results = []

    def send_another():
        results.append(write_score(draft=ScoreDraft("helpful", turn_id=turn.pk, value=1.0), author=alice))
        connection.close()

    other = threading.Thread(target=send_another)
    with transaction.atomic():
        first, _ = write_score(draft=ScoreDraft("helpful", turn_id=turn.pk, value=0.0), author=alice)
        other.start()
        _wait_until_it_waits()
    other.join()

    [(second, is_new)] = results
    assert (second.pk, is_new) == (first.pk, False)
    assert Score.objects.get().value == 1.0


def _wait_until_it_waits():
    """Return when the other's row waits for ours to be committed or not."""
    pause = threading.Event()
    for _ in range(int(SECONDS / PAUSE)):
        with connection.cursor() as cursor:
            cursor.execute(WAITING_SQL)
            if cursor.fetchone()[0]:
                return
        pause.wait(PAUSE)
    pytest.fail("The other has not come so far.")
