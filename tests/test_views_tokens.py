"""The pages of API tokens: one's own in the chat, everybody's in the admin."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from chat.models import ApiToken
from chat.services.tokens import make_token, use_token
from tests.admin_pages import list_of, member, page_of

pytestmark = pytest.mark.django_db
TOKENS = "/tokens/"
WANTED = {"name": "My script", "scopes": ["chat", "read"], "days": "90"}


def page(client, **values) -> str:
    return client.get(TOKENS, values).content.decode()


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def test_who_has_none_reads_what_they_are_for(signed_in):
    html = page(signed_in)

    assert "You have no token in use" in html
    assert reverse("api-docs") in html


def test_new_token_works_and_its_secret_is_shown_once(signed_in, alice):
    response = signed_in.post(TOKENS, WANTED)

    html = response.content.decode()
    secret = html.partition('<code id="secret" tabindex="0">')[2].partition("</code>")[0]
    token = use_token(secret)
    assert token is not None
    assert (token.user, token.name, token.scopes) == (alice, "My script", ["chat", "read"])
    assert 89 <= (token.expires_at - timezone.now()).days <= 90
    assert "no-store" in response["Cache-Control"]
    assert secret not in page(signed_in)
    assert token.beginning in page(signed_in)


def test_token_may_be_without_end(signed_in):
    signed_in.post(TOKENS, {**WANTED, "days": ""})

    assert ApiToken.objects.get().expires_at is None
    assert "Does not expire" in page(signed_in)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": " "}, "This field is required."),
        ({"scopes": []}, "Choose at least one thing that it may do."),
        ({"scopes": ["everything"]}, "Select a valid choice."),
        ({"days": "9999"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(signed_in, values, words):
    response = signed_in.post(TOKENS, WANTED | values)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ApiToken.objects.exists()


def test_list_says_what_each_may_and_when_it_was_used(signed_in, alice, mallory):
    make_token(user=mallory, name="not mine", scopes=["read"])
    token, secret = make_token(user=alice, name="a program", scopes=["score"])
    before = page(signed_in)
    use_token(secret)

    after = page(signed_in)

    assert "Never used" in before
    assert "Last used" in after
    assert "Write scores" in after
    assert f"{token.beginning}…" in after
    assert "not mine" not in after


def test_revoking_asks_first_and_then_the_token_opens_nothing(signed_in, alice):
    token, secret = make_token(user=alice, name="a program", scopes=["read"])
    address = reverse("chat:revoke-token", args=[token.pk])

    question = signed_in.get(address)
    assert use_token(secret) is not None
    answer = signed_in.post(address, follow=True)

    assert "a program" in question.content.decode()
    assert use_token(secret) is None
    assert "“a program” is revoked" in answer.content.decode()
    assert address not in page(signed_in)


def test_expired_token_stands_apart(signed_in, alice):
    make_token(user=alice, name="a program", scopes=["read"])
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))

    html = page(signed_in)

    assert "Revoked or expired" in html
    assert "Expired" in html


def test_name_is_text_and_never_markup(signed_in):
    html = signed_in.post(TOKENS, {**WANTED, "name": "<img src=x>"}).content.decode()

    assert "<img src=x>" not in html
    assert "&lt;img src=x&gt;" in html


def test_superuser_sees_all_tokens_without_secrets_and_revokes_them(client, alice, staff):
    token, secret = make_token(user=alice, name="a program", scopes=["read"])
    client.force_login(staff)

    listed = client.get(list_of("apitoken")).content.decode()
    shown = client.get(page_of(token)).content.decode()
    done = client.post(
        list_of("apitoken"), {"action": "revoke", "_selected_action": [token.pk]}, follow=True
    ).content.decode()

    assert "alice" in listed
    assert token.secret_sha256 not in listed + shown
    assert "Programs that use them are refused" in done
    assert use_token(secret) is None
    assert LogEntry.objects.get().change_message == "Revoked."
    again = client.post(list_of("apitoken"), {"action": "revoke", "_selected_action": [token.pk]}, follow=True)
    assert "These are revoked already." in again.content.decode()


def test_admin_lists_those_that_open_the_api_or_nothing(client, alice, staff):
    make_token(user=alice, name="usable one", scopes=["read"])
    expired, _ = make_token(user=alice, name="expired one", scopes=["read"])
    ApiToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    client.force_login(staff)

    usable = client.get(list_of("apitoken"), {"state": "usable"}).context["cl"].result_list
    closed = client.get(list_of("apitoken"), {"state": "closed"}).context["cl"].result_list

    assert [token.name for token in usable] == ["usable one"]
    assert [token.name for token in closed] == ["expired one"]


@pytest.mark.parametrize("group", ["reviewer", "operator"])
def test_tokens_of_others_are_not_for_groups(client, group):
    client.force_login(member(group))

    assert client.get(list_of("apitoken")).status_code == 403


def test_nobody_deletes_tokens_in_the_admin(client, alice, staff):
    token, _ = make_token(user=alice, name="a program", scopes=["read"])
    client.force_login(staff)

    assert client.post(reverse("admin:chat_apitoken_delete", args=[token.pk])).status_code == 403


def test_superuser_makes_a_token_for_any_account_and_sees_its_secret_once(client, alice, staff):
    client.force_login(staff)
    form = client.get(reverse("admin:chat_apitoken_add"))
    wanted = {"user": alice.pk, "name": "The robot", "scopes": ["chat", "score"]}

    made = client.post(reverse("admin:chat_apitoken_add"), wanted)

    assert form.status_code == 200
    secret = re.search(r"rs_[\w-]{40,}", made.content.decode())[0]
    token = use_token(secret)
    assert (token.user, token.name, token.scopes) == (alice, "The robot", ["chat", "score"])
    assert "no-store" in made["Cache-Control"]
    assert secret not in client.get(list_of("apitoken")).content.decode()
    assert LogEntry.objects.get().object_id == str(token.pk)


def test_token_for_a_closed_account_or_a_time_that_has_passed_is_refused(client, alice, staff):
    client.force_login(staff)
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    wanted = {"user": alice.pk, "name": "x", "scopes": ["read"], "expires_at_0": "2020-01-01", "expires_at_1": "00:00"}

    page = client.post(reverse("admin:chat_apitoken_add"), wanted).content.decode()

    assert "This account is closed" in page
    assert "It would have expired already" in page
    assert not ApiToken.objects.exists()


def test_who_may_see_tokens_may_not_make_them_for_others(client, alice):
    watcher = member("operator")
    watcher.user_permissions.add(*Permission.objects.filter(codename__in=["view_apitoken", "add_apitoken"]))
    client.force_login(watcher)

    assert client.get(list_of("apitoken")).status_code == 200
    assert client.get(reverse("admin:chat_apitoken_add")).status_code == 403
