"""Charges in dispute, their credits and what of those came back."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# A charge in dispute keeps what it is about; it gets one credit, and ends once.
KEPT = """
CREATE FUNCTION accounts_disputed_charge_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'open' AND (OLD.order_id IS NULL OR NEW.order_id = OLD.order_id)
        AND to_jsonb(OLD) - ARRAY['state', 'order_id', 'bearer_id', 'ended_at']
            = to_jsonb(NEW) - ARRAY['state', 'order_id', 'bearer_id', 'ended_at'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a disputed charge is credited once, ends once, and is never removed'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'disputed_charge_ends_once';
END $$;
CREATE TRIGGER ends_once BEFORE UPDATE OR DELETE ON accounts_disputedcharge
    FOR EACH ROW EXECUTE FUNCTION accounts_disputed_charge_ends_once();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_creditreturn
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE FUNCTION accounts_return_within_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM accounts_disputedcharge AS charge WHERE charge.id = NEW.charge_id
            AND charge.state = 'refused' AND charge.order_id IS NOT NULL AND charge.amount_fen >=
                (SELECT sum(amount_fen) FROM accounts_creditreturn WHERE charge_id = charge.id)) THEN
        RAISE EXCEPTION 'only what a refused dispute was credited comes back, and no more than that'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'credit_return_within_credit';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER within_credit AFTER INSERT ON accounts_creditreturn
    FOR EACH ROW EXECUTE FUNCTION accounts_return_within_credit();
"""
KEPT_BACK = """
DROP TRIGGER within_credit ON accounts_creditreturn;
DROP FUNCTION accounts_return_within_credit();
DROP TRIGGER append_only ON accounts_creditreturn;
DROP TRIGGER ends_once ON accounts_disputedcharge;
DROP FUNCTION accounts_disputed_charge_ends_once();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0019_bank")]
    operations = [
        migrations.CreateModel(
            name="CreditReturn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "rule",
                    models.CharField(
                        choices=[("purse", "taken back"), ("written_off", "written off")],
                        max_length=11,
                        verbose_name="rule",
                    ),
                ),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                (
                    "returned_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="returned at",
                    ),
                ),
            ],
            options={
                "verbose_name": "credit taken back",
                "verbose_name_plural": "credits taken back",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DisputedCharge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("purchase", "purchase with the card"),
                            ("payment", "payment from the online account"),
                            ("ride", "ride by code"),
                            ("top_up", "top-up"),
                        ],
                        max_length=8,
                        verbose_name="charge",
                    ),
                ),
                ("source_id", models.BigIntegerField(verbose_name="number of the charge")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("open", "open"), ("granted", "granted"), ("refused", "refused")],
                        default="open",
                        max_length=7,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
            ],
            options={
                "verbose_name": "disputed charge",
                "verbose_name_plural": "disputed charges",
                "default_permissions": (),
            },
        ),
        migrations.RemoveConstraint(
            model_name="topuporder",
            name="topup_names_its_party",
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
                    ("1222", "credits advanced in disputes"),
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
                    ("2205", "payouts in transit"),
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
                    ("refund", "refund of a purchase"),
                    ("dispute", "credit of a dispute"),
                ],
                max_length=10,
                verbose_name="channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="topuporder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("channel__in", ["agent", "kiosk", "subsidy", "repair", "refund"]), ("party__gt", "")
                    ),
                    models.Q(("channel__in", ["cash", "gateway", "mandate", "dispute"]), ("party", "")),
                    _connector="OR",
                ),
                name="topup_names_its_party",
            ),
        ),
        migrations.AddField(
            model_name="disputedcharge",
            name="bearer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.ledgeraccount",
                verbose_name="borne by",
            ),
        ),
        migrations.AddField(
            model_name="disputedcharge",
            name="card",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputed_charges",
                to="accounts.card",
                verbose_name="card",
            ),
        ),
        migrations.AddField(
            model_name="disputedcharge",
            name="order",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputed_charge",
                to="accounts.topuporder",
                verbose_name="credit",
            ),
        ),
        migrations.AddField(
            model_name="creditreturn",
            name="charge",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="returns",
                to="accounts.disputedcharge",
                verbose_name="disputed charge",
            ),
        ),
        migrations.AddConstraint(
            model_name="disputedcharge",
            constraint=models.UniqueConstraint(fields=("what", "source_id"), name="charge_disputed_once"),
        ),
        migrations.AddConstraint(
            model_name="disputedcharge",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="disputed_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputedcharge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("bearer", None), ("ended_at", None), ("state", "open")),
                    models.Q(
                        ("bearer__isnull", False),
                        ("ended_at__isnull", False),
                        ("order__isnull", False),
                        ("state", "granted"),
                    ),
                    models.Q(("bearer", None), ("ended_at__isnull", False), ("state", "refused")),
                    _connector="OR",
                ),
                name="disputed_charge_ends_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="credit_return_positive"
            ),
        ),
        migrations.RunSQL(KEPT, KEPT_BACK),
    ]
