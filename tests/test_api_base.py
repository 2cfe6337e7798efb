"""What all operations of the API share: tokens, scopes, problem details, limits, repeated requests, ETags."""

import bz2
import hashlib
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from chat.exceptions import ChatError
from chat.models import ApiToken, ApiUse, Collection, KeptReply
from chat.services.api_use import sweep_api
from chat.services.tokens import make_token, revoke_token
from tests.api_clients import api_client, secret_of
from tests.factories import make_collection, make_conversation, make_turn

pytestmark = pytest.mark.django_db
COLLECTIONS = "/api/v1/collections/"


def assert_problem(response, status, code):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["detail"]
    return body


def test_token_opens_the_api_and_only_its_hash_is_stored(alice):
    secret = secret_of(alice)

    response = api_client().get(COLLECTIONS, headers={"Authorization": f"Bearer {secret}"})

    assert response.status_code == 200
    token = ApiToken.objects.get()
    assert token.secret_sha256 != secret
    assert secret not in str(token.__dict__)
    assert token.last_used_at is not None


def test_anonymous_is_asked_for_a_token():
    response = api_client().get(COLLECTIONS)

    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("ended", ["unknown", "revoked", "expired", "account closed"])
def test_token_that_opens_nothing_is_refused(alice, ended):
    token, secret = make_token(user=alice, name="a program", scopes=["read"])
    if ended == "unknown":
        secret = "rs_unknown"
    elif ended == "revoked":
        revoke_token(token=token)
    elif ended == "expired":
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        alice.is_active = False
        alice.save(update_fields=["is_active"])

    response = api_client().get(COLLECTIONS, headers={"Authorization": f"Bearer {secret}"})

    assert_problem(response, 401, "token_invalid")


def test_session_opens_the_api_and_its_writes_need_csrf(staff):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)

    assert client.get(COLLECTIONS).status_code == 200
    response = client.post(COLLECTIONS, {"name": "By a forged page"}, content_type="application/json")

    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert not Collection.objects.exists()


def test_scope_that_a_token_lacks_is_named(staff):
    response = api_client(staff, ["chat", "read"]).post(COLLECTIONS, {"name": "New"}, format="json")

    assert "admin" in assert_problem(response, 403, "scope_missing")["detail"]


def test_scope_gives_no_permission_that_the_user_lacks(alice):
    response = api_client(alice).post(COLLECTIONS, {"name": "New"}, format="json")

    assert "chat.add_collection" in assert_problem(response, 403, "permission_missing")["detail"]


def test_errors_of_fields_are_named(staff):
    response = api_client(staff).post(COLLECTIONS, {"language": "klingon"}, format="json")

    body = assert_problem(response, 400, "invalid")
    assert {(error["field"], error["code"]) for error in body["errors"]} == {
        ("name", "required"),
        ("language", "invalid_choice"),
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/v1/collections/123456789/", 404, "not_found"),
        ("get", "/api/v1/no-such-thing/", 404, "not_found"),
        ("get", "/api/v1/collections", 404, "not_found"),
        ("put", COLLECTIONS, 405, "method_not_allowed"),
        ("options", COLLECTIONS, 405, "method_not_allowed"),
    ],
)
def test_whatever_is_wrong_is_a_problem(staff, method, path, status, code):
    assert_problem(getattr(api_client(staff), method)(path), status, code)


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"chunk_tokens": NaN}', '{"chunk_tokens": 1e999}', b"\xff"])
def test_body_that_is_no_json_is_a_problem(staff, body):
    client = api_client(staff)

    assert_problem(client.post(COLLECTIONS, body, content_type="application/json"), 400, "parse_error")
    assert_problem(client.post(COLLECTIONS, "name=x", content_type="text/plain"), 415, "unsupported_media_type")


def test_body_that_is_too_large_is_a_problem_and_so_is_one_that_would_unpack_to_more(staff):
    client, packed = api_client(staff), bz2.compress(b'{"name": "New"}')

    assert_problem(client.post(COLLECTIONS, "x" * 6_000_000, content_type="application/json"), 413, "too_large")
    kind = "application/json; charset=bz2_codec"
    assert_problem(client.generic("POST", COLLECTIONS, packed, content_type=kind), 400, "parse_error")


