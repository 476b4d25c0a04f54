"""Top-up orders of every channel and for either purse, with their times and the proof of their load."""

import django.db.models.deletion
import django_fsm
from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now

# Old orders: all for the chip; what our clock did not write down then is taken from the device's.
FILL = """
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE accounts_topuporder AS topup SET
    purse_id = purse.id,
    state = CASE topup.state WHEN 'loading' THEN 'loaded' ELSE topup.state END,
    received_at = topup.occurred_at,
    paid_at = (SELECT posted_at FROM accounts_journal WHERE key = 'topup-paid:' || topup.number),
    reversed_at = CASE topup.state WHEN 'reversed' THEN topup.occurred_at END,
    confirmed_at = (SELECT posted_at FROM accounts_journal WHERE key = 'topup-loaded:' || topup.number),
    proof = CASE topup.state WHEN 'confirmed' THEN 'tac' ELSE '' END
FROM accounts_purse AS purse WHERE purse.card_id = topup.card_id AND purse.kind = 'chip';
SET CONSTRAINTS ALL DEFERRED;
"""
FILL_BACK = "UPDATE accounts_topuporder SET state = 'loading' WHERE state = 'loaded';"

# The purse is one of the card's.
OF_THE_CARD = """
ALTER TABLE accounts_purse ADD CONSTRAINT purse_of_card UNIQUE (id, card_id);
ALTER TABLE accounts_topuporder ADD CONSTRAINT topup_purse_of_its_card
    FOREIGN KEY (purse_id, card_id) REFERENCES accounts_purse (id, card_id);
"""
OF_THE_CARD_BACK = """
ALTER TABLE accounts_topuporder DROP CONSTRAINT topup_purse_of_its_card;
ALTER TABLE accounts_purse DROP CONSTRAINT purse_of_card;
"""

# Concurrent requests for one order take turns at its row, so that their sum is right.
REFUNDS = """
CREATE FUNCTION accounts_refunds_within_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE paid bigint;
BEGIN
    SELECT amount_fen INTO paid FROM accounts_topuporder WHERE id = NEW.order_id FOR UPDATE;
    IF (SELECT sum(amount_fen) FROM accounts_gatewayrefund
            WHERE order_id = NEW.order_id AND state <> 'failed') > paid THEN
        RAISE EXCEPTION 'refunds of order % exceed its payment', NEW.order_id USING
            ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'gateway_refunds_within_payment';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_within_payment AFTER INSERT OR UPDATE OF order_id, amount_fen, state ON accounts_gatewayrefund
    FOR EACH ROW WHEN (NEW.state <> 'failed') EXECUTE FUNCTION accounts_refunds_within_payment();
"""
REFUNDS_BACK = """
DROP TRIGGER refunds_within_payment ON accounts_gatewayrefund;
DROP FUNCTION accounts_refunds_within_payment();
"""
REMITTANCES = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_remittance
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
REMITTANCES_BACK = "DROP TRIGGER append_only ON accounts_remittance;"


STATES = [
    ("init", "ordered"),
    ("paid", "paid"),
    ("loaded", "load to be confirmed"),
    ("confirmed", "confirmed"),
    ("reversed", "reversed"),
]
CHANNELS = [
    ("cash", "cash at the counter"),
    ("agent", "agent"),
    ("kiosk", "kiosk"),
    ("gateway", "payment gateway"),
    ("mandate", "direct debit"),
    ("subsidy", "subsidy"),
]
PROOFS = [
    ("tac", "the chip's TAC"),
    ("counter", "the chip's counter"),
    ("account", "credited online"),
]

