"""What the API stores of its own: tokens, how many requests a user sent this minute, and what a request made that may
be sent again."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token may be used for. A token never allows more than its user may do."""

    CHAT = "chat", "Ask, vote, and work with one's own conversations"
    READ = "read", "Read and search what its user may see"
    SCORE = "score", "Write scores"
    ADMIN = "admin", "Change what its user may change in the admin"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> "ApiTokenQuerySet":
        """Those that open the API: not revoked, not expired, of a user who may sign in."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None, user__is_active=True)


class ApiToken(models.Model):
    """A secret by which a program acts for a user. Only its hash is stored: the secret is shown once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What it is for, such as the program that uses it.")
    beginning = models.CharField(max_length=12, editable=False, help_text="Of the secret, to tell tokens apart.")
    secret_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it does not.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute. Empty: never used.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="chat_apitoken_scopes",
                condition=Q(scopes__contained_by=["chat", "read", "score", "admin"]) & ~Q(scopes=[]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"

    @property
    def scope_labels(self) -> list[str]:
        """What it may be used for, in words."""
        return [str(Scope(scope).label) for scope in self.scopes]

    @property
    def is_usable(self) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class ApiUse(models.Model):
    """How many requests of a scope a user sent in a minute. Kept for a few minutes only."""

    pk = models.CompositePrimaryKey("user_id", "scope", "minute")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    scope = models.CharField(max_length=10, choices=Scope)
    minute = models.DateTimeField()
    requests = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.requests} {self.scope} at {self.minute:%H:%M}"


class KeptReplyQuerySet(models.QuerySet["KeptReply"]):
    def of(self, user: Any, key: str) -> "KeptReplyQuerySet":
        return self.filter(user_id=user.pk, key=key)


class KeptReply(models.Model):
    """What a request that carried an `Idempotency-Key` made: the same request, sent again, is replied to with that."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64, help_text="Of method, address and body.")
    status = models.PositiveSmallIntegerField(null=True, help_text="Empty: it is being worked on.")
    body = models.JSONField(null=True)  # ids of what was made, never texts: they would outlive their deletion
    created_at = models.DateTimeField(auto_now_add=True)

    objects = KeptReplyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "kept replies"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="chat_keptreply_once")]
        indexes = [
            # those that are too old
            models.Index(fields=["created_at"], name="chat_keptreply_created"),
        ]

    def __str__(self) -> str:
        return self.key
