"""System checks find settings that are wrong together, and say what to do."""

import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from chat.rag.config import Provider

# The number of each check, and settings that it must find.
WRONG = {
    "ragsite.E001": {"DEFAULT_MODEL": "nowhere/gpt", "PROVIDERS": {}},
    "ragsite.E002": {"CONFIG_PICKER": "monitoring.no_such.function"},
    "ragsite.E003": {"USER_CHOICES": frozenset({"model", "temperature"})},
    "ragsite.E004": {"LLM_MAX_ATTEMPTS": 0},
    "ragsite.E005": {"LLM_TOTAL_TIMEOUT_SECONDS": 5, "LLM_FIRST_TOKEN_TIMEOUT_SECONDS": 60},
    "ragsite.E006": {"OIDC_SERVER_URL": "https://id.example", "OIDC_CLIENT_ID": "ragsite", "OIDC_CLIENT_SECRET": ""},
    "ragsite.W007": {
        "ACCOUNT_EMAIL_VERIFICATION": "mandatory",
        "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    },
    "ragsite.E008": {"ALLOWED_HOSTS": ["chat.example"], "DEBUG": True, "SECURE_COOKIES": True},
    "ragsite.W009": {"ALLOWED_HOSTS": ["chat.example"], "SECURE_COOKIES": False},
    "ragsite.W010": {
        "ALLOWED_HOSTS": ["chat.example"],
        "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    },
    "ragsite.E011": {"SECRET_KEY": "short"},
    "ragsite.E012": {"DATABASE_POOL_SIZE": 2},
    "ragsite.E013": {"Q_CLUSTER": {"timeout": 600, "retry": 600, "workers": 1}},
    "ragsite.E014": {"Q_CLUSTER": {"timeout": 600, "retry": 700, "workers": 0}},
    "ragsite.E015": {"DATA_DIR": Path(__file__) / "var"},
}


def found() -> dict[str, str]:
    """Our own findings: number to message and hint."""
    return {check.id: f"{check.msg} {check.hint}" for check in run_checks() if (check.id or "").startswith("ragsite.")}


def test_fresh_install_has_nothing_to_find():
    assert found() == {}


@pytest.mark.parametrize("number", WRONG)
def test_wrong_settings_are_found_with_a_hint(number):
    with override_settings(**WRONG[number]):
        messages = found()

    assert number in messages
    assert len(messages[number]) > 60


def test_redis_without_its_package_is_found(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)  # as where it is not installed

    with override_settings(REDIS_URL="redis://localhost:6379/0"):
        message = found()["ragsite.E016"]

    assert "pip install -r requirements/prod.txt" in message


@pytest.mark.parametrize(
    ("variables", "number"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "ragsite.E017"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "grpc://collector:4317"}, "ragsite.E017"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "ragsite.W018",
        ),
    ],
)
def test_telemetry_that_would_reach_nobody_is_found(monkeypatch, variables, number):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with override_settings(TELEMETRY_SIGNALS=frozenset({"traces"})):
        message = found()[number]

    assert "4318" in message


def test_telemetry_to_an_address_is_quiet(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")

    with override_settings(TELEMETRY_SIGNALS=frozenset({"traces", "metrics", "logs"})):
        assert {"ragsite.E017", "ragsite.W018"}.isdisjoint(found())


def test_right_settings_of_a_public_site_are_quiet():
    with override_settings(
        ALLOWED_HOSTS=["chat.example", "localhost"],
        SECURE_COOKIES=True,
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        DEFAULT_MODEL="house/llama",
        PROVIDERS={"house": Provider("house", "http://llm.example/v1")},
        OIDC_SERVER_URL="https://id.example",
        OIDC_CLIENT_ID="ragsite",
        OIDC_CLIENT_SECRET="secret",
        DATABASE_POOL_SIZE=0,
    ):
        assert found() == {}


def test_unknown_model_is_named_with_those_that_are_known():
    with override_settings(
        DEFAULT_MODEL="nowhere/gpt", PROVIDERS={"house": Provider("house", "http://llm.example/v1")}
    ):
        message = found()["ragsite.E001"]

    assert "nowhere" in message
    assert "house" in message
