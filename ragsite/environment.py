"""Parts of the environment that need more than one line to read."""

import os
import secrets
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from environs import Env, EnvError

from chat.rag.config import Provider

OPENAI_BASE_URL = "https://api.openai.com/v1"


def secret_key(data_dir: Path) -> str:
    """Return the key kept in `data_dir`/secret_key; make one at the first start, readable by its owner only."""
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = path.open("x")
        except FileExistsError:
            return path.read_text()
        with descriptor as handle:
            path.chmod(0o600)
            handle.write(secrets.token_urlsafe(50))
    return path.read_text()


def openai_providers(env: Env) -> dict[str, Provider]:
    """Return the model servers that are set up, by name.

    `openai` with OPENAI_API_KEY (or OPENAI_BASE_URL), `ollama` with OLLAMA_BASE_URL, and those of LLM_PROVIDERS:
    entries `name=base-url` or `name=base-url=KEY_VARIABLE`, separated by commas.
    """
    providers: dict[str, Provider] = {}
    key, base_url = env.str("OPENAI_API_KEY", ""), env.str("OPENAI_BASE_URL", "")
    if key or base_url:
        providers["openai"] = Provider("openai", base_url or OPENAI_BASE_URL, key)
    if ollama := env.str("OLLAMA_BASE_URL", ""):
        ollama = ollama.rstrip("/")
        providers["ollama"] = Provider("ollama", ollama if ollama.endswith("/v1") else f"{ollama}/v1")
    entries: list[str] = env.list("LLM_PROVIDERS", [])
    for entry in entries:
        name, separator, rest = entry.strip().partition("=")
        url, _, variable = rest.partition("=")
        if not separator or not name or not url.startswith(("http://", "https://")):
            raise EnvError(
                f'LLM_PROVIDERS: "{entry}" is not of the form name=http://host/v1 or name=http://host/v1=KEY_VARIABLE'
            )
        if name in ("offline", "local"):
            raise EnvError(f'LLM_PROVIDERS: "{name}" is the name of a built-in; choose another one')
        providers[name] = Provider(name, url.rstrip("/"), env.str(variable, "") if variable else "")
    return providers


def networks(entries: Sequence[str], name: str = "RAGSITE_METRICS_NETWORKS") -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks that a variable names: addresses, or ranges such as 10.0.0.0/8."""
    try:
        return tuple(ip_network(entry.strip()) for entry in entries)
    except ValueError as error:
        raise EnvError(f"{name}: {error}; write 10.0.0.5, 10.0.0.0/8 or fd00::/8") from error


def telemetry_signals(env: Env) -> frozenset[str]:
    """Return what is sent by OpenTelemetry, of "traces", "metrics" and "logs": those that a receiver is named for.

    OpenTelemetry's own library reads the variables itself later, of the process's environment only, so that headers out
    of a file (OTEL_EXPORTER_OTLP_HEADERS_FILE) are put there.
    """
    if env.str("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return frozenset()
    if headers := env.str("OTEL_EXPORTER_OTLP_HEADERS", ""):
        os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = headers.strip()
    receiver = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    wanted = set()
    for signal in ("traces", "metrics", "logs"):
        exporters = env.str(f"OTEL_{signal.upper()}_EXPORTER", "") or "otlp"
        own_receiver = env.str(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "")
        if "otlp" in exporters.split(",") and (receiver or own_receiver):
            wanted.add(signal)
    return frozenset(wanted)


def single_sign_on_providers(*, server_url: str, client_id: str, client_secret: str, name: str) -> dict[str, Any]:
    """Return allauth's SOCIALACCOUNT_PROVIDERS: one OpenID Connect provider, or none where there is no `server_url`."""
    if not server_url:
        return {}
    app = {
        "provider_id": "oidc",
        "name": name,
        "client_id": client_id,
        "secret": client_secret,
        "settings": {
            "server_url": server_url.rstrip("/"),  # allauth appends "/.well-known/openid-configuration"
            # Binds the code to the browser that asked for it, as a nonce would (RFC 9700, 2.1.1).
            "oauth_pkce_enabled": True,
        },
    }
    return {"openid_connect": {"APPS": [app]}}
