"""Every page of the chat: the wrong method is refused, the anonymous are sent to sign in, strangers see nothing."""

import pytest
from django.urls import reverse

from chat.services.tokens import make_token
from tests.factories import make_conversation, make_document, make_turn

pytestmark = pytest.mark.django_db

# name, what its address names, methods that it answers
VIEWS = [
    ("home", "", {"get"}),
    ("conversations", "", {"get"}),
    ("create-conversation", "", {"post"}),
    ("conversation", "conversation", {"get"}),
    ("create-turn", "conversation", {"post"}),
    ("newer-turns", "conversation", {"get"}),
    ("rename-conversation", "conversation", {"post"}),
    ("delete-conversation", "conversation", {"get", "post"}),
    ("export-conversation", "conversation", {"get"}),
    ("conversation-choices", "conversation", {"post"}),
    ("turn", "turn", {"get"}),
    ("turn-stream", "turn", {"get"}),
    ("stop-turn", "turn", {"post"}),
    ("regenerate-turn", "turn", {"post"}),
    ("edit-turn", "turn", {"post"}),
    ("turn-feedback", "turn", {"post"}),
    ("turn-signal", "turn", {"post"}),
    ("document", "document", {"get"}),
    ("tokens", "", {"get", "post"}),
    ("revoke-token", "token", {"get", "post"}),
]
OWNED = [(name, kind, methods) for name, kind, methods in VIEWS if kind in ("conversation", "turn", "token")]


@pytest.fixture
def address(alice):
    """A function from a view's name to its address, for things of alice's."""
    turn = make_turn(conversation=make_conversation(user=alice))
    keys = {"conversation": [turn.conversation_id], "turn": [turn.pk], "document": [make_document().pk], "": []}
    keys["token"] = [make_token(user=alice, name="a program", scopes=["read"])[0].pk]
    return lambda name, kind: reverse(f"chat:{name}", args=keys[kind])


@pytest.mark.parametrize(("name", "kind", "methods"), VIEWS)
def test_the_wrong_method_is_refused(client, alice, address, name, kind, methods):
    client.force_login(alice)

    for method in {"get", "post", "put", "delete"} - methods:
        assert getattr(client, method)(address(name, kind)).status_code == 405


@pytest.mark.parametrize(("name", "kind", "methods"), VIEWS)
def test_the_anonymous_are_sent_to_sign_in(client, address, name, kind, methods):
    for method in methods:
        response = getattr(client, method)(address(name, kind))

        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(("name", "kind", "methods"), [view for view in OWNED if view[0] != "turn-stream"])
def test_strangers_get_404(client, mallory, staff, address, name, kind, methods):
    for stranger in (mallory, staff):  # staff read conversations in the admin, not here
        client.force_login(stranger)
        for method in methods:
            assert getattr(client, method)(address(name, kind)).status_code == 404


def test_pages_allow_only_scripts_and_styles_of_their_own(client, alice):
    client.force_login(alice)

    response = client.get(reverse("chat:home"))

    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    html = response.content.decode()
    assert " style=" not in html
    assert " onclick=" not in html
    assert "https://" not in html