def test_replies_say_how_many_requests_are_left_and_the_next_waits(alice, settings):
    settings.API_REQUESTS_PER_MINUTE = settings.API_REQUESTS_PER_MINUTE | {"read": 2}
    one, other = api_client(alice), api_client(alice)

    first, second, third = one.get(COLLECTIONS), other.get(COLLECTIONS), one.get(COLLECTIONS)

    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert second["RateLimit-Remaining"] == "0"
    assert_problem(third, 429, "throttled")
    assert 1 <= int(third["Retry-After"]) <= 60
    assert ApiUse.objects.get().requests == 3


def test_limit_of_one_user_is_not_another_s(alice, mallory, settings):
    settings.API_REQUESTS_PER_MINUTE = settings.API_REQUESTS_PER_MINUTE | {"read": 1}
    api_client(alice).get(COLLECTIONS)

    assert api_client(mallory).get(COLLECTIONS).status_code == 200


def test_repeated_request_is_done_once(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}

    first = client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)
    second = client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Collection.objects.count() == 1


def test_reply_is_not_kept_but_made_again_of_what_the_request_made(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}
    made = client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers).json()
    assert KeptReply.objects.get().body == made["id"]

    client.patch(f"{COLLECTIONS}{made['id']}/", {"name": "Newer"}, format="json")
    assert client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers).json()["name"] == "Newer"


def test_what_a_request_made_and_was_deleted_is_gone_and_not_made_again(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}
    made = client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers).json()
    client.delete(f"{COLLECTIONS}{made['id']}/")

    again = client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)

    assert "Take a new key" in assert_problem(again, 410, "gone")["detail"]
    assert again["Idempotent-Replayed"] == "true"
    assert not Collection.objects.exists()


def test_whole_reply_that_an_earlier_version_kept_is_not_sent(staff):
    body = {"name": "New"}
    hashed = hashlib.sha256(f"POST {COLLECTIONS}\n{sorted(body.items())!r}".encode()).hexdigest()
    kept = {"user": staff, "key": "key-1", "request_sha256": hashed, "status": 201, "body": {"name": "A secret"}}
    KeptReply.objects.create(**kept)

    again = api_client(staff).post(COLLECTIONS, body, format="json", headers={"Idempotency-Key": "key-1"})

    assert_problem(again, 422, "idempotency_key_reused")
    assert b"A secret" not in again.content


def test_members_in_another_order_are_the_same_request(alice):
    turn = make_turn(conversation=make_conversation(user=alice)).pk
    client, headers = api_client(alice), {"Idempotency-Key": "key-1"}
    body = {"turn": turn, "name": "tone", "value": 1, "metadata": {"a": 1, "b": [{"c": 2, "d": 3}]}}
    other_order = {"metadata": {"b": [{"d": 3, "c": 2}], "a": 1}, "value": 1, "name": "tone", "turn": turn}
    client.post("/api/v1/scores/", body, format="json", headers=headers)

    again = client.post("/api/v1/scores/", other_order, format="json", headers=headers)
    other_list = client.post("/api/v1/scores/", body | {"metadata": {"a": [1, 2]}}, format="json", headers=headers)

    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert_problem(other_list, 422, "idempotency_key_reused")


def test_key_of_another_request_is_refused(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}
    client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)

    response = client.post(COLLECTIONS, {"name": "Another"}, format="json", headers=headers)

    assert_problem(response, 422, "idempotency_key_reused")


def test_request_that_is_being_worked_on_is_not_begun_again(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}
    client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)
    KeptReply.objects.update(status=None)

    assert_problem(client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers), 409, "in_progress")


def test_request_that_died_with_its_process_may_be_sent_again(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}
    client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)
    Collection.objects.all().delete()
    KeptReply.objects.update(status=None, created_at=timezone.now() - timedelta(minutes=6))

    again = client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers)

    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again
    assert Collection.objects.count() == 1


