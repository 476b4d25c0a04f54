"""Purchases taken back, within what was paid, and the policies that allow it."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# Two at once take turns, so that each sees the other.
WITHIN = """
CREATE FUNCTION terminals_keep_returns() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('purchase return ' || tap_id, 0))
        FROM (SELECT DISTINCT tap_id FROM added ORDER BY tap_id) AS concerned;
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT tap_date, tap_id FROM added) AS concerned
        LEFT JOIN terminals_tap AS tap ON tap.business_date = tap_date AND tap.id = tap_id
        WHERE coalesce(tap.amount_fen, 0) < (
            SELECT sum(given.amount_fen) FROM terminals_purchasereturn AS given
            WHERE given.tap_date = concerned.tap_date AND given.tap_id = concerned.tap_id)
    ) THEN
        RAISE EXCEPTION 'more given back than paid'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'returns_within_purchase';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER within_purchase AFTER INSERT ON terminals_purchasereturn REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION terminals_keep_returns();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_purchasereturn
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_returnpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
WITHIN_BACK = """
DROP TRIGGER append_only ON terminals_returnpolicy;
DROP TRIGGER append_only ON terminals_purchasereturn;
DROP TRIGGER within_purchase ON terminals_purchasereturn;
DROP FUNCTION terminals_keep_returns();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_online_refund_orders"),
        ("terminals", "0018_risk"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReturnPolicy",
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
                            ("taxi", "taxi"),
                            ("bike", "public bike"),
                        ],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("cancel", models.BooleanField(verbose_name="may be cancelled the same day")),
                ("refund_days", models.PositiveIntegerField(verbose_name="may be refunded for (days)")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "return policy",
                "verbose_name_plural": "return policies",
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "valid_from"), name="return_policy_once_per_date"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis", ""), _negated=True), name="return_policy_says_why"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PurchaseReturn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tap_date", models.DateField(verbose_name="business date of the purchase")),
                ("tap_id", models.BigIntegerField(verbose_name="purchase")),
                ("number", models.BigIntegerField(blank=True, null=True, verbose_name="number")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("business_date", models.DateField(verbose_name="business date")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="received at",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="purchase_return",
                        to="accounts.topuporder",
                        verbose_name="top-up order",
                    ),
                ),
                (
                    "terminal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "returned purchase",
                "verbose_name_plural": "returned purchases",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["tap_date", "tap_id"], name="return_of_tap")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("number", None)),
                        fields=("tap_date", "tap_id"),
                        name="tap_cancelled_once",
                    ),
                    models.UniqueConstraint(
                        fields=("terminal", "number"), name="refund_number_once_per_terminal"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_fen__gt", 0)), name="return_amount_positive"
                    ),
                ],
            },
        ),
        migrations.RunSQL(WITHIN, WITHIN_BACK),
    ]