ORDERS = [
    migrations.AddField(
        "topuporder",
        "purse",
        models.ForeignKey(
            "accounts.purse",
            django.db.models.deletion.PROTECT,
            null=True,
            related_name="topups",
            verbose_name="purse",
        ),
    ),
    migrations.AddField(
        "topuporder",
        "payer",
        models.ForeignKey(
            "accounts.citizen",
            django.db.models.deletion.PROTECT,
            blank=True,
            null=True,
            related_name="paid_topups",
            verbose_name="payer",
        ),
    ),
    migrations.AddField(
        "topuporder",
        "request_key",
        models.CharField("request key", max_length=80, null=True, blank=True, unique=True),
    ),
    migrations.AddField(
        "topuporder",
        "party",
        models.CharField("through", max_length=30, blank=True, default="", db_default=""),
    ),
    migrations.AddField(
        "topuporder",
        "proof",
        models.CharField("proved by", max_length=7, choices=PROOFS, blank=True, default="", db_default=""),
    ),
    migrations.AddField(
        "topuporder",
        "received_at",
        models.DateTimeField("received at", db_default=Now(), editable=False),
    ),
    *(
        migrations.AddField("topuporder", name, models.DateTimeField(label, null=True, blank=True))
        for name, label in (
            ("paid_at", "paid at"),
            ("confirmed_at", "confirmed at"),
            ("reversed_at", "reversed at"),
        )
    ),
    migrations.AlterField(
        "topuporder",
        "terminal_no",
        models.CharField("terminal number", max_length=12, blank=True, default="", db_default=""),
    ),
    migrations.AlterField(
        "topuporder", "channel", models.CharField("channel", max_length=10, choices=CHANNELS)
    ),
    migrations.AlterField(
        "topuporder",
        "state",
        django_fsm.FSMField("state", choices=STATES, default="init", max_length=50, protected=True),
    ),
    migrations.RemoveConstraint("topuporder", "topup_load_has_its_facts"),
    migrations.RemoveConstraint("topuporder", "topup_confirmed_by_tac"),
    migrations.RemoveConstraint("topuporder", "one_load_per_online_atc"),
    migrations.RunSQL(FILL, FILL_BACK),
    migrations.AlterField(
        "topuporder",
        "purse",
        models.ForeignKey(
            "accounts.purse",
            django.db.models.deletion.PROTECT,
            related_name="topups",
            verbose_name="purse",
        ),
    ),
    migrations.RunSQL(OF_THE_CARD, OF_THE_CARD_BACK),
    migrations.AddConstraint(
        "topuporder",
        models.CheckConstraint(
            condition=Q(channel__in=["agent", "kiosk", "subsidy"], party__gt="")
            | Q(channel__in=["cash", "gateway", "mandate"], party=""),
            name="topup_names_its_party",
        ),
    ),
    migrations.AddConstraint(
        "topuporder",
        models.CheckConstraint(
            condition=Q(state="init", paid_at=None)
            | Q(state__in=["paid", "loaded", "confirmed"], paid_at__isnull=False)
            | Q(state="reversed", reversed_at__isnull=False),
            name="topup_state_has_its_time",
        ),
    ),
    migrations.AddConstraint(
        "topuporder",
        models.CheckConstraint(
            condition=~Q(state="confirmed")
            | Q(confirmed_at__isnull=False, proof__in=["tac", "counter", "account"]),
            name="topup_confirmed_by_proof",
        ),
    ),
    migrations.AddConstraint(
        "topuporder",
        models.CheckConstraint(
            condition=~(Q(state="loaded") | Q(proof__in=["tac", "counter"]))
            | Q(online_atc__isnull=False, balance_before_fen__isnull=False, loaded_at__isnull=False),
            name="topup_load_has_its_facts",
        ),
    ),
    migrations.AddConstraint(
        "topuporder",
        models.CheckConstraint(
            condition=~Q(proof="tac") | Q(tac__isnull=False), name="topup_proof_is_the_tac"
        ),
    ),
    migrations.AddConstraint(
        "topuporder",
        models.UniqueConstraint(
            fields=["card", "online_atc"],
            condition=Q(state="loaded") | Q(proof__in=["tac", "counter"]),
            name="one_load_per_online_atc",
        ),
    ),
    migrations.AddConstraint(
        "topuporder",
        models.UniqueConstraint(
            fields=["card"], condition=Q(state="loaded"), name="one_load_under_way_per_card"
        ),
    ),
    migrations.AddIndex(
        "topuporder",
        models.Index(
            fields=["state"],
            condition=Q(state__in=["init", "paid", "loaded"]),
            name="topup_unfinished",
        ),
    ),
    migrations.AddIndex(
        "topuporder",
        BrinIndex(fields=["received_at", "paid_at", "loaded_at", "reversed_at"], name="topup_times"),
    ),
]


