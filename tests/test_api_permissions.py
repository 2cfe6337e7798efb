"""Who may do what by the API: each address and method, for each kind of user and each scope of a token. The table is
written by hand; an address or a method that is added without a row here fails a test."""

import json
from collections.abc import Iterator

import pytest
from django.db import transaction
from django.urls import get_resolver

from tests.api_clients import api_client
from tests.api_things import make_things
from tests.factories import make_conversation, make_turn
from tests.review_rows import make_member

pytestmark = pytest.mark.django_db

PEOPLE = ("owner", "stranger", "reviewer", "operator", "superuser")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Method, address, scopes of which a token needs one, and what becomes of the request, mostly with an empty body, by who
# asks:
# y: it is done, b: it is let in, and refused for what it says or for how things stand, n: forbidden (403), m: there is
# no such thing for this person (404). The owner is a user without a group, of whom conversation, turn, token and score
# are. Nobody gets in without a token, or signing in.
ROWS = """
GET    /api/v1/me/                                                    chat,read,score,admin  y y y y y
GET    /api/v1/tokens/                                                read       y y y y y
POST   /api/v1/tokens/                                                admin      n n n n n
DELETE /api/v1/tokens/{token}/                                        admin      y m m m m

GET    /api/v1/collections/                                           read       y y y y y
POST   /api/v1/collections/                                           admin      n n n b b
GET    /api/v1/collections/{collection}/                              read       y y y y y
PATCH  /api/v1/collections/{collection}/                              admin      n n n y y
DELETE /api/v1/collections/{collection}/                              admin      n n n y y
GET    /api/v1/documents/                                             read       y y y y y
POST   /api/v1/documents/                                             admin      n n n b b
GET    /api/v1/documents/{document}/                                  read       y y y y y
DELETE /api/v1/documents/{document}/                                  admin      n n n y y
GET    /api/v1/documents/{document}/text/                             read       y y y y y
POST   /api/v1/documents/{document}/retry/                            admin      n n n b b
GET    /api/v1/search/                                                read       b b b b b
POST   /api/v1/search/                                                read       b b b b b

GET    /api/v1/conversations/                                         read,chat  y y y y y
GET    /api/v1/conversations/{conversation}/                          read,chat  y m m m m
PATCH  /api/v1/conversations/{conversation}/                          chat       y m m m m
DELETE /api/v1/conversations/{conversation}/                          chat       y m m m m
GET    /api/v1/conversations/{conversation}/export/                   read,chat  y m m m m
GET    /api/v1/turns/                                                 read,chat  y y y y y
POST   /api/v1/turns/                                                 chat       b b b b b
GET    /api/v1/turns/{turn}/                                          read,chat  y m m m m
GET    /api/v1/turns/{turn}/stream/                                   read,chat  y m m m m
POST   /api/v1/turns/{turn}/stop/                                     chat       y m m m m
POST   /api/v1/turns/{waiting}/retry/                                 chat       b m m m m
POST   /api/v1/turns/{waiting}/edit/                                  chat       b m m m m
GET    /api/v1/turns/{turn}/feedback/                                 read,chat  y m m m m
PUT    /api/v1/turns/{turn}/feedback/                                 chat       y m m m m
DELETE /api/v1/turns/{turn}/feedback/                                 chat       y m m m m
POST   /api/v1/turns/{turn}/signals/                                  chat       y m m m m

GET    /api/v1/models/                                                read,chat  y y y y y
GET    /api/v1/embedders/                                             read       y y y y y
GET    /api/v1/model-prices/                                          read       n n n y y
POST   /api/v1/model-prices/                                          admin      n n n b b
GET    /api/v1/pipeline-configs/                                      read       n n n y y
GET    /api/v1/pipeline-configs/{config}/                             read       n n n y y
PATCH  /api/v1/pipeline-configs/{config}/                             admin      n n n y y
POST   /api/v1/pipeline-configs/{config}/copy/                        admin      n n n y y
POST   /api/v1/pipeline-configs/{config}/default/                     admin      n n n y y

GET    /api/v1/scores/                                                read       y y y y y
POST   /api/v1/scores/                                                score      b b b b b
POST   /api/v1/scores/import/                                         score      b b b b b
GET    /api/v1/scores/export/                                         read       b b b b b
GET    /api/v1/scores/{score}/                                        read       y m y y y
DELETE /api/v1/scores/{score}/                                        score      y m m m m

GET    /api/v1/flags/                                                 read       n n y y y
GET    /api/v1/reviews/                                               read       n n y y y
POST   /api/v1/reviews/next/                                          admin      n n y n y
GET    /api/v1/reviews/{review}/                                      read       n n y y y
POST   /api/v1/reviews/{review}/reservation/                          admin      n n y n y
DELETE /api/v1/reviews/{review}/reservation/                          admin      n n y n y
POST   /api/v1/reviews/{review}/decision/                             admin      n n b n b
POST   /api/v1/reviews/{review}/reopen/                               admin      n n b n b
POST   /api/v1/reviews/{review}/turns/{turn}/dataset-item/            admin      n n b n b

GET    /api/v1/datasets/                                              read       n n y y y
POST   /api/v1/datasets/                                              admin      n n n b b
POST   /api/v1/datasets/import/                                       admin      n n n b b
GET    /api/v1/datasets/{dataset}/                                    read       n n y y y
PATCH  /api/v1/datasets/{dataset}/                                    admin      n n n b b
DELETE /api/v1/datasets/{dataset}/                                    admin      n n n n y
GET    /api/v1/datasets/{dataset}/versions/                           read       n n y y y
GET    /api/v1/datasets/{dataset}/items/                              read       n n y y y
POST   /api/v1/datasets/{dataset}/items/                              admin      n n n b b
GET    /api/v1/datasets/{dataset}/export/                             read       n n y y y
GET    /api/v1/dataset-items/{item}/                                  read       n n y y y
PUT    /api/v1/dataset-items/{item}/                                  admin      n n n b b
DELETE /api/v1/dataset-items/{item}/                                  admin      n n n y y
GET    /api/v1/evaluation-runs/                                       read       n n y y y
POST   /api/v1/evaluation-runs/                                       admin      n n n b b
POST   /api/v1/evaluation-runs/estimate/                              admin      n n n b b
GET    /api/v1/evaluation-runs/compare/                               read       n n b b b
GET    /api/v1/evaluation-runs/{run}/                                 read       n n y y y
POST   /api/v1/evaluation-runs/{run}/cancel/                          admin      n n n b b
POST   /api/v1/evaluation-runs/{run}/resume/                          admin      n n n b b
GET    /api/v1/evaluation-runs/{run}/results/                         read       n n y y y
GET    /api/v1/evaluation-runs/{run}/items/                           read       n n y y y
GET    /api/v1/experiments/                                           read       n n y y y
POST   /api/v1/experiments/                                           admin      n n n b b
GET    /api/v1/experiments/{experiment}/                              read       n n y y y
PATCH  /api/v1/experiments/{experiment}/                              admin      n n n y y
DELETE /api/v1/experiments/{experiment}/                              admin      n n n y y
POST   /api/v1/experiments/{experiment}/copy/                         admin      n n n y y
POST   /api/v1/experiments/{experiment}/start/                        admin      n n n y y
POST   /api/v1/experiments/{experiment}/stop/                         admin      n n n b b
POST   /api/v1/experiments/{experiment}/conclude/                     admin      n n n b b
GET    /api/v1/experiments/{experiment}/results/                      read       n n y y y

GET    /api/v1/reports/                                               read       n n y y y
GET    /api/v1/reports/turns/                                         read       n n y y y
GET    /api/v1/monitoring/turns/                                      read       n n y y y
GET    /api/v1/monitoring/turns/{turn}/                                  read       n n y y y
GET    /api/v1/alerts/                                                read       n n y y y
GET    /api/v1/judge-rules/                                           read       n n y y y
POST   /api/v1/judge-rules/                                           admin      n n n b b
GET    /api/v1/judge-rules/{rule}/                                    read       n n y y y
PATCH  /api/v1/judge-rules/{rule}/                                    admin      n n n y y
DELETE /api/v1/judge-rules/{rule}/                                    admin      n n n y y
GET    /api/v1/judge-versions/                                        read       n n y y y
GET    /api/v1/judge-versions/{version}/                              read       n n y y y

GET    /api/v1/exports/                                               admin      n n n y y
POST   /api/v1/exports/                                               admin      n n n y y
GET    /api/v1/exports/{export}/                                      admin      n n n y y
DELETE /api/v1/exports/{export}/                                      admin      n n n y y
POST   /api/v1/exports/{export}/cancel/                               admin      n n n y y
GET    /api/v1/exports/{export}/file/                                 admin      n n n b b
GET    /api/v1/webhooks/                                              admin      n n n y y
POST   /api/v1/webhooks/                                              admin      n n n b b
GET    /api/v1/webhooks/{webhook}/                                    admin      n n n y y
PATCH  /api/v1/webhooks/{webhook}/                                    admin      n n n y y
DELETE /api/v1/webhooks/{webhook}/                                    admin      n n n y y
POST   /api/v1/webhooks/{webhook}/test/                               admin      n n n b b
POST   /api/v1/webhooks/{webhook}/secret/                             admin      n n n y y
GET    /api/v1/webhooks/{webhook}/deliveries/                         admin      n n n y y
GET    /api/v1/webhooks/{webhook}/deliveries/{delivery}/              admin      n n n y y
POST   /api/v1/webhooks/{webhook}/deliveries/{delivery}/again/        admin      n n n y y

GET    /v1/models                                                     read,chat  y y y y y
GET    /v1/models/ragsite                                             read,chat  y y y y y
POST   /v1/chat/completions                                           chat       b b b b b
POST   /v1/embeddings                                                 read       b b b b b
"""
# Where what is wrong with the body would be said before anything else.
BODIES = {"edit": {"question": "And now?"}, "feedback": {"value": 1}, "signals": {"kind": "COPY"}}
# Open to all: the OpenAPI files. Their pages lead to signing in (test_api_schema.py). The rest is for wrong addresses.
OTHERS = {"api/schema/", "api/schema/v1/", "api/docs/", "api/", "v1/"}

