"""What lies beyond the policy of its own date is held in suspense; so is what no key checks any more."""

from django.db import migrations, models

# A conflicting purchase (3) shares its counter with the one it contradicts; one that could not be checked (8) proves none.
OUTCOMES = """
ALTER TABLE terminals_tap DROP CONSTRAINT tap_outcome_known;
ALTER TABLE terminals_tap ADD CONSTRAINT tap_outcome_known CHECK (outcome BETWEEN 1 AND 8);
DROP INDEX tap_counter_once;
CREATE UNIQUE INDEX tap_counter_once ON terminals_tap (business_date, card_id, atc) WHERE outcome NOT IN (3, 8);
"""
OUTCOMES_BACK = """
DROP INDEX tap_counter_once;
CREATE UNIQUE INDEX tap_counter_once ON terminals_tap (business_date, card_id, atc) WHERE outcome <> 3;
ALTER TABLE terminals_tap DROP CONSTRAINT tap_outcome_known;
ALTER TABLE terminals_tap ADD CONSTRAINT tap_outcome_known CHECK (outcome BETWEEN 1 AND 4);
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_acceptancepolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
APPEND_ONLY_BACK = "DROP TRIGGER append_only ON terminals_acceptancepolicy"


class Migration(migrations.Migration):
    dependencies = [
        ("terminals", "0009_acceptance_trip"),
    ]

    operations = [
        migrations.CreateModel(
            name="AcceptancePolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("bus", "bus"),
                            ("metro", "metro"),
                            ("hospital", "hospital"),
                            ("pharmacy", "pharmacy"),
                            ("park", "park"),
                            ("shop", "shop"),
                            ("parking", "car park"),
                        ],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                (
                    "purchase_limit_fen",
                    models.PositiveIntegerField(verbose_name="limit for one purchase (fen)"),
                ),
                (
                    "late_days",
                    models.PositiveIntegerField(db_default=30, default=30, verbose_name="late after (days)"),
                ),
                (
                    "hold_over_price",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="amounts that the terminal's tariff of that date cannot come to",
                        verbose_name="hold what is above the tariff",
                    ),
                ),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "acceptance policy",
                "verbose_name_plural": "acceptance policies",
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "valid_from"), name="acceptance_policy_once_per_date"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("late_days__gte", 1),
                            ("purchase_limit_fen__gte", 1),
                            models.Q(("legal_basis", ""), _negated=True),
                        ),
                        name="acceptance_policy_says_what_and_why",
                    ),
                ],
            },
        ),
        migrations.RunSQL(OUTCOMES, OUTCOMES_BACK),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
    ]
