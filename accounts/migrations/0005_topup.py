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


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_gateway")]
    operations = [*ORDERS]