TABLE = [
    (method, path, set(scopes.split(",")), "".join(said))
    for method, path, scopes, *said in map(str.split, filter(None, ROWS.splitlines()))
]


@pytest.fixture
def people(alice, mallory, staff):
    return dict(zip(PEOPLE, (alice, mallory, make_member("reviewer"), make_member("operator"), staff), strict=True))


@pytest.fixture
def things(alice):
    return make_things(alice)


def asked(client, method: str, path: str) -> str:
    """Send the request in a transaction that is taken back; return the letter of what became of it."""
    with transaction.atomic():
        body = "" if method == "GET" else json.dumps(BODIES.get(path.strip("/").rpartition("/")[2], {}))
        response = client.generic(method, path, body, content_type="application/json")
        transaction.set_rollback(True)
    status = response.status_code
    return {401: "a", 403: "n", 404: "m", 405: "x"}.get(status) or (
        "y" if status < 400 else "b" if status < 500 else "!"
    )


def rows(things) -> Iterator[tuple[str, str, set[str], str]]:
    for method, path, scopes, said in TABLE:
        if not path.endswith("/stream/"):  # it gives its connection back, and this transaction with it
            yield method, path.format(**things), scopes, said


@pytest.mark.parametrize("place", range(5), ids=PEOPLE)
def test_each_address_is_for_whom_the_table_says(people, things, place):
    client = api_client(people[PEOPLE[place]])

    wrong = [
        (method, path, said[place], got)
        for method, path, _, said in rows(things)
        if (got := asked(client, method, path)) != said[place]
    ]

    assert wrong == []


