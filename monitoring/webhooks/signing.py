"""Secrets and signatures, as the Standard Webhooks specification says (standardwebhooks.com, version 1.0.0).

A signature needs the secret itself, so that no hash of it can be kept: it is stored encrypted, by a key derived from
the site's RAGSITE_SECRET_KEY. A copy of the database alone reveals nothing.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

from monitoring.exceptions import UnreadableSecretError

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification wants 24 to 64
SALT = "monitoring.webhooks.signing"


def make_secret() -> str:
    """Return a new secret, as its receiver is given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def encrypt(secret: str) -> str:
    """Return what is stored of a secret."""
    return _cipher().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """Return a stored secret. Raises UnreadableSecretError where the site's key was another one then."""
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise UnreadableSecretError(
            "The secret cannot be read: RAGSITE_SECRET_KEY is another one than when the secret was made. Make a new"
            " secret and give it to the receiver."
        ) from error


def headers(*, event_id: str, body: bytes, at: datetime, keys: list[str]) -> Mapping[str, str]:
    """Return the three headers of a request, with a signature by each secret; receivers take any that fits."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(key, f"{event_id}.{timestamp}.".encode() + body) for key in keys),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _cipher() -> MultiFernet:
    """Encrypts by the site's key, and reads what former ones (SECRET_KEY_FALLBACKS) encrypted too."""
    return MultiFernet([Fernet(_derived(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derived(key: str | bytes) -> bytes:
    return base64.urlsafe_b64encode(salted_hmac(SALT, "", secret=key, algorithm="sha256").digest())
