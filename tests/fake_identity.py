"""A scripted OpenID Connect provider: who is at the door is a matter of the test.

It speaks real HTTP on a real port: discovery, `/authorize` (sends the browser straight back), `/token` (checks the
client, the code and PKCE; signs with RS256), `/jwks` and `/userinfo`. In a test::

    with FakeIdentity() as identity:
        identity.person["email"] = "ann@example.com"
        identity.claims["aud"] = "another-site"      # in the id_token only
        identity.statuses["/token"] = 500
        identity.stop()                              # nothing listens any more
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "ragsite", "a-secret-that-only-the-two-sites-know"
KEY_ID = "key-1"


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Return the key pair of this name; made once, for it takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class FakeIdentity:
    """The provider, in a thread."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {
            "sub": "1001",
            "email": "ann@example.com",
            "email_verified": True,
            "preferred_username": "ann",
            "name": "Ann Example",
        }
        self.claims: dict[str, Any] = {}  # what differs in the id_token
        self.userinfo: dict[str, Any] = {}  # what differs in userinfo
        self.algorithm = "RS256"
        self.signing_key = "right"  # any other name is a key that /jwks does not have
        self.error = ""  # what /authorize sends back in place of a code
        self.statuses: dict[str, int] = {}  # by path, in place of an answer
        self.missing: tuple[str, ...] = ()  # left out of the discovery document
        self.paths: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        identity = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                identity.answer(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                identity.answer(self, {name: values[0] for name, values in parse_qs(body).items()})

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the port: connections are refused. May be called twice."""
        self._server.shutdown()
        self._server.server_close()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def answer(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.paths.append(parts.path)
        if parts.path in self.statuses:
            self._send(handler, self.statuses[parts.path], {"error": "server_error"})
        elif parts.path == "/authorize":
            handler.send_response(302)
            handler.send_header("Location", self._way_back(query))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif parts.path == "/token":
            self._send(handler, *self._token(form))
        elif parts.path == "/userinfo":
            known = handler.headers["Authorization"] == "Bearer an-access-token"
            self._send(handler, 200 if known else 401, {**self.person, **self.userinfo})
        elif parts.path == "/jwks":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key("right").public_key()))
            self._send(handler, 200, {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]})
        elif parts.path == "/.well-known/openid-configuration":
            self._send(handler, 200, self._discovery())
        else:
            self._send(handler, 404, {"error": "not_found"})

    def _discovery(self) -> dict[str, Any]:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
        }
        return {name: value for name, value in document.items() if name not in self.missing}

    def _way_back(self, query: dict[str, str]) -> str:
        answer = {"state": query["state"]}
        if self.error:
            answer["error"] = self.error
        else:
            answer["code"] = secrets.token_urlsafe()
            self._codes[answer["code"]] = query
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self._codes.pop(form["code"], None)  # a code is good for once
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked.get("code_challenge_method") != "S256"
            or asked["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self._id_token()}

    def _id_token(self) -> str:
        issued = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT_ID, "iat": issued, "exp": issued + 300}
        claims = {**usual, **self.person, **self.claims}
        secret: Any = CLIENT_SECRET if self.algorithm.startswith("HS") else key(self.signing_key)
        if self.algorithm == "none":
            secret = None
        return jwt.encode(claims, secret, self.algorithm, headers={"kid": KEY_ID})

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
