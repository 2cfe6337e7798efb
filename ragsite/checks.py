"""System checks: settings that are each well-formed and together wrong. `manage.py check` and every start run them."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution
from django.utils.module_loading import import_string

from chat.database import THREADS
from chat.exceptions import ConfigurationError
from chat.services.configs import check_model_name

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "testserver", ".localhost"})
SECRET_KEY_MIN_CHARS = 32
CHOICES = frozenset({"model", "search_mode", "collection"})
MAIL_HINT = "Set EMAIL_URL=smtp://user:password@host:587/?tls=True."


@register
def check_models(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DEFAULT_MODEL:
        try:
            check_model_name(settings.DEFAULT_MODEL)
        except ConfigurationError as error:
            hint = "Set the server up (OPENAI_API_KEY, OLLAMA_BASE_URL or LLM_PROVIDERS), or leave the variable empty."
            found.append(Error(f"RAGSITE_DEFAULT_MODEL: {error}", hint=hint, id="ragsite.E001"))
    if settings.CONFIG_PICKER:
        try:
            usable = callable(import_string(settings.CONFIG_PICKER))
        except ImportError:
            usable = False
        if not usable:
            message = f'RAGSITE_CONFIG_PICKER: "{settings.CONFIG_PICKER}" is not a function that can be imported.'
            hint = "Write it as package.module.function, or leave it empty."
            found.append(Error(message, hint=hint, id="ragsite.E002"))
    if unknown := sorted(settings.USER_CHOICES - CHOICES):
        message = f"RAGSITE_USER_CHOICES: unknown {', '.join(unknown)}."
        found.append(Error(message, hint=f"Allowed: {', '.join(sorted(CHOICES))}.", id="ragsite.E003"))
    if settings.LLM_MAX_ATTEMPTS < 1:
        message = f"LLM_MAX_ATTEMPTS is {settings.LLM_MAX_ATTEMPTS}; with less than 1 no model is ever asked."
        found.append(Error(message, hint="Set it to 1 for no second try.", id="ragsite.E004"))
    if settings.LLM_TOTAL_TIMEOUT_SECONDS < settings.LLM_FIRST_TOKEN_TIMEOUT_SECONDS:
        message = "LLM_TOTAL_TIMEOUT_SECONDS is shorter than LLM_FIRST_TOKEN_TIMEOUT_SECONDS."
        hint = "The whole answer takes longer than its first word; raise the total."
        found.append(Error(message, hint=hint, id="ragsite.E005"))
    return found


@register
def check_accounts(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    single_sign_on = {
        "OIDC_SERVER_URL": settings.OIDC_SERVER_URL,
        "OIDC_CLIENT_ID": settings.OIDC_CLIENT_ID,
        "OIDC_CLIENT_SECRET": settings.OIDC_CLIENT_SECRET,
    }
    missing = [name for name, value in single_sign_on.items() if not value]
    if 0 < len(missing) < len(single_sign_on):
        message = f"Single sign-on is set up by half: {', '.join(missing)} missing."
        found.append(Error(message, hint="Set all three variables, or none of them.", id="ragsite.E006"))
    if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory" and _mails_go_to_the_log():
        message = (
            "RAGSITE_EMAIL_VERIFICATION is mandatory while EMAIL_URL is unset: the links to confirm go to the log."
        )
        found.append(Caution(message, hint=MAIL_HINT, id="ragsite.W007"))
    return found


@register
def check_public_site(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What is fine on one's own machine and not where others come in."""
    public = sorted(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if not public:
        return []
    named = ", ".join(public)
    found: list[CheckMessage] = []
    if settings.DEBUG:
        message = f"RAGSITE_DEBUG is on while RAGSITE_ALLOWED_HOSTS names {named}: error pages would show secrets."
        found.append(Error(message, hint="Set RAGSITE_DEBUG=false.", id="ragsite.E008"))
    if not settings.SECURE_COOKIES:
        message = f"RAGSITE_HTTPS is off while RAGSITE_ALLOWED_HOSTS names {named}: passwords travel in the clear."
        hint = "Put a proxy that speaks https in front, let it set X-Forwarded-Proto, and set RAGSITE_HTTPS=true."
        found.append(Caution(message, hint=hint, id="ragsite.W009"))
    if _mails_go_to_the_log():
        message = "EMAIL_URL is unset: mails, such as those to reset a password, go to the log."
        found.append(Caution(message, hint=MAIL_HINT, id="ragsite.W010"))
    return found


@register
def check_telemetry(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for signal in sorted(settings.TELEMETRY_SIGNALS):
        name, own = "OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
        name = own if os.environ.get(own) else name
        url = os.environ.get(name, "")
        if not url.startswith(("http://", "https://")):
            message = f'{name} is "{url}", which is no address that {signal} can be sent to.'
            found.append(Error(message, hint="Write http://host:4318 or https://...", id="ragsite.E017"))
        protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or os.environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL"
        )
        if protocol not in (None, "", "http/protobuf"):
            message = f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; {signal} are sent by http/protobuf all the same."
            hint = "Name the receiver's port for HTTP, usually 4318, and leave the protocol out."
            found.append(Caution(message, hint=hint, id="ragsite.W018"))
    return found


@register
def check_resources(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if len(settings.SECRET_KEY) < SECRET_KEY_MIN_CHARS:
        message = f"RAGSITE_SECRET_KEY has {len(settings.SECRET_KEY)} characters; sessions could be forged."
        hint = f"Use at least {SECRET_KEY_MIN_CHARS} random ones, or leave it empty: one is made in the data folder."
        found.append(Error(message, hint=hint, id="ragsite.E011"))
    needed = THREADS + 2  # those of streaming, and two for ordinary pages
    if 0 < settings.DATABASE_POOL_SIZE < needed:
        message = f"RAGSITE_DATABASE_POOL_SIZE is {settings.DATABASE_POOL_SIZE}: answers would wait for each other."
        found.append(Error(message, hint=f"Set it to {needed} or more, or to 0 for no pool.", id="ragsite.E012"))
    if settings.Q_CLUSTER["retry"] <= settings.Q_CLUSTER["timeout"]:
        message = "Q_CLUSTER: retry is not longer than timeout, so that a slow task would be started twice."
        found.append(Error(message, hint="Raise retry above timeout.", id="ragsite.E013"))
    if settings.Q_CLUSTER["workers"] < 1:
        message = f"RAGSITE_WORKERS is {settings.Q_CLUSTER['workers']}: uploads would never be taken in."
        found.append(Error(message, hint="Set it to 1 or more.", id="ragsite.E014"))
    if settings.REDIS_URL and not find_spec("redis"):
        message = "RAGSITE_REDIS_URL is set, and the Python package redis is not installed."
        hint = "Install it: .venv/bin/pip install -r requirements/prod.txt; or leave the variable empty."
        found.append(Error(message, hint=hint, id="ragsite.E016"))
    wanted: Path = settings.DATA_DIR
    folder = next(path for path in [wanted, *wanted.parents] if path.exists())  # it is made where it is absent
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        message = f"The data folder {wanted} cannot be written to, because of {folder}."
        hint = "Give it to the user that runs ragsite, or name another one by RAGSITE_DATA_DIR."
        found.append(Error(message, hint=hint, id="ragsite.E015"))
    return found


def _mails_go_to_the_log() -> bool:
    return str(settings.EMAIL_BACKEND).endswith("console.EmailBackend")
