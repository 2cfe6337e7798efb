"""The page of a document, where a citation leads."""

import pytest
from django.urls import reverse

from chat.models import Document, ImplicitSignal
from tests.factories import make_conversation, make_document, make_hit, make_turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def document():
    return make_document(("Seven backups are kept.", "Try a restore once a month."), title="Operations")


@pytest.fixture
def page(client, alice):
    """A client signed in as alice."""
    client.force_login(alice)
    return client


def test_the_cited_chunk_is_highlighted(page, document):
    chunk = document.chunks.get(position=1)

    html = page.get(document.get_absolute_url(), {"chunk": chunk.pk}).content.decode()

    assert f'<p class="cited" id="chunk-{chunk.pk}">Try a restore once a month.</p>' in html
    assert "<p>Seven backups are kept.</p>" in html


def test_a_document_is_shown_without_a_chunk_too(page, document):
    for chunk in ("", "x", "99999999", "9" * 30):
        response = page.get(document.get_absolute_url(), {"chunk": chunk})

        assert response.status_code == 200
        assert "cited" not in response.content.decode()


def test_a_chunk_of_another_document_is_not_highlighted(page, document):
    other = make_document().chunks.get()

    assert f"chunk-{other.pk}" not in page.get(document.get_absolute_url(), {"chunk": other.pk}).content.decode()


def test_opening_a_source_is_noted_and_leads_back(page, alice, document):
    turn = make_turn(conversation=make_conversation(user=alice))
    make_hit(turn=turn, chunk=document.chunks.get(position=0))

    html = page.get(document.get_absolute_url(), {"turn": turn.pk}).content.decode()

    assert f'href="{turn.get_absolute_url()}"' in html
    assert ImplicitSignal.objects.get(turn=turn, user=alice).kind == ImplicitSignal.Kind.OPEN_SOURCE


def test_a_strangers_turn_is_neither_shown_nor_noted(page, mallory, document):
    turn = make_turn(conversation=make_conversation(user=mallory))
    make_hit(turn=turn, chunk=document.chunks.get(position=0))

    html = page.get(document.get_absolute_url(), {"turn": turn.pk}).content.decode()

    assert turn.get_absolute_url() not in html
    assert not ImplicitSignal.objects.exists()


@pytest.mark.parametrize("status", [Document.Status.QUEUED, Document.Status.FAILED])
def test_a_document_that_is_not_ready_is_for_staff(client, page, staff, status):
    document = make_document((), status=status, error="The file is empty.")
    assert page.get(document.get_absolute_url()).status_code == 404
    client.force_login(staff)

    html = client.get(document.get_absolute_url()).content.decode()

    assert "The file is empty." in html


def test_a_document_that_does_not_exist_is_404(page):
    response = page.get(reverse("chat:document", args=[99999]))

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_what_a_document_holds_cannot_run(page):
    document = make_document(("<script>alert(1)</script>",), title="<script>alert(2)</script>")

    assert "<script>alert" not in page.get(document.get_absolute_url()).content.decode()
