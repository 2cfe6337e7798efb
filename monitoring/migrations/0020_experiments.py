"""Experiments on live traffic and blind comparisons."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import monitoring.models.experiments
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models


# A reviewer reads experiments and picks in blind comparisons; an operator makes, starts and concludes them.
MODELS = ["experiment", "variant", "guardrail", "pin", "exposure", "experimentlook", "comparison", "preference"]
VIEW = [f"view_{name}" for name in MODELS]
MADE = ["experiment", "variant", "guardrail", "pin", "comparison"]
GROUPS = {
    "reviewer": [*VIEW, "add_preference"],
    "operator": [
        *VIEW,
        "add_preference",
        "run_experiment",
        *(f"{action}_{name}" for name in MADE for action in ("add", "change", "delete")),
    ],
}


def permit(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after the last migration; on a fresh database they do not exist yet.
    app = apps.get_app_config("monitoring")
    app.models_module = True  # or Django takes the historical app for one without models
    create_permissions(app, apps=apps, using=alias, verbosity=0)
    app.models_module = None
    for group, permissions in _groups(apps, alias):
        group.permissions.add(*permissions)


def forbid(apps, schema_editor):
    for group, permissions in _groups(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def _groups(apps, alias):
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        # an administrator may have removed the group; then nobody is to get these permissions
        for group in Group.objects.using(alias).filter(name=name):
            yield (
                group,
                Permission.objects.using(alias).filter(content_type__app_label="monitoring", codename__in=codenames),
            )


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("chat", "0021_fewer_indexes"),
        ("monitoring", "0019_fewer_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Experiment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "hypothesis",
                    models.TextField(help_text="What you expect, and why: written down before anything is known."),
                ),
                (
                    "unit",
                    models.CharField(
                        choices=[("USER", "users"), ("CONVERSATION", "conversations")],
                        default="USER",
                        help_text="What is divided. Users keep their variant everywhere; conversations need fewer people, but one person may meet both.",
                        max_length=12,
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("USER", "User"),
                            ("API", "Api"),
                            ("EVALUATION", "Evaluation"),
                            ("SYNTHETIC", "Synthetic"),
                        ],
                        default="USER",
                        editable=False,
                        help_text="Whose turns count.",
                        max_length=10,
                    ),
                ),
                ("primary_kpi", models.CharField(help_text="The one figure that decides.", max_length=40)),
                (
                    "smallest_effect",
                    models.FloatField(
                        help_text="The smallest difference worth knowing, in the KPI's own unit (0.03: three points of a share). It sets how much traffic is needed.",
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                (
                    "alpha",
                    models.FloatField(
                        default=0.05,
                        help_text="How often an experiment without any difference may be called a win: 0.05 is one in twenty.",
                        validators=[
                            django.core.validators.MinValueValidator(0.001),
                            django.core.validators.MaxValueValidator(0.2),
                        ],
                    ),
                ),
                (
                    "power",
                    models.FloatField(
                        default=0.8,
                        help_text="How surely the smallest effect is to be found, if it is there.",
                        validators=[
                            django.core.validators.MinValueValidator(0.5),
                            django.core.validators.MaxValueValidator(0.99),
                        ],
                    ),
                ),
                (
                    "minimum_days",
                    models.PositiveIntegerField(default=7, help_text="No verdict before: a week has all its days."),
                ),
                (
                    "minimum_units",
                    models.PositiveIntegerField(default=100, help_text="No verdict with fewer in any variant."),
                ),
                (
                    "traffic",
                    models.PositiveIntegerField(
                        default=10000,
                        help_text="Of 10,000 parts of all traffic. What runs at once shares them: nobody is in two experiments.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                    ),
                ),
                (
                    "first_bucket",
                    models.PositiveIntegerField(editable=False, help_text="Given at the start.", null=True),
                ),
                (
                    "is_aa",
                    models.BooleanField(
                        default=False,
                        help_text="Both variants have the same config: a test of the method itself, which should find nothing.",
                        verbose_name="A/A",
                    ),
                ),
                (
                    "stops_on_guardrail",
                    models.BooleanField(
                        default=False,
                        help_text="Stop by itself when a guardrail is surely broken; otherwise it is only said.",
                    ),
                ),
                (
                    "salt",
                    models.CharField(default=monitoring.models.experiments.make_salt, editable=False, max_length=32),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("DRAFT", "draft"),
                            ("RUNNING", "running"),
                            ("STOPPED", "stopped"),
                            ("CONCLUDED", "concluded"),
                        ],
                        default="DRAFT",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField(editable=False, null=True)),
                ("stopped_at", models.DateTimeField(editable=False, null=True)),
                ("stop_reason", models.TextField(blank=True, default="", editable=False)),
                ("concluded_at", models.DateTimeField(editable=False, null=True)),
                ("conclusion", models.TextField(blank=True, default="", editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "collections",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Only conversations on these. None: all.",
                        related_name="+",
                        to="chat.collection",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True, help_text="Only members. None: everybody.", related_name="+", to="auth.group"
                    ),
                ),
                (
                    "justified_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="The evaluation run of the new config, tried offline first.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="experiments",
                        to="monitoring.evaluationrun",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "permissions": [("run_experiment", "Can start, stop and conclude experiments")],
            },
        ),
        migrations.CreateModel(
            name="Comparison",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "is_open_to_users",
                    models.BooleanField(
                        default=False,
                        help_text="Everybody who may chat can pick, not only reviewers; they are shown the address.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("closed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "runs",
                    models.ManyToManyField(
                        help_text="Of the same dataset, with answers.", related_name="+", to="monitoring.evaluationrun"
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="comparisons",
                        to="monitoring.experiment",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                (
                    "share",
                    models.PositiveIntegerField(
                        help_text="Of 10,000 parts of the experiment's traffic.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(9999),
                        ],
                    ),
                ),
                ("is_control", models.BooleanField(default=False)),
                (
                    "config",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="chat.pipelineconfig"
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="variants",
                        to="monitoring.experiment",
                    ),
                ),
            ],
            options={
                "ordering": ["-is_control", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Pin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "experiment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pins",
                        to="monitoring.experiment",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "variant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.variant"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Exposure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("unit_key", models.CharField(help_text="The id of the user or of the conversation.", max_length=40)),
                ("exposed_at", models.DateTimeField(help_text="When that turn was asked.")),
                (
                    "conversation",
                    models.ForeignKey(
                        help_text="The unit, where conversations are divided.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.conversation",
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exposures",
                        to="monitoring.experiment",
                    ),
                ),
                (
                    "turn",
                    models.ForeignKey(
                        help_text="The first one.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="chat.turn",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "variant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exposures", to="monitoring.variant"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="ExperimentLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kpi", models.CharField(max_length=40)),
                ("looked_at", models.DateTimeField()),
                (
                    "units",
                    models.PositiveIntegerField(
                        help_text="Of the variant and the control together, with something to count."
                    ),
                ),
                ("control", models.FloatField(help_text="The figure of the control.", null=True)),
                ("value", models.FloatField(help_text="The figure of the variant.", null=True)),
                ("difference", models.FloatField(help_text="Variant less control.", null=True)),
                ("low", models.FloatField(help_text="Of the interval that holds at all looks.", null=True)),
                ("high", models.FloatField(null=True)),
                ("fixed_low", models.FloatField(help_text="Of the interval that holds if one looks once.", null=True)),
                ("fixed_high", models.FloatField(null=True)),
                (
                    "experiment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="looks",
                        to="monitoring.experiment",
                    ),
                ),
                (
                    "variant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.variant"
                    ),
                ),
            ],
            options={
                "ordering": ["looked_at", "pk"],
            },
        ),
        migrations.AddField(
            model_name="experiment",
            name="winner",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="monitoring.variant",
            ),
        ),
        migrations.CreateModel(
            name="Guardrail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kpi", models.CharField(max_length=40)),
                (
                    "margin",
                    models.FloatField(
                        default=0.0,
                        help_text="How much worse is still all right, in the KPI's own unit.",
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="guardrails",
                        to="monitoring.experiment",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "kpi"), name="monitoring_guardrail_once"),
                    models.CheckConstraint(condition=models.Q(("margin__gte", 0)), name="monitoring_guardrail_margin"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "choice",
                    models.CharField(
                        choices=[
                            ("LEFT", "left"),
                            ("RIGHT", "right"),
                            ("TIE", "equally good"),
                            ("BOTH_BAD", "both bad"),
                        ],
                        max_length=8,
                    ),
                ),
                ("comment", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "comparison",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="preferences",
                        to="monitoring.comparison",
                    ),
                ),
                (
                    "left",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.evaluationitem"
                    ),
                ),
                (
                    "right",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.evaluationitem"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("choice__in", ["LEFT", "RIGHT", "TIE", "BOTH_BAD"])),
                        name="monitoring_preference_choice",
                    ),
                    models.UniqueConstraint(
                        fields=("comparison", "user", "left", "right"), name="monitoring_preference_once"
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="variant",
            constraint=models.UniqueConstraint(fields=("experiment", "name"), name="monitoring_variant_name"),
        ),
        migrations.AddConstraint(
            model_name="variant",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_control", True)), fields=("experiment",), name="monitoring_variant_one_control"
            ),
        ),
        migrations.AddConstraint(
            model_name="variant",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gte", 1), ("share__lt", 10000)), name="monitoring_variant_share"
            ),
        ),
        migrations.AddConstraint(
            model_name="pin",
            constraint=models.UniqueConstraint(fields=("experiment", "user"), name="monitoring_pin_once"),
        ),
        migrations.AddConstraint(
            model_name="exposure",
            constraint=models.UniqueConstraint(fields=("experiment", "unit_key"), name="monitoring_exposure_once"),
        ),
        migrations.AddConstraint(
            model_name="experimentlook",
            constraint=models.UniqueConstraint(
                fields=("experiment", "variant", "kpi", "looked_at"), name="monitoring_experimentlook_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["DRAFT", "RUNNING", "STOPPED", "CONCLUDED"])),
                name="monitoring_experiment_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("unit__in", ["USER", "CONVERSATION"])), name="monitoring_experiment_unit"
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "DRAFT"),
                    models.Q(("first_bucket__isnull", False), ("started_at__isnull", False)),
                    _connector="OR",
                ),
                name="monitoring_experiment_started",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("first_bucket__isnull", True),
                    (
                        "first_bucket__lte",
                        django.db.models.expressions.CombinedExpression(models.Value(10000), "-", models.F("traffic")),
                    ),
                    _connector="OR",
                ),
                name="monitoring_experiment_buckets",
            ),
        ),
        migrations.RunPython(permit, forbid),
    ]
