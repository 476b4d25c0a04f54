"""Who bears what was paid with lost cards, removals by two people, and purchases without proof."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_heldresolution
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_grey
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_greystep
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE INDEX tap_hot_listed ON terminals_tap (id) WHERE outcome = 2;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0014_fares_concessions"),
        ("terminals", "0014_lists_documents"),
    ]

    operations = [
        migrations.CreateModel(
            name="Grey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("terminal_seq", models.BigIntegerField(verbose_name="terminal sequence")),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("no_answer", "the chip left without an answer"),
                            ("logged", "the chip's log holds it"),
                            ("not_paid", "the chip was not debited"),
                            ("mac2", "false card: its debit was not believed (MAC2)"),
                        ],
                        max_length=9,
                        verbose_name="cause",
                    ),
                ),
                ("pan", models.CharField(max_length=19, verbose_name="card number")),
                ("atc", models.IntegerField(verbose_name="offline ATC")),
                ("kind", models.SmallIntegerField(verbose_name="transaction type")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("balance_fen", models.BigIntegerField(verbose_name="chip balance after (fen)")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("tac", models.BinaryField(max_length=4, null=True, verbose_name="TAC")),
                ("place", models.CharField(blank=True, max_length=200, verbose_name="place")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="received at",
                    ),
                ),
                (
                    "card",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="greys",
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
                (
                    "terminal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="greys",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "grey record",
                "verbose_name_plural": "grey records",
            },
        ),
        migrations.CreateModel(
            name="GreyStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "waits for evidence"),
                            ("settled", "settled: the chip has paid"),
                            ("dropped", "dropped: the merchant's risk"),
                            ("ended", "ended: nothing was paid"),
                            ("replaced", "replaced by its proven record"),
                            ("suspicion", "suspicion"),
                        ],
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("rule", models.CharField(max_length=20, verbose_name="rule")),
                ("detail", models.JSONField(default=dict, verbose_name="detail")),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="at",
                    ),
                ),
                (
                    "grey",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="terminals.grey",
                        verbose_name="grey record",
                    ),
                ),
                (
                    "journal",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.journal",
                        verbose_name="journal",
                    ),
                ),
            ],
            options={
                "verbose_name": "step of a grey record",
                "verbose_name_plural": "steps of a grey record",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="HeldResolution",
            fields=[
                ("tap_id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="tap")),
                ("business_date", models.DateField(verbose_name="business date of the tap")),
                (
                    "party",
                    models.CharField(
                        choices=[
                            ("holder", "the holder"),
                            ("operator", "the operator"),
                            ("centre", "the centre"),
                        ],
                        max_length=8,
                        verbose_name="borne by",
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("within_promise", "paid before the promise was due"),
                            ("found", "the card was found, or listed by mistake"),
                            ("not_applied", "the terminal did not apply a list that it could have had"),
                            ("not_published", "the centre published the list too late"),
                        ],
                        max_length=14,
                        verbose_name="rule",
                    ),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("reported_at", models.DateTimeField(verbose_name="reported at")),
                ("promised_at", models.DateTimeField(verbose_name="promise due at")),
                ("published_at", models.DateTimeField(null=True, verbose_name="published at")),
                ("applied_at", models.DateTimeField(null=True, verbose_name="applied by the terminal at")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "decided_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="decided at",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="terminals.hotlistentry",
                        verbose_name="hot list entry",
                    ),
                ),
                (
                    "journal",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.journal",
                        verbose_name="journal",
                    ),
                ),
                (
                    "payable",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.ledgeraccount",
                        verbose_name="merchant",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="terminals.hotlistpolicy",
                        verbose_name="policy",
                    ),
                ),
                (
                    "returned_to",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.ledgeraccount",
                        verbose_name="returned to",
                    ),
                ),
            ],
            options={
                "verbose_name": "held purchase, decided",
                "verbose_name_plural": "held purchases, decided",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="HotListRemoval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("maker", models.CharField(max_length=150, verbose_name="made by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="made at",
                    ),
                ),
                ("checker", models.CharField(blank=True, max_length=150, verbose_name="approved by")),
                ("approved_at", models.DateTimeField(null=True, verbose_name="approved at")),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="removal",
                        to="terminals.hotlistentry",
                        verbose_name="hot list entry",
                    ),
                ),
            ],
            options={
                "verbose_name": "removal from the hot list",
                "verbose_name_plural": "removals from the hot list",
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="grey",
            index=models.Index(fields=["card", "atc"], name="grey_of_card"),
        ),
        migrations.AddConstraint(
            model_name="grey",
            constraint=models.UniqueConstraint(
                fields=("terminal", "terminal_seq", "cause"), name="grey_once_per_sequence_and_cause"
            ),
        ),
        migrations.AddConstraint(
            model_name="grey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cause", "mac2"), ("tac__isnull", False)),
                    models.Q(models.Q(("cause", "mac2"), _negated=True), ("tac", None)),
                    _connector="OR",
                ),
                name="grey_tac_of_a_false_card_only",
            ),
        ),
        migrations.AddConstraint(
            model_name="grey",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gte", 0), ("atc__range", (0, 65535))), name="grey_counts"
            ),
        ),
        migrations.AddConstraint(
            model_name="greystep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")), fields=("grey",), name="grey_opened_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="greystep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open"), _negated=True),
                fields=("grey",),
                name="grey_closed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="greystep",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "settled"), ("journal", None), _connector="OR"),
                name="grey_posted_when_settled",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("occurred_at__lt", models.F("promised_at")),
                        ("party", "holder"),
                        ("rule", "within_promise"),
                    ),
                    models.Q(("party", "holder"), ("rule", "found")),
                    models.Q(
                        ("occurred_at__gte", models.F("promised_at")),
                        ("party", "operator"),
                        ("rule", "not_applied"),
                        ("published_at__isnull", False),
                    ),
                    models.Q(
                        ("occurred_at__gte", models.F("promised_at")),
                        ("party", "centre"),
                        ("rule", "not_published"),
                    ),
                    _connector="OR",
                ),
                name="held_resolution_follows_its_rule",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("party", "holder"), ("returned_to", None)),
                    models.Q(models.Q(("party", "holder"), _negated=True), ("returned_to__isnull", False)),
                    _connector="OR",
                ),
                name="held_resolution_returns_what_the_holder_does_not_bear",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_fen", 0), ("journal", None)),
                    models.Q(("amount_fen__gt", 0), ("journal__isnull", False)),
                    _connector="OR",
                ),
                name="held_resolution_is_posted",
            ),
        ),
        migrations.AddConstraint(
            model_name="hotlistremoval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approved_at", None), ("checker", "")),
                    models.Q(
                        ("approved_at__isnull", False),
                        models.Q(("checker", ""), _negated=True),
                        models.Q(("checker", models.F("maker")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="hot_list_removal_by_two",
            ),
        ),
        migrations.RunSQL(GUARD, "DROP INDEX tap_hot_listed"),
    ]
