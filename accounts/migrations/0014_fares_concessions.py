"""Concessions with proof and validity, of which only the withdrawal is ever added; top-ups that give fares back."""

import datetime

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

STAYS = """
CREATE FUNCTION accounts_concession_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL
        AND to_jsonb(NEW) - '{withdrawn_on,withdrawn_at,withdrawn_by,withdrawn_reason}'::text[]
            = to_jsonb(OLD) - '{withdrawn_on,withdrawn_at,withdrawn_by,withdrawn_reason}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a concession does not change; it may be withdrawn once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'concession_stays';
END $$;
CREATE TRIGGER concession_stays BEFORE UPDATE ON accounts_concession
    FOR EACH ROW EXECUTE FUNCTION accounts_concession_stays();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON accounts_concession
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
STAYS_BACK = """
DROP TRIGGER never_removed ON accounts_concession;
DROP TRIGGER concession_stays ON accounts_concession;
DROP FUNCTION accounts_concession_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_acceptance_test_cards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Concession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("category", models.CharField(max_length=64, verbose_name="category")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("valid_until", models.DateField(verbose_name="valid until")),
                ("proof", models.CharField(max_length=100, verbose_name="proof")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                ("checked_by", models.CharField(max_length=100, verbose_name="checked by")),
                (
                    "granted_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="granted at",
                    ),
                ),
                ("withdrawn_on", models.DateField(blank=True, null=True, verbose_name="withdrawn from")),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True, verbose_name="withdrawn at")),
                (
                    "withdrawn_by",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100, verbose_name="withdrawn by"
                    ),
                ),
                (
                    "withdrawn_reason",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="reason"
                    ),
                ),
                (
                    "card",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="concessions",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                (
                    "citizen",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="concessions",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
                (
                    "renews",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="renewal",
                        to="accounts.concession",
                        verbose_name="renews",
                    ),
                ),
            ],
            options={
                "verbose_name": "concession",
                "verbose_name_plural": "concessions",
                "permissions": [("grant_concession", "Grant, renew and withdraw concessions")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("card__isnull", False), ("citizen", None)),
                            models.Q(("card", None), ("citizen__isnull", False)),
                            _connector="OR",
                        ),
                        name="concession_of_a_person_or_a_card",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until__gte", models.F("valid_from")),
                            (
                                "valid_until__lt",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("valid_from"), "+", models.Value(datetime.timedelta(days=366))
                                ),
                            ),
                        ),
                        name="concession_checked_within_a_year",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("withdrawn_at", None),
                                ("withdrawn_by", ""),
                                ("withdrawn_on", None),
                                ("withdrawn_reason", ""),
                            ),
                            models.Q(
                                ("withdrawn_at__isnull", False),
                                ("withdrawn_on__isnull", False),
                                models.Q(("withdrawn_by", ""), _negated=True),
                                models.Q(("withdrawn_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="concession_withdrawn_by_somebody_for_a_reason",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("withdrawn_at", None)),
                        expressions=[
                            ("citizen", "="),
                            ("category", "="),
                            (
                                models.Func(
                                    "valid_from",
                                    "valid_until",
                                    django.contrib.postgres.fields.ranges.RangeBoundary(inclusive_upper=True),
                                    function="daterange",
                                    output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="one_concession_at_a_time_of_a_citizen",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("withdrawn_at", None)),
                        expressions=[
                            ("card", "="),
                            ("category", "="),
                            (
                                models.Func(
                                    "valid_from",
                                    "valid_until",
                                    django.contrib.postgres.fields.ranges.RangeBoundary(inclusive_upper=True),
                                    function="daterange",
                                    output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="one_concession_at_a_time_of_a_card",
                    ),
                ],
            },
        ),
        migrations.RunSQL(STAYS, STAYS_BACK),
        migrations.RemoveConstraint(
            model_name="topuporder",
            name="topup_names_its_party",
        ),
        migrations.AlterField(
            model_name="topuporder",
            name="channel",
            field=models.CharField(
                choices=[
                    ("cash", "cash at the counter"),
                    ("agent", "agent"),
                    ("kiosk", "kiosk"),
                    ("gateway", "payment gateway"),
                    ("mandate", "direct debit"),
                    ("subsidy", "subsidy"),
                    ("repair", "fare given back"),
                ],
                max_length=10,
                verbose_name="channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="topuporder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("channel__in", ["agent", "kiosk", "subsidy", "repair"]), ("party__gt", "")),
                    models.Q(("channel__in", ["cash", "gateway", "mandate"]), ("party", "")),
                    _connector="OR",
                ),
                name="topup_names_its_party",
            ),
        ),
    ]
