"""Refunds: dated policies, refunds with their parts, damages and flags of cards, and what the database keeps of their rules."""

import django.db.models.deletion
import django.db.models.expressions
import django_fsm
from django.db import migrations, models

# Parts that have not failed are what is payable, whoever writes them and in whatever order, when the transaction ends.
PARTS = """
CREATE FUNCTION accounts_check_refund_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE subject bigint; wrong text;
BEGIN
    IF TG_TABLE_NAME = 'accounts_refund' THEN subject := NEW.id; ELSE subject := NEW.refund_id; END IF;
    SELECT refund.number || ': payable ' || coalesce(refund.payable_fen, 0) || ', in parts ' || parts.fen INTO wrong
    FROM accounts_refund AS refund, LATERAL (
        SELECT coalesce(sum(amount_fen) FILTER (WHERE state <> 'failed'), 0) AS fen,
            coalesce(bool_and(state = 'paid') FILTER (WHERE state <> 'failed'), true) AS paid
        FROM accounts_refundpart WHERE refund_id = refund.id
    ) AS parts
    WHERE refund.id = subject
        AND (parts.fen <> coalesce(refund.payable_fen, 0)
            OR refund.state IN ('approved', 'paid', 'failed') AND parts.paid <> (refund.state = 'paid'));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'refund %', wrong
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_parts_add_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER parts_add_up AFTER INSERT OR UPDATE ON accounts_refund DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_check_refund_parts();
CREATE CONSTRAINT TRIGGER parts_add_up AFTER INSERT OR UPDATE ON accounts_refundpart DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_check_refund_parts();
"""
PARTS_BACK = """
DROP TRIGGER parts_add_up ON accounts_refundpart;
DROP TRIGGER parts_add_up ON accounts_refund;
DROP FUNCTION accounts_check_refund_parts();
"""

