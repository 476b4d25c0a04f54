import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_bank"),
        ("settlement", "0005_proofs"),
        ("terminals", "0021_held_decisions"),
    ]

    operations = [
        migrations.CreateModel(
            name="BankFile",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("pain.001", "payment order (pain.001)"),
                            ("text", "payment order (text)"),
                            ("pain.002", "payment status (pain.002)"),
                            ("camt.053", "account statement (camt.053)"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("sha256", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                ("size", models.PositiveIntegerField(verbose_name="bytes")),
                (
                    "content_sealed",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BinaryField(), editable=False, size=None
                    ),
                ),
                ("problems", models.JSONField(blank=True, default=list, verbose_name="what is wrong")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
            options={
                "verbose_name": "bank file",
                "verbose_name_plural": "bank files",
            },
        ),
        migrations.CreateModel(
            name="BankSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="maker")),
                ("made_at", models.DateTimeField(auto_now_add=True, verbose_name="made at")),
                ("checker", models.CharField(blank=True, max_length=100, verbose_name="checked by")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                ("prefix", models.CharField(max_length=20, verbose_name="prefix of the reference")),
                (
                    "chart",
                    models.CharField(
                        choices=[
                            ("1011", "counter cash"),
                            ("1012", "payment gateway receivable"),
                            ("1015", "direct debit receivable"),
                        ],
                        max_length=4,
                        verbose_name="chart account",
                    ),
                ),
            ],
            options={
                "verbose_name": "source of receipts",
                "verbose_name_plural": "sources of receipts",
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("checker__gt", ""),
                                ("state__in", ["approved", "refused"]),
                                models.Q(("checker", models.F("maker")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="banksource_checked_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis__gt", "")), name="banksource_has_a_basis"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("chart__in", ["1011", "1012", "1015"]), ("prefix__regex", "^[A-Z0-9-]{2,20}$")
                        ),
                        name="banksource_sane",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=35, unique=True, verbose_name="statement number")),
                ("day", models.DateField(verbose_name="closing date")),
                ("opening_fen", models.BigIntegerField(verbose_name="opening balance (fen)")),
                ("closing_fen", models.BigIntegerField(verbose_name="closing balance (fen)")),
                ("credit_fen", models.BigIntegerField(verbose_name="credits (fen)")),
                ("debit_fen", models.BigIntegerField(verbose_name="debits (fen)")),
                ("count", models.PositiveIntegerField(verbose_name="entries")),
                (
                    "file",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="settlement.bankfile",
                        verbose_name="bank file",
                    ),
                ),
                (
                    "previous",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="next",
                        to="settlement.bankstatement",
                        verbose_name="statement before",
                    ),
                ),
            ],
            options={
                "verbose_name": "bank statement",
                "verbose_name_plural": "bank statements",
            },
        ),
        migrations.CreateModel(
            name="PayoutAccount",
            fields=[
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="maker")),
                ("made_at", models.DateTimeField(auto_now_add=True, verbose_name="made at")),
                ("checker", models.CharField(blank=True, max_length=100, verbose_name="checked by")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("bank_code", models.CharField(max_length=12, verbose_name="bank code (CNAPS)")),
                ("holder_sealed", models.BinaryField()),
                ("holder_mask", models.CharField(max_length=140, verbose_name="account holder")),
                ("number_sealed", models.BinaryField()),
                ("number_mask", models.CharField(max_length=40, verbose_name="account number")),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payout_accounts",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "payout account",
                "verbose_name_plural": "payout accounts",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PayoutBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="batch number")),
                ("through", models.DateField(verbose_name="cleared through")),
                ("round", models.PositiveSmallIntegerField(default=1, verbose_name="round")),
                ("value_date", models.DateField(verbose_name="value date")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("drafted", "drafted"),
                            ("proposed", "proposed"),
                            ("approved", "approved"),
                            ("sent", "sent to the bank"),
                            ("settled", "settled"),
                            ("partly_returned", "settled with returns"),
                            ("refused", "refused"),
                        ],
                        default="drafted",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("count", models.PositiveIntegerField(verbose_name="orders")),
                ("total_fen", models.BigIntegerField(verbose_name="total (fen)")),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                ("needs_second", models.BooleanField(verbose_name="needs a second approval")),
                ("made_by", models.CharField(max_length=100, verbose_name="made by")),
                ("made_at", models.DateTimeField(verbose_name="made at")),
                ("proposed_by", models.CharField(blank=True, max_length=100, verbose_name="proposed by")),
                ("approved_by", models.CharField(blank=True, max_length=100, verbose_name="approved by")),
                ("seconded_by", models.CharField(blank=True, max_length=100, verbose_name="seconded by")),
                ("refused_by", models.CharField(blank=True, max_length=100, verbose_name="refused by")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent at")),
            ],
            options={
                "verbose_name": "payout batch",
                "verbose_name_plural": "payout batches",
                "constraints": [
                    models.UniqueConstraint(fields=("through", "round"), name="payout_batch_once_per_round"),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "refused"), _negated=True),
                        fields=("through",),
                        name="payout_batch_once_per_date",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("count__gt", 0), ("total_fen__gt", 0)),
                        name="payout_batch_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["drafted", "proposed", "refused"]),
                            models.Q(
                                ("approved_by__gt", ""),
                                ("proposed_by__gt", ""),
                                models.Q(("approved_by", models.F("proposed_by")), _negated=True),
                                models.Q(("approved_by", models.F("made_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="payout_approved_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["drafted", "proposed", "refused"]),
                            ("needs_second", False),
                            models.Q(
                                ("seconded_by__gt", ""),
                                models.Q(("seconded_by", models.F("approved_by")), _negated=True),
                                models.Q(("seconded_by", models.F("proposed_by")), _negated=True),
                                models.Q(("seconded_by", models.F("made_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="payout_seconded_by_a_third",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("sent_at__isnull", False),
                                ("state__in", ["sent", "settled", "partly_returned"]),
                            ),
                            models.Q(
                                ("sent_at", None),
                                ("state__in", ["drafted", "proposed", "approved", "refused"]),
                            ),
                            _connector="OR",
                        ),
                        name="payout_batch_sent_at_a_time",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="bankfile",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="settlement.payoutbatch",
                verbose_name="batch",
            ),
        ),
        migrations.CreateModel(
            name="PayoutCarried",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("nothing_due", "nothing is due"),
                            ("owed_by_merchant", "the merchant owes: offset against later settlements"),
                            ("no_account", "no approved payout account"),
                            ("account_failed", "the last payout to this account came back"),
                            ("frozen", "the settlement account is frozen or closed"),
                        ],
                        max_length=20,
                        verbose_name="why",
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="carried",
                        to="settlement.payoutbatch",
                        verbose_name="batch",
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
            ],
            options={
                "verbose_name": "carried forward",
                "verbose_name_plural": "carried forward",
            },
        ),
        migrations.CreateModel(
            name="PayoutOrder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("end_to_end_id", models.CharField(max_length=35, unique=True, verbose_name="end-to-end id")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("sent", "on its way"),
                            ("paid", "paid"),
                            ("rejected", "rejected by our bank"),
                            ("returned", "returned by the payee's bank"),
                            ("dropped", "dropped with its batch"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("failure", models.CharField(blank=True, max_length=140, verbose_name="why it came back")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="settlement.payoutaccount",
                        verbose_name="payout account",
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="settlement.payoutbatch",
                        verbose_name="batch",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
            ],
            options={
                "verbose_name": "payout order",
                "verbose_name_plural": "payout orders",
            },
        ),
        migrations.CreateModel(
            name="BankEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("row", models.PositiveIntegerField(verbose_name="row")),
                ("signed_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("booked_on", models.DateField(verbose_name="booking date")),
                ("valued_on", models.DateField(verbose_name="value date")),
                ("reference", models.CharField(blank=True, max_length=35, verbose_name="bank reference")),
                ("end_to_end_id", models.CharField(blank=True, max_length=35, verbose_name="end-to-end id")),
                ("note", models.CharField(blank=True, max_length=140, verbose_name="note")),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("payout", "payout booked"),
                            ("return", "payout returned"),
                            ("receipt", "settlement or deposit"),
                            ("known", "in the books before"),
                            ("suspense", "held in suspense"),
                        ],
                        max_length=8,
                        verbose_name="what it is",
                    ),
                ),
                ("transfer_date", models.DateField(verbose_name="business date")),
                ("transfer_id", models.BigIntegerField(verbose_name="transfer")),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="settlement.bankstatement",
                        verbose_name="bank statement",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="settlement.payoutorder",
                        verbose_name="payout order",
                    ),
                ),
            ],
            options={
                "verbose_name": "bank entry",
                "verbose_name_plural": "bank entries",
            },
        ),
        migrations.CreateModel(
            name="PayoutPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="maker")),
                ("made_at", models.DateTimeField(auto_now_add=True, verbose_name="made at")),
                ("checker", models.CharField(blank=True, max_length=100, verbose_name="checked by")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "second_approval_from_fen",
                    models.BigIntegerField(verbose_name="second approval from (fen)"),
                ),
            ],
            options={
                "verbose_name": "payout policy",
                "verbose_name_plural": "payout policies",
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("checker__gt", ""),
                                ("state__in", ["approved", "refused"]),
                                models.Q(("checker", models.F("maker")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="payoutpolicy_checked_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("legal_basis__gt", "")), name="payoutpolicy_has_a_basis"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("second_approval_from_fen__gt", 0)),
                        name="payoutpolicy_amount_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReserveReport",
            fields=[
                (
                    "business_date",
                    models.DateField(primary_key=True, serialize=False, verbose_name="business date"),
                ),
                ("holders_fen", models.BigIntegerField(verbose_name="owed to card holders (fen)")),
                ("merchants_fen", models.BigIntegerField(verbose_name="owed to merchants (fen)")),
                ("suspense_fen", models.BigIntegerField(verbose_name="in suspense (fen)")),
                ("own_fen", models.BigIntegerField(verbose_name="our own (fen)")),
                ("elsewhere_fen", models.BigIntegerField(verbose_name="held elsewhere (fen)")),
                ("late_fen", models.BigIntegerField(verbose_name="booked after the date (fen)")),
                ("waiting_fen", models.BigIntegerField(verbose_name="not at the bank yet (fen)")),
                ("bank_fen", models.BigIntegerField(verbose_name="closing balance at the bank (fen)")),
                ("made_by", models.CharField(max_length=100, verbose_name="made by")),
                ("made_at", models.DateTimeField(auto_now_add=True, verbose_name="made at")),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="settlement.bankstatement",
                        verbose_name="bank statement",
                    ),
                ),
            ],
            options={
                "verbose_name": "reserve-fund report",
                "verbose_name_plural": "reserve-fund reports",
            },
        ),
        migrations.CreateModel(
            name="SuspenseItem",
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
                        choices=[
                            ("unknown_receipt", "receipt of unknown origin"),
                            ("unknown_debit", "debit of unknown cause"),
                            ("paid_twice", "payout booked a second time"),
                            ("paid_after_rejection", "payout booked although it was rejected"),
                            ("returned_unpaid", "return of a payout that is not out"),
                            ("above_claim", "receipt above what its payer owes"),
                            ("reserve_difference", "reserve and bank differ"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("subject", models.CharField(max_length=60, verbose_name="subject")),
                ("signed_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("opened_on", models.DateField(verbose_name="open since")),
                (
                    "owner",
                    models.CharField(
                        choices=[("finance", "finance"), ("supervisor", "supervisor")],
                        max_length=10,
                        verbose_name="owner",
                    ),
                ),
                ("assignee", models.CharField(blank=True, max_length=100, verbose_name="assigned to")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "open"),
                            ("proposed", "resolution proposed"),
                            ("resolved", "resolved"),
                            ("gone", "gone"),
                        ],
                        default="open",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("proposed_by", models.CharField(blank=True, max_length=100, verbose_name="proposed by")),
                ("resolved_by", models.CharField(blank=True, max_length=100, verbose_name="resolved by")),
                ("resolved_at", models.DateTimeField(blank=True, null=True, verbose_name="resolved at")),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="suspense",
                        to="settlement.bankentry",
                        verbose_name="bank entry",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.ledgeraccount",
                        verbose_name="goes to account",
                    ),
                ),
            ],
            options={
                "verbose_name": "suspense item",
                "verbose_name_plural": "suspense items",
            },
        ),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "closing_fen",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("opening_fen"), "+", models.F("credit_fen")
                            ),
                            "-",
                            models.F("debit_fen"),
                        ),
                    )
                ),
                name="bank_statement_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("previous", None)),
                fields=("previous",),
                name="one_first_bank_statement",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                    models.Q(
                        ("checked_at__isnull", False),
                        ("checker__gt", ""),
                        ("state__in", ["approved", "refused"]),
                        models.Q(("checker", models.F("maker")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="payoutaccount_checked_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("legal_basis__gt", "")), name="payoutaccount_has_a_basis"
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("bank_code__regex", "^[0-9]{12}$")), name="payoutaccount_bank_code"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("problems", [])), fields=("sha256",), name="bank_file_taken_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["pain.001", "text"])),
                fields=("batch", "kind"),
                name="bank_file_once_per_batch",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutcarried",
            constraint=models.UniqueConstraint(
                fields=("batch", "merchant"), name="carried_once_per_merchant"
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutorder",
            constraint=models.UniqueConstraint(fields=("batch", "merchant"), name="payout_once_per_merchant"),
        ),
        migrations.AddConstraint(
            model_name="payoutorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="payout_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("failure", ""), ("state__in", ["rejected", "returned"]), _connector="OR"),
                name="payout_failure_of_a_failed_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(fields=("statement", "row"), name="bank_entry_row_once"),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(
                fields=("transfer_date", "transfer_id"), name="bank_entry_one_transfer"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("what__in", ["payout", "return"])),
                fields=("order", "what"),
                name="payout_booked_and_returned_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("signed_fen", 0), _negated=True), name="bank_entry_not_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("order__isnull", False), ("signed_fen__lt", 0), ("what", "payout")),
                    models.Q(("order__isnull", False), ("signed_fen__gt", 0), ("what", "return")),
                    models.Q(("order", None), ("signed_fen__gt", 0), ("what", "receipt")),
                    ("what__in", ["known", "suspense"]),
                    _connector="OR",
                ),
                name="bank_entry_is_what_it_says",
            ),
        ),
        migrations.AddConstraint(
            model_name="reservereport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "bank_fen",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("holders_fen"), "+", models.F("merchants_fen")
                                            ),
                                            "+",
                                            models.F("suspense_fen"),
                                        ),
                                        "+",
                                        models.F("own_fen"),
                                    ),
                                    "-",
                                    models.F("elsewhere_fen"),
                                ),
                                "+",
                                models.F("late_fen"),
                            ),
                            "-",
                            models.F("waiting_fen"),
                        ),
                    )
                ),
                name="reserve_agrees_to_the_fen",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspenseitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("entry", None), ("kind", "reserve_difference"), ("target", None)),
                    models.Q(
                        models.Q(("kind", "reserve_difference"), _negated=True), ("entry__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="suspense_of_an_entry",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspenseitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("signed_fen", 0), _negated=True), name="suspense_not_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="suspenseitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("proposed_by", ""),
                        ("resolved_at", None),
                        ("resolved_by", ""),
                        ("state", "open"),
                        ("target", None),
                    ),
                    models.Q(
                        ("proposed_by__gt", ""),
                        ("reason__gt", ""),
                        ("resolved_at", None),
                        ("resolved_by", ""),
                        ("state", "proposed"),
                        ("target__isnull", False),
                    ),
                    models.Q(
                        ("proposed_by__gt", ""),
                        ("reason__gt", ""),
                        ("resolved_at__isnull", False),
                        ("resolved_by__gt", ""),
                        ("state", "resolved"),
                        ("target__isnull", False),
                        models.Q(("resolved_by", models.F("proposed_by")), _negated=True),
                    ),
                    models.Q(
                        ("kind", "reserve_difference"), ("resolved_at__isnull", False), ("state", "gone")
                    ),
                    _connector="OR",
                ),
                name="suspense_resolved_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="suspenseitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "reserve_difference"), ("state", "open")),
                fields=("subject",),
                name="one_open_difference_per_date",
            ),
        ),
    ]
