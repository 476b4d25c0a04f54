"""Risk rules with their parameters, alerts, compensation notes."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

# An alert's facts are evidence: only its review may be written, and only once.
KEPT = """
CREATE FUNCTION accounts_refuse_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'risk alert % stays as it is', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'risk_alert_facts_stay';
END $$;
CREATE TRIGGER one_way BEFORE UPDATE ON accounts_riskalert FOR EACH ROW
    WHEN (OLD.state <> 'open' OR to_jsonb(NEW) - '{state,reviewed_by,reviewed_at,review_reason}'::text[]
        <> to_jsonb(OLD) - '{state,reviewed_by,reviewed_at,review_reason}'::text[])
    EXECUTE FUNCTION accounts_refuse_alert();
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON accounts_riskalert
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_riskparameters
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
KEPT_BACK = """
DROP TRIGGER append_only ON accounts_riskparameters;
DROP TRIGGER kept ON accounts_riskalert;
DROP TRIGGER one_way ON accounts_riskalert;
DROP FUNCTION accounts_refuse_alert();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0014_fares_concessions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="cardflag",
            name="kind",
            field=models.CharField(
                choices=[("tampered", "chip tampered with"), ("risk", "risk alert confirmed")],
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="ledgeraccount",
            name="chart",
            field=models.CharField(
                choices=[
                    ("1001", "reserve bank deposit"),
                    ("1011", "counter cash"),
                    ("1012", "payment gateway receivable"),
                    ("1013", "agent receivable"),
                    ("1014", "kiosk cash"),
                    ("1015", "direct debit receivable"),
                    ("1221", "suspense receivable"),
                    ("1231", "subsidy receivable"),
                    ("2011", "purse funds, real-name cards"),
                    ("2012", "purse funds, anonymous cards"),
                    ("2013", "account purse funds"),
                    ("2021", "card deposits"),
                    ("2031", "top-ups in transit"),
                    ("2032", "refunds payable"),
                    ("2033", "compensation payable"),
                    ("2051", "passes sold, not yet used"),
                    ("2202", "merchant payable"),
                    ("2203", "settlement payable"),
                    ("2204", "operator payable"),
                    ("2241", "suspense payable"),
                    ("2242", "disputed"),
                    ("6001", "fee income"),
                    ("6002", "card sales"),
                    ("6003", "service fees"),
                    ("6711", "write-off"),
                ],
                db_index=True,
                max_length=4,
                verbose_name="chart account",
            ),
        ),
        migrations.CreateModel(
            name="RiskParameters",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("velocity", "too much in too short a time"),
                            ("impossible_travel", "two places at once"),
                            ("counter_conflict", "one counter, two purchases"),
                            ("counter_rollback", "counter ran backwards"),
                            ("counter_jump", "counter jumped"),
                            ("chip_above_books", "more on the chip than in the books"),
                            ("balance_unexplained", "balance rose without a top-up"),
                            ("tac_failures", "wrong TACs"),
                            ("refund_burst", "many refunds"),
                            ("concession_sharing", "concession card in several hands"),
                            ("topup_split", "top-ups split below the limit"),
                            ("night_merchant", "trade outside the hours"),
                        ],
                        max_length=20,
                        verbose_name="rule",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("values", models.JSONField(verbose_name="thresholds")),
                ("blocks_payout", models.BooleanField(verbose_name="payout waits for the review")),
                (
                    "candidate",
                    models.CharField(
                        blank=True,
                        choices=[("", "none"), ("grey", "grey list"), ("hot", "hot list")],
                        max_length=4,
                        verbose_name="candidate for",
                    ),
                ),
                ("review_days", models.PositiveSmallIntegerField(verbose_name="days to review")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "risk parameters",
                "verbose_name_plural": "risk parameters",
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rule", "valid_from"), name="risk_parameters_once_per_date"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis", ""), _negated=True), name="risk_parameters_say_why"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Compensation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=80, unique=True, verbose_name="idempotency key")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("owed", "owed"), ("paid", "paid")],
                        default="owed",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("paid_at", models.DateTimeField(blank=True, null=True, verbose_name="paid at")),
                (
                    "card",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="compensations",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                (
                    "purse",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.purse",
                        verbose_name="credited to",
                    ),
                ),
            ],
            options={
                "verbose_name": "compensation",
                "verbose_name_plural": "compensations",
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_fen__gt", 0), models.Q(("legal_basis", ""), _negated=True)
                        ),
                        name="compensation_says_what_and_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("paid_at", None), ("purse", None), ("state", "owed")),
                            models.Q(("paid_at__isnull", False), ("state", "paid")),
                            _connector="OR",
                        ),
                        name="compensation_paid_at_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RiskAlert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("velocity", "too much in too short a time"),
                            ("impossible_travel", "two places at once"),
                            ("counter_conflict", "one counter, two purchases"),
                            ("counter_rollback", "counter ran backwards"),
                            ("counter_jump", "counter jumped"),
                            ("chip_above_books", "more on the chip than in the books"),
                            ("balance_unexplained", "balance rose without a top-up"),
                            ("tac_failures", "wrong TACs"),
                            ("refund_burst", "many refunds"),
                            ("concession_sharing", "concession card in several hands"),
                            ("topup_split", "top-ups split below the limit"),
                            ("night_merchant", "trade outside the hours"),
                        ],
                        max_length=20,
                        verbose_name="rule",
                    ),
                ),
                ("rule_version", models.PositiveSmallIntegerField(verbose_name="version of the rule")),
                ("business_date", models.DateField(verbose_name="business date")),
                (
                    "subject_kind",
                    models.CharField(
                        choices=[
                            ("card", "card"),
                            ("terminal", "terminal"),
                            ("merchant", "merchant"),
                            ("officer", "member of staff"),
                            ("payee", "payee"),
                            ("buyer", "buyer"),
                        ],
                        max_length=8,
                        verbose_name="about",
                    ),
                ),
                ("subject", models.CharField(max_length=100, verbose_name="which")),
                ("facts", models.JSONField(verbose_name="facts")),
                ("raised_at", models.DateTimeField(verbose_name="raised at")),
                ("review_by", models.DateField(verbose_name="review by")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "to be reviewed"),
                            ("confirmed", "confirmed"),
                            ("dismissed", "dismissed"),
                        ],
                        default="open",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "reviewed_by",
                    models.CharField(blank=True, default="", max_length=100, verbose_name="reviewed by"),
                ),
                ("reviewed_at", models.DateTimeField(blank=True, null=True, verbose_name="reviewed at")),
                (
                    "review_reason",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="reason"),
                ),
                (
                    "card",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alerts",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                (
                    "parameters",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.riskparameters",
                        verbose_name="risk parameters",
                    ),
                ),
            ],
            options={
                "verbose_name": "risk alert",
                "verbose_name_plural": "risk alerts",
                "permissions": [("review_riskalert", "Confirm and dismiss risk alerts")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["review_by"], name="risk_alert_open"
                    ),
                    models.Index(fields=["business_date"], name="risk_alert_date"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rule", "rule_version", "subject_kind", "subject", "business_date"),
                        name="risk_alert_once_per_date",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("review_reason", ""),
                                ("reviewed_at", None),
                                ("reviewed_by", ""),
                                ("state", "open"),
                            ),
                            models.Q(
                                ("reviewed_at__isnull", False),
                                ("state__in", ["confirmed", "dismissed"]),
                                models.Q(("reviewed_by", ""), _negated=True),
                                models.Q(("review_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="risk_alert_reviewed_by_somebody_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("subject_kind", "card"), _negated=True),
                            ("card__isnull", False),
                            _connector="OR",
                        ),
                        name="risk_alert_of_a_card_names_it",
                    ),
                ],
            },
        ),
        migrations.RunSQL(KEPT, KEPT_BACK),
    ]
