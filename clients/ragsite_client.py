"""A small client of ragsite's REST API: one file without dependencies, to copy into a program. docs/api.md shows it.

ragsite = Ragsite("https://chat.example.com", token="rs_...")
turn = ragsite.ask("How do I start the pump?")
print(turn.answer, [hit.document_title for hit in turn.cited])
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from http.client import HTTPResponse
from typing import Any, Self


class RagsiteError(Exception):
    """What the site refused, or could not do. `code` stays the same for programs, and is "connection" where the site
    was not reached; `errors` names fields; `turn` is the id of a turn without an answer."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('detail', '')} ({problem.get('code', '')})")
        self.status: int = problem.get("status", 0)
        self.code: str = problem.get("code", "")
        self.errors: list[dict[str, str]] = problem.get("errors", [])
        self.turn: int | None = problem.get("turn")


class _Read:
    """A dataclass that takes of a reply what it knows: the site may send more."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{field.name: data.get(field.name) for field in fields(cls)})  # type: ignore[arg-type] # a dataclass


@dataclass(frozen=True, slots=True)
class Hit(_Read):
    """A chunk that was found. `similarity` is None where it was not computed."""

    rank: int
    document: int | None
    document_title: str
    heading_path: str
    text: str
    score: float
    similarity: float | None
    is_cited: bool | None  # None: of a search, which cites nothing


@dataclass(frozen=True, slots=True)
class Turn(_Read):
    """A question with its answer."""

    id: int
    conversation: str
    question: str
    answer: str
    status: str
    model: str
    nothing_found: bool | None
    degraded: str
    total_seconds: float | None
    hits: tuple[Hit, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return super(Turn, cls).read({**data, "hits": tuple(Hit.read(hit) for hit in data["hits"])})

    @property
    def cited(self) -> list[Hit]:
        """The hits that the answer cites."""
        return [hit for hit in self.hits if hit.is_cited]


class Answer:
    """An answer that is being written: iterate over its text; then `turn` is the whole turn."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self.turn: Turn | None = None

    def __iter__(self) -> Iterator[str]:
        with self._response as lines:
            event = ""
            for line in lines:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    event = value
                elif field == "data":
                    data = json.loads(value)
                    if event == "error":
                        raise RagsiteError(data)
                    if event == "done":
                        self.turn = Turn.read(data)
                    elif "text" in data:
                        yield data["text"]


class Ragsite:
    """A site, and the token of a user."""

    def __init__(self, site: str, token: str, *, timeout_seconds: float = 360) -> None:
        self._base, self._token, self._timeout_seconds = f"{site.rstrip('/')}/api/v1/", token, timeout_seconds

    def ask(self, question: str, *, idempotency_key: str = "", **choices: Any) -> Turn:
        """Ask, and wait for the answer. `choices`: conversation, collection, model, search_mode."""
        return Turn.read(self.send("POST", "turns/", {"question": question, **choices}, idempotency_key))

    def stream(self, question: str, **choices: Any) -> Answer:
        """Ask, and read the answer while it is written."""
        return Answer(self._open("POST", "turns/", {"question": question, "stream": True, **choices}))

    def search(self, question: str, **choices: Any) -> list[Hit]:
        """Find chunks. `choices`: mode, collection, limit."""
        return [Hit.read(hit) for hit in self.send("POST", "search/", {"q": question, **choices})["results"]]

    def vote(self, turn: int, value: int, *, reasons: Sequence[str] = (), comment: str = "") -> None:
        """Vote 1 or -1, in place of an earlier vote."""
        self.send("PUT", f"turns/{turn}/feedback/", {"value": value, "reasons": list(reasons), "comment": comment})

    def rows(self, address: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield all rows of a list, such as "turns/", page by page."""
        asked = urllib.parse.urlencode(query)
        while True:
            page = self.send("GET", f"{address}?{asked}")
            yield from page["results"]
            if not page.get("next"):
                return
            # Of the address only what it asks for: the token goes to no other site.
            asked = urllib.parse.urlsplit(page["next"]).query

    def send(self, method: str, address: str, body: Any = None, idempotency_key: str = "") -> Any:
        """Return what any operation of the API replies; None for no content. Raises RagsiteError."""
        with self._open(method, address, body, idempotency_key) as response:
            return json.loads(response.read() or "null")

    def _open(self, method: str, address: str, body: Any = None, idempotency_key: str = "") -> HTTPResponse:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        data = None if body is None else json.dumps(body).encode()
        url = urllib.parse.urljoin(self._base, address)
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 # the site, as it was named
        try:
            response: HTTPResponse = urllib.request.urlopen(request, timeout=self._timeout_seconds)  # noqa: S310 # likewise
        except urllib.error.HTTPError as error:
            with error:
                raise RagsiteError(_problem(error.code, error.read())) from error
        except urllib.error.URLError as error:
            problem = {"status": 0, "code": "connection", "detail": f"{self._base} was not reached: {error.reason}"}
            raise RagsiteError(problem) from error
        return response


def _problem(status: int, body: bytes) -> Mapping[str, Any]:
    """Return the problem of a reply; one of our own where something before the site replied, such as a proxy."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {"status": status, "code": "error", "detail": f"HTTP {status}"}
