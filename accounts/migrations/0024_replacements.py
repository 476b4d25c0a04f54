"""A card is replaced by another one, and its money and passes follow."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

# A pass never becomes worth more or longer. It goes to another card only where that card has replaced its own.
PASSES = """
CREATE OR REPLACE FUNCTION accounts_pass_only_wanes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'active' AND to_jsonb(NEW) - 'card_id' = to_jsonb(OLD) - 'card_id' AND EXISTS (
            SELECT FROM accounts_replacement WHERE old_id = OLD.card_id AND new_id = NEW.card_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'pass % is over, or would become worth more', OLD.number
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'pass_only_wanes';
END $$;
CREATE FUNCTION accounts_replacement_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'waiting'
        AND (NEW.old_id, NEW.new_id, NEW.cause, NEW.fee_fen, NEW.due_on, NEW.requested_by, NEW.requested_at)
            = (OLD.old_id, OLD.new_id, OLD.cause, OLD.fee_fen, OLD.due_on, OLD.requested_by, OLD.requested_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a replacement moves its money once, and is never removed'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'replacement_moves_once';
END $$;
CREATE TRIGGER moves_once BEFORE UPDATE OR DELETE ON accounts_replacement
    FOR EACH ROW EXECUTE FUNCTION accounts_replacement_stays();
"""
PASSES_BACK = """
DROP TRIGGER moves_once ON accounts_replacement;
DROP FUNCTION accounts_replacement_stays();
CREATE OR REPLACE FUNCTION accounts_pass_only_wanes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pass % is over, or would become worth more', OLD.number
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'pass_only_wanes';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0023_merging"),
    ]

    operations = [
        migrations.CreateModel(
            name="Replacement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[("lost", "lost"), ("damaged", "damaged"), ("expired", "expired")],
                        max_length=7,
                        verbose_name="cause",
                    ),
                ),
                ("fee_fen", models.BigIntegerField(verbose_name="fee (fen)")),
                ("due_on", models.DateField(verbose_name="due on")),
                ("requested_by", models.CharField(max_length=150, verbose_name="requested by")),
                ("requested_at", models.DateTimeField(verbose_name="requested at")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("waiting", "waiting for late taps"), ("moved", "money moved")],
                        default="waiting",
                        max_length=7,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "chip_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="from the chip purse (fen)"),
                ),
                (
                    "account_fen",
                    models.BigIntegerField(
                        blank=True, null=True, verbose_name="from the account purse (fen)"
                    ),
                ),
                (
                    "deposit_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="from the deposit (fen)"),
                ),
                ("moved_at", models.DateTimeField(blank=True, null=True, verbose_name="moved at")),
            ],
            options={
                "verbose_name": "replacement",
                "verbose_name_plural": "replacements",
                "default_permissions": ("view",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="topuporder",
            name="topup_names_its_party",
        ),
        migrations.AlterField(
            model_name="card",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("blank", "blank"),
                    ("personalised", "personalised"),
                    ("issued", "issued"),
                    ("active", "active"),
                    ("lost", "reported lost"),
                    ("refunding", "refund under way"),
                    ("replaced", "replaced"),
                    ("closed", "closed"),
                ],
                default="blank",
                max_length=50,
                protected=True,
                verbose_name="state",
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
                    ("1222", "credits advanced in disputes"),
                    ("1231", "subsidy receivable"),
                    ("2011", "purse funds, real-name cards"),
                    ("2012", "purse funds, anonymous cards"),
                    ("2013", "account purse funds"),
                    ("2021", "card deposits"),
                    ("2031", "top-ups in transit"),
                    ("2032", "refunds payable"),
                    ("2033", "compensation payable"),
                    ("2034", "money between a replaced card and the new one"),
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
            model_name="mandate",
            name="stop_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("citizen", "switched off by the citizen"),
                    ("lost", "card reported lost"),
                    ("closed", "card no longer in use"),
                    ("withdrawn", "withdrawn at the bank"),
                    ("declined", "declined several times in a row"),
                    ("credit", "not a bank account or debit card"),
                    ("expired", "not agreed to in time"),
                    ("replaced", "card replaced"),
                    ("level", "identity no longer verified"),
                ],
                max_length=10,
                verbose_name="ended because",
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
                    ("replaced", "money of the card before"),
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
                    models.Q(
                        ("channel__in", ["cash", "gateway", "mandate", "dispute", "replaced"]), ("party", "")
                    ),
                    _connector="OR",
                ),
                name="topup_names_its_party",
            ),
        ),
        migrations.AddField(
            model_name="replacement",
            name="new",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaces",
                to="accounts.card",
                verbose_name="new card",
            ),
        ),
        migrations.AddField(
            model_name="replacement",
            name="old",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="accounts.card",
                verbose_name="old card",
            ),
        ),
        migrations.AddConstraint(
            model_name="replacement",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("old", models.F("new")), _negated=True), ("fee_fen__gte", 0)),
                name="replaced_by_another_card",
            ),
        ),
        migrations.AddConstraint(
            model_name="replacement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("account_fen", None),
                        ("chip_fen", None),
                        ("deposit_fen", None),
                        ("moved_at", None),
                        ("state", "waiting"),
                    ),
                    models.Q(
                        ("account_fen__gte", 0),
                        ("chip_fen__isnull", False),
                        ("deposit_fen__gte", 0),
                        ("moved_at__isnull", False),
                        ("state", "moved"),
                    ),
                    _connector="OR",
                ),
                name="replacement_moved_with_its_amounts",
            ),
        ),
        migrations.RunSQL(PASSES, reverse_sql=PASSES_BACK),
    ]