def test_nobody_gets_in_without_a_token(things):
    wrong = [(method, path) for method, path, *_ in rows(things) if asked(api_client(), method, path) != "a"]

    assert wrong == []


@pytest.mark.parametrize("scope", ["chat", "read", "score", "admin"])
def test_each_address_needs_the_scope_that_the_table_says(staff, things, scope):
    client = api_client(staff, [scope])

    wrong = [
        (method, path)
        for method, path, scopes, said in rows(things)
        if said[-1] != "n" and (asked(client, method, path) != "n") != (scope in scopes)
    ]

    assert wrong == []


def test_other_methods_are_refused(staff, things):
    client = api_client(staff)
    known = {(method, path.format(**things)) for method, path, *_ in TABLE}

    wrong = [
        (method, path)
        for method in METHODS
        for path in {path for _, path in known}
        if (method, path) not in known and asked(client, method, path) != "x"
    ]

    assert wrong == []


@pytest.mark.django_db(transaction=True)
def test_stream_of_an_answer_is_for_who_asked(alice, mallory, staff):
    path = f"/api/v1/turns/{make_turn(conversation=make_conversation(user=alice)).pk}/stream/"

    statuses = [
        api_client(user, scopes).get(path).status_code
        for user, scopes in [
            (alice, ["read"]),
            (alice, ["chat"]),
            (alice, ["score", "admin"]),
            (mallory, ["read"]),
            (staff, ["read"]),
            (None, ["read"]),
        ]
    ]

    assert statuses == [200, 200, 403, 404, 404, 401]


def test_every_address_and_method_has_a_row(things):
    known = {(method, get_resolver().resolve(path.format(**things)).route) for method, path, *_ in TABLE}

    found = set(_addresses(get_resolver().url_patterns))

    assert {one for one in found if one not in known} == set()
    assert {one for one in known if one not in found} == set()


def _addresses(patterns, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield method and route of each address of the API."""
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from _addresses(pattern.url_patterns, route)
        elif route.startswith(("api/", "v1/")) and route not in OTHERS:
            yield from ((method, route) for method in METHODS if hasattr(pattern.callback.cls, method.lower()))
