"""Tokens of the API: made and revoked by their user, or by an administrator."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from chat.exceptions import ChatError
from chat.models import ApiToken
from chat.models.api import Scope

PREFIX = "rs_"  # tells what it is where somebody finds it, or a scanner of secrets does
USED_EVERY = timedelta(minutes=1)  # `last_used_at` is not written with each request


def make_token(
    *, user: Any, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token; return it and its secret, which cannot be read again. Raises ChatError for what cannot be."""
    name = " ".join(name.split())
    if not name:
        raise ChatError("Name the token, for example after the program that will use it.")
    if not scopes or (unknown := sorted(set(scopes) - set(Scope.values))):
        wrong = f"{', '.join(unknown)} is none" if scopes else "none was chosen"
        raise ChatError(f"A token needs one scope or more of {', '.join(Scope.values)}; {wrong}.")
    if expires_at and expires_at <= timezone.now():
        raise ChatError("The token would have expired already; choose a later time, or none.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name[:100],
        beginning=secret[: len(PREFIX) + 5],
        secret_sha256=sha256_of(secret),
        scopes=[scope for scope in Scope.values if scope in scopes],
        expires_at=expires_at,
    )
    return token, secret


def revoke_token(*, token: ApiToken) -> None:
    """Let a token open nothing any more. It stays in the list, with when it was used last."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def use_token(secret: str) -> ApiToken | None:
    """Return the token of a secret with its user, and note that it was used; None where it opens nothing. One query,
    and another each minute."""
    token = ApiToken.objects.usable().select_related("user").filter(secret_sha256=sha256_of(secret)).first()
    if token is None:
        return None
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now.replace(second=0, microsecond=0))
    return token


def sha256_of(secret: str) -> str:
    """Return what is stored of a secret. It has 256 random bits, so that a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode()).hexdigest()