TABLES = [
    migrations.CreateModel(
        name="GatewayEntry",
        fields=[
            (
                "gateway_id",
                models.CharField(
                    max_length=255, primary_key=True, serialize=False, verbose_name="id at the gateway"
                ),
            ),
            (
                "kind",
                models.CharField(
                    choices=[("payment", "payment"), ("refund", "refund")], max_length=7, verbose_name="kind"
                ),
            ),
            ("payment_id", models.CharField(db_index=True, max_length=255, verbose_name="gateway payment")),
            ("reference", models.CharField(blank=True, max_length=255, verbose_name="our reference")),
            ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
            ("currency", models.CharField(max_length=10, verbose_name="currency")),
            ("status", models.CharField(max_length=10, verbose_name="status")),
            ("created_at", models.DateTimeField(db_index=True, verbose_name="created at")),
        ],
        options={
            "verbose_name": "entry of the gateway's statement",
            "verbose_name_plural": "entries of the gateway's statement",
        },
    ),
    migrations.CreateModel(
        name="Remittance",
        fields=[
            (
                "id",
                models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
            ),
            ("key", models.CharField(max_length=80, unique=True, verbose_name="idempotency key")),
            (
                "into",
                models.CharField(
                    choices=[("1001", "reserve bank deposit"), ("1011", "counter cash")],
                    max_length=4,
                    verbose_name="received in",
                ),
            ),
            ("counted_fen", models.BigIntegerField(verbose_name="counted (fen)")),
            ("expected_fen", models.BigIntegerField(verbose_name="expected (fen)")),
            ("actor", models.CharField(max_length=100, verbose_name="actor")),
            ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
            (
                "received_at",
                models.DateTimeField(db_default=Now(), editable=False, verbose_name="received at"),
            ),
            (
                "account",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT,
                    to="accounts.ledgeraccount",
                    verbose_name="ledger account",
                ),
            ),
        ],
        options={
            "verbose_name": "remittance",
            "verbose_name_plural": "remittances",
        },
    ),
    migrations.CreateModel(
        name="TopUpDifference",
        fields=[
            (
                "id",
                models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
            ),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("paid_not_booked", "paid at the gateway, not booked"),
                        ("booked_not_paid", "booked, not paid at the gateway"),
                        ("amount_differs", "amount differs"),
                        ("reversed_not_refunded", "reversed, not refunded"),
                        ("refunded_not_booked", "refunded at the gateway, not booked"),
                        ("refund_differs", "refund differs"),
                        ("loaded_not_proven", "loaded, not proven by the chip"),
                        ("ledger_differs", "ledger differs"),
                    ],
                    max_length=24,
                    verbose_name="kind",
                ),
            ),
            ("subject", models.CharField(max_length=255, verbose_name="subject")),
            ("ours_fen", models.BigIntegerField(verbose_name="ours (fen)")),
            ("theirs_fen", models.BigIntegerField(verbose_name="theirs (fen)")),
            (
                "owner",
                models.CharField(
                    choices=[("finance", "finance"), ("counter", "service hall")],
                    max_length=10,
                    verbose_name="owner",
                ),
            ),
            ("first_seen", models.DateField(verbose_name="first seen")),
            ("last_seen", models.DateField(verbose_name="last seen")),
            ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed at")),
            (
                "closed_by",
                models.CharField(
                    blank=True, db_default="", default="", max_length=100, verbose_name="closed by"
                ),
            ),
            (
                "note",
                models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="note"),
            ),
            (
                "order",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="differences",
                    to="accounts.topuporder",
                    verbose_name="top-up order",
                ),
            ),
        ],
        options={
            "verbose_name": "top-up difference",
            "verbose_name_plural": "top-up differences",
        },
    ),
    migrations.CreateModel(
        name="Agent",
        fields=[
            ("code", models.SlugField(max_length=30, primary_key=True, serialize=False, verbose_name="code")),
            ("name", models.CharField(max_length=100, verbose_name="name")),
            ("credit_limit_fen", models.BigIntegerField(verbose_name="credit limit (fen)")),
            ("active", models.BooleanField(default=True, verbose_name="active")),
            (
                "account",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.PROTECT,
                    to="accounts.ledgeraccount",
                    verbose_name="ledger account",
                ),
            ),
        ],
        options={
            "verbose_name": "agent",
            "verbose_name_plural": "agents",
            "constraints": [
                models.CheckConstraint(
                    condition=Q(("credit_limit_fen__gte", 0)), name="agent_credit_limit_not_negative"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="GatewayRefund",
        fields=[
            (
                "id",
                models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
            ),
            ("key", models.CharField(max_length=80, unique=True, verbose_name="idempotency key")),
            ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
            (
                "cause",
                models.CharField(
                    choices=[("reversal", "top-up reversed"), ("refund", "card refund")],
                    max_length=10,
                    verbose_name="cause",
                ),
            ),
            (
                "state",
                django_fsm.FSMField(
                    choices=[
                        ("requested", "to be sent"),
                        ("sent", "sent to the gateway"),
                        ("succeeded", "refunded"),
                        ("failed", "failed"),
                    ],
                    default="requested",
                    max_length=50,
                    protected=True,
                    verbose_name="state",
                ),
            ),
            ("actor", models.CharField(max_length=100, verbose_name="actor")),
            (
                "requested_at",
                models.DateTimeField(db_default=Now(), editable=False, verbose_name="requested at"),
            ),
            ("asked_at", models.DateTimeField(blank=True, null=True, verbose_name="last asked at")),
            ("attempts", models.PositiveIntegerField(db_default=0, default=0, verbose_name="attempts")),
            (
                "gateway_id",
                models.CharField(
                    blank=True, max_length=80, null=True, unique=True, verbose_name="gateway refund"
                ),
            ),
            ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled at")),
            (
                "failure",
                models.CharField(
                    blank=True, db_default="", default="", max_length=200, verbose_name="why it failed"
                ),
            ),
            (
                "order",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT,
                    related_name="gateway_refunds",
                    to="accounts.topuporder",
                    verbose_name="top-up order",
                ),
            ),
        ],
        options={
            "verbose_name": "refund through the gateway",
            "verbose_name_plural": "refunds through the gateway",
            "indexes": [
                models.Index(
                    condition=Q(("state__in", ["requested", "sent"])),
                    fields=["state"],
                    name="gateway_refund_unsettled",
                )
            ],
            "constraints": [
                models.CheckConstraint(condition=Q(("amount_fen__gt", 0)), name="gateway_refund_positive"),
                models.CheckConstraint(
                    condition=Q(
                        Q(("gateway_id", None), ("state", "requested")),
                        Q(("gateway_id__isnull", False), ("state__in", ["sent", "succeeded"])),
                        ("state", "failed"),
                        _connector="OR",
                    ),
                    name="gateway_refund_known_once_sent",
                ),
                models.CheckConstraint(
                    condition=Q(
                        Q(("settled_at", None), ("state__in", ["requested", "sent"])),
                        Q(("settled_at__isnull", False), ("state__in", ["succeeded", "failed"])),
                        _connector="OR",
                    ),
                    name="gateway_refund_settled_at_a_time",
                ),
            ],
        },
        bases=(django_fsm.FSMModelMixin, models.Model),
    ),
    migrations.AddConstraint(
        model_name="remittance",
        constraint=models.CheckConstraint(
            condition=Q(("counted_fen__gte", 0), ("into__in", ["1001", "1011"])), name="remittance_sane"
        ),
    ),
    migrations.AddConstraint(
        model_name="topupdifference",
        constraint=models.UniqueConstraint(
            condition=Q(("closed_at", None)), fields=("kind", "subject"), name="one_open_difference"
        ),
    ),
    migrations.AddConstraint(
        model_name="topupdifference",
        constraint=models.CheckConstraint(
            condition=Q(
                Q(("closed_at", None), ("closed_by", "")),
                Q(("closed_at__isnull", False), ("closed_by__gt", "")),
                _connector="OR",
            ),
            name="difference_closed_by_somebody",
        ),
    ),
    migrations.RunSQL(REFUNDS, REFUNDS_BACK),
    migrations.RunSQL(REMITTANCES, REMITTANCES_BACK),
]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_gateway")]
    operations = [*ORDERS, *TABLES]
