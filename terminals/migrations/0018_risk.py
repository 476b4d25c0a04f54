"""Appeals against the hot list, who listed a card, and trading hours."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_appealpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_tradinghours
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON terminals_tradinghours;
DROP TRIGGER append_only ON terminals_appealpolicy;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_risk"),
        ("terminals", "0017_online_purchase"),
    ]

    operations = [
        migrations.AddField(
            model_name="hotlistentry",
            name="listed_by",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=100, verbose_name="listed by"
            ),
        ),
        migrations.CreateModel(
            name="AppealPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(unique=True, verbose_name="valid from")),
                ("decide_days", models.PositiveSmallIntegerField(verbose_name="days to decide")),
                ("compensation_fen", models.BigIntegerField(verbose_name="compensation (fen)")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "appeal policy",
                "verbose_name_plural": "appeal policies",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("compensation_fen__gte", 0), models.Q(("legal_basis", ""), _negated=True)
                        ),
                        name="appeal_policy_says_what_and_why",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HotListAppeal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True, verbose_name="tracking number")),
                (
                    "statement",
                    models.CharField(blank=True, max_length=500, verbose_name="what the holder says"),
                ),
                ("filed_at", models.DateTimeField(verbose_name="filed at")),
                ("due_on", models.DateField(verbose_name="decided by (date)")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("open", "to be decided"), ("granted", "granted"), ("refused", "refused")],
                        default="open",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "decided_by",
                    models.CharField(blank=True, default="", max_length=100, verbose_name="decided by"),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided at")),
                (
                    "decision_reason",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="reason of the decision"
                    ),
                ),
                (
                    "citizen",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeals",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
                (
                    "compensation",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.compensation",
                        verbose_name="compensation",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeals",
                        to="terminals.hotlistentry",
                        verbose_name="hot list entry",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="terminals.appealpolicy",
                        verbose_name="policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "appeal",
                "verbose_name_plural": "appeals",
                "permissions": [("decide_hotlistappeal", "Decide appeals against the hot list")],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("entry",), name="one_appeal_per_entry"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at", None),
                                ("decided_by", ""),
                                ("decision_reason", ""),
                                ("state", "open"),
                            ),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("state__in", ["granted", "refused"]),
                                models.Q(("decided_by", ""), _negated=True),
                                models.Q(("decision_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="appeal_decided_by_somebody_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("compensation", None), ("state", "granted"), _connector="OR"),
                        name="appeal_compensated_when_granted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TradingHours",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("opens", models.TimeField(verbose_name="opens")),
                ("closes", models.TimeField(verbose_name="closes")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hours",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "trading hours",
                "verbose_name_plural": "trading hours",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "valid_from"), name="trading_hours_once_per_date"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis", ""), _negated=True), name="trading_hours_say_why"
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
    ]