def test_failed_request_may_be_tried_again_under_its_key(staff):
    client, headers = api_client(staff), {"Idempotency-Key": "key-1"}
    client.post(COLLECTIONS, {"name": ""}, format="json", headers=headers)

    assert client.post(COLLECTIONS, {"name": "New"}, format="json", headers=headers).status_code == 201


def test_who_has_it_is_not_sent_it_again(alice):
    make_collection()
    client = api_client(alice)
    etag = client.get(COLLECTIONS)["ETag"]

    again = client.get(COLLECTIONS, headers={"If-None-Match": etag})
    make_collection()
    changed = client.get(COLLECTIONS, headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200


@pytest.mark.parametrize("method", ["get", "head"])
def test_what_is_another_by_now_is_a_problem_for_who_wants_it_as_it_was(alice, method):
    client = api_client(alice)
    etag = client.get(COLLECTIONS)["ETag"]
    send = getattr(client, method)

    refused = send(COLLECTIONS, headers={"If-Match": '"x"'})
    answered = [send(COLLECTIONS, headers={"If-Match": match}) for match in (etag, f'"x", {etag}', "*")]

    assert (refused.status_code, refused["Content-Type"]) == (412, "application/problem+json")
    if method == "get":
        assert_problem(refused, 412, "precondition_failed")
    assert [response.status_code for response in answered] == [200, 200, 200]
    assert send(COLLECTIONS, headers={"If-Match": f"W/{etag}"}).status_code == 412  # compared strongly
    assert send(COLLECTIONS, headers={"If-None-Match": f"W/{etag}"}).status_code == 304
    # there is no time of a change that could be compared
    assert send(COLLECTIONS, headers={"If-Unmodified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"}).status_code == 200


def test_tokens_are_made_by_who_is_signed_in_and_not_by_a_token(alice):
    client = Client()
    client.force_login(alice)
    wanted = {"name": "My script", "scopes": ["chat", "read"]}

    made = client.post("/api/v1/tokens/", wanted, content_type="application/json")
    by_token = api_client(alice).post("/api/v1/tokens/", wanted, format="json")

    assert made.status_code == 201
    assert made.json()["secret"].startswith("rs_")
    assert_problem(by_token, 403, "session_needed")


def test_tokens_of_others_are_neither_seen_nor_revoked(alice, mallory):
    token, _ = make_token(user=alice, name="a program", scopes=["read"])
    client = api_client(mallory)

    assert [one["name"] for one in client.get("/api/v1/tokens/").json()["results"]] == ["tests"]
    assert_problem(client.delete(f"/api/v1/tokens/{token.pk}/"), 404, "not_found")
    assert ApiToken.objects.usable().filter(pk=token.pk).exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "  ", "scopes": ["read"]}, "Name the token"),
        ({"name": "x", "scopes": []}, "none was chosen"),
        ({"name": "x", "scopes": ["read", "all"]}, "all is none"),
        ({"name": "x", "scopes": ["read"], "expires_at": timezone.now() - timedelta(days=1)}, "expired already"),
    ],
)
def test_token_that_cannot_be_is_refused(alice, values, message):
    with pytest.raises(ChatError, match=message):
        make_token(user=alice, **values)


def test_old_counts_and_replies_are_removed(alice):
    old = timezone.now() - timedelta(days=2)
    ApiUse.objects.create(user=alice, scope="read", minute=old, requests=3)
    KeptReply.objects.create(user=alice, key="key-1", request_sha256="0" * 64)
    KeptReply.objects.update(created_at=old)
    KeptReply.objects.create(user=alice, key="key-2", request_sha256="0" * 64)

    assert sweep_api() == 2
    assert KeptReply.objects.get().key == "key-2"


def test_counting_a_request_waits_for_no_disk():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'chat_apiuse'")

        assert cursor.fetchone() == ("u",), "kept in no log, which a commit would wait for"


def test_wrong_address_is_told_to_forms_without_their_token_too(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    assert_problem(client.post("/api/v1/collections/null/"), 404, "not_found")