# Once approved, amounts stand; a part's payment never becomes another one; nothing is removed.
STAND = """
CREATE FUNCTION accounts_refund_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % stands', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_stands';
END $$;
CREATE TRIGGER amounts_stand BEFORE UPDATE ON accounts_refund FOR EACH ROW WHEN (
        (OLD.number, OLD.card_id, OLD.policy_id, OLD.requested_by)
            IS DISTINCT FROM (NEW.number, NEW.card_id, NEW.policy_id, NEW.requested_by)
        OR OLD.payable_fen IS NOT NULL AND (OLD.payable_fen, OLD.balance_fen, OLD.price_fen, OLD.deposit_fen,
            OLD.damage_fen, OLD.fee_fen, OLD.interest_fen, OLD.decided_by)
            IS DISTINCT FROM (NEW.payable_fen, NEW.balance_fen, NEW.price_fen, NEW.deposit_fen,
            NEW.damage_fen, NEW.fee_fen, NEW.interest_fen, NEW.decided_by))
    EXECUTE FUNCTION accounts_refund_stands();
CREATE TRIGGER amounts_stand BEFORE UPDATE ON accounts_refundpart FOR EACH ROW WHEN (
        (OLD.refund_id, OLD.key, OLD.method, OLD.order_id, OLD.amount_fen)
            IS DISTINCT FROM (NEW.refund_id, NEW.key, NEW.method, NEW.order_id, NEW.amount_fen)
        OR OLD.state = 'failed' AND NEW.state <> 'failed')
    EXECUTE FUNCTION accounts_refund_stands();
CREATE TRIGGER never_removed BEFORE DELETE ON accounts_refund
    FOR EACH ROW EXECUTE FUNCTION accounts_refund_stands();
CREATE TRIGGER never_removed BEFORE DELETE ON accounts_refundpart
    FOR EACH ROW EXECUTE FUNCTION accounts_refund_stands();
CREATE TRIGGER never_removed BEFORE DELETE ON accounts_cardflag
    FOR EACH ROW EXECUTE FUNCTION accounts_refund_stands();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_carddamage
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_refundpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
STAND_BACK = """
DROP TRIGGER append_only ON accounts_refundpolicy;
DROP TRIGGER append_only ON accounts_carddamage;
DROP TRIGGER never_removed ON accounts_cardflag;
DROP TRIGGER never_removed ON accounts_refundpart;
DROP TRIGGER never_removed ON accounts_refund;
DROP TRIGGER amounts_stand ON accounts_refundpart;
DROP TRIGGER amounts_stand ON accounts_refund;
DROP FUNCTION accounts_refund_stands();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_mandates")]
    operations = [
        migrations.CreateModel(
            name="CardDamage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("finding", models.CharField(max_length=200, verbose_name="finding")),
                ("rule", models.CharField(max_length=200, verbose_name="rule")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
            ],
            options={
                "verbose_name": "card damage",
                "verbose_name_plural": "card damages",
            },
        ),
        migrations.CreateModel(
            name="CardFlag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("tampered", "chip tampered with")], max_length=10, verbose_name="kind"
                    ),
                ),
                ("evidence", models.JSONField(verbose_name="evidence")),
                ("raised_by", models.CharField(max_length=100, verbose_name="raised by")),
                ("raised_at", models.DateTimeField(verbose_name="raised at")),
                ("cleared_by", models.CharField(blank=True, max_length=100, verbose_name="cleared by")),
                ("cleared_at", models.DateTimeField(blank=True, null=True, verbose_name="cleared at")),
                (
                    "cleared_reason",
                    models.CharField(blank=True, max_length=200, verbose_name="why it was cleared"),
                ),
            ],
            options={
                "verbose_name": "card flag",
                "verbose_name_plural": "card flags",
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True, verbose_name="refund number")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("requested", "requested"),
                            ("cooling", "waiting for late taps"),
                            ("due", "due for approval"),
                            ("approved", "approved"),
                            ("paid", "paid"),
                            ("failed", "payment failed"),
                            ("withdrawn", "withdrawn"),
                            ("refused", "refused"),
                        ],
                        default="requested",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("card_state", models.CharField(max_length=20, verbose_name="card state before")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                (
                    "payee",
                    models.CharField(
                        blank=True,
                        help_text="token of a linked bank account",
                        max_length=80,
                        verbose_name="payee reference",
                    ),
                ),
                ("requested_by", models.CharField(max_length=100, verbose_name="requested by")),
                ("requested_at", models.DateTimeField(verbose_name="requested at")),
                (
                    "chip_balance_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="chip balance (fen)"),
                ),
                (
                    "chip_atc",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="chip offline ATC"),
                ),
                ("chip_read_at", models.DateTimeField(blank=True, null=True, verbose_name="chip read at")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="due on")),
                ("promised_by", models.DateField(blank=True, null=True, verbose_name="promised by")),
                ("decided_by", models.CharField(blank=True, max_length=100, verbose_name="decided by")),
                ("decided_at", models.DateTimeField(blank=True, null=True, verbose_name="decided at")),
                (
                    "decision_reason",
                    models.CharField(blank=True, max_length=200, verbose_name="reason of the decision"),
                ),
                ("balance_fen", models.BigIntegerField(blank=True, null=True, verbose_name="balance (fen)")),
                ("price_fen", models.BigIntegerField(blank=True, null=True, verbose_name="price (fen)")),
                ("deposit_fen", models.BigIntegerField(blank=True, null=True, verbose_name="deposit (fen)")),
                ("damage_fen", models.BigIntegerField(blank=True, null=True, verbose_name="damage (fen)")),
                ("fee_fen", models.BigIntegerField(blank=True, null=True, verbose_name="fee (fen)")),
                (
                    "interest_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="interest (fen)"),
                ),
                ("payable_fen", models.BigIntegerField(blank=True, null=True, verbose_name="payable (fen)")),
                ("paid_at", models.DateTimeField(blank=True, null=True, verbose_name="paid at")),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="RefundPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=80, unique=True, verbose_name="idempotency key")),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("gateway", "back through the payment gateway"),
                            ("cash", "cash at the counter"),
                            ("bank", "bank transfer"),
                        ],
                        max_length=10,
                        verbose_name="method",
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("waiting", "to be paid"), ("paid", "paid"), ("failed", "failed")],
                        default="waiting",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("reference", models.CharField(blank=True, max_length=80, verbose_name="reference")),
                ("failure", models.CharField(blank=True, max_length=200, verbose_name="why it failed")),
                ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled at")),
            ],
            options={
                "verbose_name": "part of a refund",
                "verbose_name_plural": "parts of refunds",
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="RefundPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("redeemable", models.BooleanField(verbose_name="redeemable")),
                (
                    "after_months",
                    models.PositiveSmallIntegerField(default=0, verbose_name="months after purchase"),
                ),
                (
                    "no_reason_days",
                    models.PositiveSmallIntegerField(default=7, verbose_name="days without reason"),
                ),
                ("waiting_days", models.PositiveSmallIntegerField(verbose_name="days to wait for late taps")),
                ("sla_days", models.PositiveSmallIntegerField(verbose_name="days to pay")),
                ("fee_fen", models.BigIntegerField(default=0, verbose_name="fee (fen)")),
                ("damage_fee_fen", models.BigIntegerField(default=0, verbose_name="fee for damage (fen)")),
                ("cash_limit_fen", models.BigIntegerField(default=0, verbose_name="cash limit (fen)")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "refund policy",
                "verbose_name_plural": "refund policies",
            },
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
                    ("closed", "closed"),
                ],
                default="blank",
                max_length=50,
                protected=True,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="carddamage",
            name="card",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="damage",
                to="accounts.card",
                verbose_name="card",
            ),
        ),
        migrations.AddField(
            model_name="cardflag",
            name="card",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="flags",
                to="accounts.card",
                verbose_name="card",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="card",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="accounts.card",
                verbose_name="card",
            ),
        ),
        migrations.AddField(
            model_name="refundpart",
            name="order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refund_parts",
                to="accounts.topuporder",
                verbose_name="top-up order",
            ),
        ),
        migrations.AddField(
            model_name="refundpart",
            name="refund",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="accounts.refund",
                verbose_name="refund",
            ),
        ),
        migrations.AddField(
            model_name="refundpolicy",
            name="product",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refund_policies",
                to="accounts.cardproduct",
                verbose_name="product",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="accounts.refundpolicy", verbose_name="policy"
            ),
        ),
        migrations.AddConstraint(
            model_name="carddamage",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="card_damage_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="cardflag",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cleared_at", None)),
                fields=("card", "kind"),
                name="one_open_flag_of_a_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="cardflag",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cleared_at", None), ("cleared_by", ""), ("cleared_reason", "")),
                    models.Q(
                        ("cleared_at__isnull", False),
                        models.Q(("cleared_by", ""), _negated=True),
                        models.Q(("cleared_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="card_flag_cleared_by_somebody_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="refund_part_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundpart",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("method", "gateway"), ("order__isnull", False)),
                    models.Q(models.Q(("method", "gateway"), _negated=True), ("order", None)),
                    _connector="OR",
                ),
                name="refund_part_order_by_gateway",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundpart",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at", None), ("state", "waiting")),
                    models.Q(("settled_at__isnull", False), ("state__in", ["paid", "failed"])),
                    _connector="OR",
                ),
                name="refund_part_settled_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="refundpolicy",
            constraint=models.UniqueConstraint(
                fields=("product", "valid_from"), name="refund_policy_once_per_date"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cash_limit_fen__gte", 0),
                    ("damage_fee_fen__gte", 0),
                    ("fee_fen__gte", 0),
                    models.Q(("legal_basis", ""), _negated=True),
                ),
                name="refund_policy_sane",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["requested", "cooling", "due", "approved", "failed", "paid"])
                ),
                fields=("card",),
                name="one_refund_per_card",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["approved", "paid", "failed"]), _negated=True),
                    models.Q(
                        models.Q(("decided_by", ""), _negated=True),
                        models.Q(("decided_by", models.F("requested_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="refund_approved_by_another_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("balance_fen__isnull", False),
                        ("damage_fen__gte", 0),
                        ("deposit_fen__gte", 0),
                        ("fee_fen__gte", 0),
                        ("interest_fen__gte", 0),
                        (
                            "payable_fen",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("balance_fen"), "+", models.F("price_fen")
                                            ),
                                            "+",
                                            models.F("deposit_fen"),
                                        ),
                                        "-",
                                        models.F("damage_fen"),
                                    ),
                                    "-",
                                    models.F("fee_fen"),
                                ),
                                "+",
                                models.F("interest_fen"),
                            ),
                        ),
                        ("payable_fen__gte", 0),
                        ("price_fen__gte", 0),
                        ("state__in", ["approved", "paid", "failed"]),
                    ),
                    models.Q(
                        ("payable_fen", None),
                        ("state__in", ["requested", "cooling", "due", "withdrawn", "refused"]),
                    ),
                    _connector="OR",
                ),
                name="refund_amounts_add_up_from_approval",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["cooling", "due", "approved", "paid", "failed"]), _negated=True),
                    models.Q(("due_on__isnull", False), ("promised_by__gte", models.F("due_on"))),
                    _connector="OR",
                ),
                name="refund_has_its_dates",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("chip_atc", None), ("chip_balance_fen", None), ("chip_read_at", None)),
                    models.Q(
                        ("chip_atc__isnull", False),
                        ("chip_balance_fen__isnull", False),
                        ("chip_read_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="refund_chip_read_as_a_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("payee__regex", "\\d{12}"), _negated=True),
                name="refund_payee_is_no_account_number",
            ),
        ),
        migrations.RunSQL(PARTS, PARTS_BACK),
        migrations.RunSQL(STAND, STAND_BACK),
    ]
