"""Three-way reconciliation: differences with their history, and what each terminal's window comes to."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

import citizencard.core.models

# A row never goes and never becomes another one; what becomes of it is written down beside it, whoever changes it.
GUARDS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_differencestep
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_windowcount
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON settlement_reconciliation
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON settlement_difference
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER stays BEFORE UPDATE ON settlement_difference FOR EACH ROW EXECUTE FUNCTION settlement_stays(
    owner, transfer_id, sequences, count, ours_fen, theirs_fen, state, actor, reason, proposed_by, decided_by, closed_at);

CREATE FUNCTION settlement_difference_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement_differencestep (difference_id, state, actor, reason, count, ours_fen, theirs_fen, at)
    SELECT id, state, actor, reason, count, ours_fen, theirs_fen, now() FROM fresh;
    RETURN NULL;
END $$;
CREATE FUNCTION settlement_difference_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement_differencestep (difference_id, state, actor, reason, count, ours_fen, theirs_fen, at)
    SELECT id, fresh.state, fresh.actor, fresh.reason, fresh.count, fresh.ours_fen, fresh.theirs_fen, now()
    FROM fresh JOIN before USING (id)
    WHERE (fresh.state, fresh.reason, fresh.count, fresh.ours_fen, fresh.theirs_fen)
        IS DISTINCT FROM (before.state, before.reason, before.count, before.ours_fen, before.theirs_fen);
    RETURN NULL;
END $$;
CREATE TRIGGER opened AFTER INSERT ON settlement_difference
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION settlement_difference_opened();
CREATE TRIGGER moved AFTER UPDATE ON settlement_difference
    REFERENCING OLD TABLE AS before NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION settlement_difference_moved();
"""

# A sequence of the window is here as a purchase, or was refused: sets, so that nothing counts twice. Purchases without a
# proof (greys) are no records of the terminal's. Sums are compared when every purchase of the window is on a date that was counted.
TOTAL_CHECK = """
CREATE VIEW settlement_totalcheck AS
SELECT told.id AS total_id, told.terminal_id, told.business_date, told.received_at, told.records AS told, told.total_fen AS told_fen,
    (got.records + refused.records)::int AS here, (counted.amount_fen + refused.amount_fen)::bigint AS here_fen,
    CASE WHEN got.records + refused.records < told.records THEN 'missing_upload'
        WHEN got.records + refused.records > told.records THEN 'beyond_total'
        WHEN counted.records + refused.records = told.records AND counted.amount_fen + refused.amount_fen <> told.total_fen
            THEN 'amount_differs' END AS kind
FROM terminals_terminaltotal AS told
CROSS JOIN LATERAL (
    SELECT int8multirange(int8range(from_seq, to_seq, '[]'))
        - (SELECT coalesce(range_agg(int8range(seq, seq, '[]')), '{}') FROM unnest(unfinished) AS seq) AS sequences
) AS wanted
CROSS JOIN LATERAL (
    SELECT terminal.sequences_seen * wanted.sequences - (
        SELECT coalesce(range_agg(int8range(terminal_seq, terminal_seq, '[]')), '{}') FROM terminals_grey AS grey
        WHERE grey.terminal_id = told.terminal_id AND grey.cause IN ('mac2', 'logged') AND wanted.sequences @> grey.terminal_seq
    ) + (
        SELECT coalesce(range_agg(int8range(terminal_seq, terminal_seq, '[]')), '{}') FROM settlement_difference AS held
        WHERE held.terminal_id = told.terminal_id AND held.terminal_seq BETWEEN from_seq AND to_seq AND held.kind = 'key_unusable'
            AND wanted.sequences @> held.terminal_seq
    ) AS sequences
    FROM terminals_terminal AS terminal WHERE terminal.id = told.terminal_id
) AS seen
CROSS JOIN LATERAL (
    SELECT coalesce(sum(upper(part) - lower(part)), 0) AS records FROM unnest(seen.sequences) AS part
) AS got
CROSS JOIN LATERAL (
    SELECT count(*) AS records, coalesce(sum(theirs_fen), 0) AS amount_fen FROM (
        SELECT DISTINCT ON (terminal_seq) theirs_fen FROM settlement_difference AS refusal
        WHERE refusal.terminal_id = told.terminal_id AND refusal.terminal_seq BETWEEN from_seq AND to_seq
            AND refusal.kind IN ('bad_tac', 'unknown_card', 'test_card', 'illegal_data', 'future')
            AND wanted.sequences - seen.sequences @> refusal.terminal_seq
        ORDER BY terminal_seq, refusal.id DESC
    ) AS each
) AS refused
CROSS JOIN LATERAL (
    SELECT coalesce(sum(records), 0) AS records, coalesce(sum(amount_fen), 0) AS amount_fen
    FROM settlement_windowcount WHERE total_id = told.id
) AS counted
"""
DROP = """
DROP VIEW settlement_totalcheck;
DROP FUNCTION settlement_difference_opened, settlement_difference_moved CASCADE;
DROP TRIGGER stays ON settlement_difference;
DROP TRIGGER never_removed ON settlement_difference;
DROP TRIGGER never_removed ON settlement_reconciliation;
DROP TRIGGER append_only ON settlement_windowcount;
DROP TRIGGER append_only ON settlement_differencestep;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0009_contract_rules"),
        ("terminals", "0023_totals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                (
                    "business_date",
                    models.DateField(primary_key=True, serialize=False, verbose_name="business date"),
                ),
                ("counted_at", models.DateTimeField(verbose_name="compared with what came until")),
            ],
            options={
                "verbose_name": "reconciliation",
                "verbose_name_plural": "reconciliations",
            },
        ),
        migrations.CreateModel(
            name="Difference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("business_date", models.DateField(verbose_name="business date")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("missing_upload", "told by the terminal, not uploaded"),
                            ("beyond_total", "uploaded beyond the terminal's total"),
                            ("amount_differs", "as many records, another sum"),
                            ("total_missing", "purchases that no total covers"),
                            ("duplicate", "uploaded again"),
                            ("bad_tac", "refused: wrong TAC"),
                            ("unknown_card", "refused: unknown card"),
                            ("test_card", "refused: card for tests"),
                            ("illegal_data", "refused: illegal data"),
                            ("future", "refused: from the future"),
                            ("terminal_mismatch", "refused: of another terminal"),
                            ("hot_listed", "held: card on the hot list"),
                            ("counter_conflict", "held: counter used twice"),
                            ("over_balance", "claim: beyond the balance"),
                            ("over_limit", "held: beyond the limit"),
                            ("over_price", "held: above the tariff"),
                            ("late", "held: came too late"),
                            ("key_unusable", "held: key out of use"),
                            ("not_in_ledger", "purchase without its transfer"),
                            ("not_a_purchase", "transfer without its purchase"),
                            ("ledger_differs", "purchase and transfer of different amounts"),
                            ("missing_at_bank", "payout that the bank does not show"),
                            ("returned", "payout rejected or returned"),
                            ("unknown_at_bank", "bank entry of unknown origin"),
                            ("bank_amount_differs", "bank file with another amount than ordered"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("subject", models.CharField(max_length=80, verbose_name="subject")),
                (
                    "owner",
                    models.CharField(
                        choices=[("finance", "finance"), ("supervisor", "supervisor")],
                        max_length=10,
                        verbose_name="owner",
                    ),
                ),
                (
                    "terminal_seq",
                    models.BigIntegerField(blank=True, null=True, verbose_name="terminal sequence"),
                ),
                ("source_id", models.BigIntegerField(blank=True, null=True, verbose_name="document")),
                ("transfer_id", models.BigIntegerField(blank=True, null=True, verbose_name="transfer")),
                (
                    "sequences",
                    citizencard.core.models.CounterRanges(editable=False, element="int8", null=True),
                ),
                ("count", models.PositiveIntegerField(verbose_name="records")),
                ("ours_fen", models.BigIntegerField(verbose_name="ours (fen)")),
                ("theirs_fen", models.BigIntegerField(verbose_name="theirs (fen)")),
                ("since", models.DateTimeField(verbose_name="open since")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "open"),
                            ("proposed", "decision proposed"),
                            ("explained", "explained by later data"),
                            ("resolved", "resolved by people"),
                        ],
                        default="open",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("actor", models.CharField(max_length=150, verbose_name="last step by")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("proposed_by", models.CharField(blank=True, max_length=150, verbose_name="proposed by")),
                ("decided_by", models.CharField(blank=True, max_length=150, verbose_name="decided by")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed at")),
                (
                    "merchant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        db_index=False,
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
                (
                    "terminal",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        db_index=False,
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "difference",
                "verbose_name_plural": "differences",
                "permissions": [
                    ("propose_difference", "Say how a difference ends"),
                    ("approve_difference", "Agree to how a difference ends"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DifferenceStep",
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
                            ("open", "open"),
                            ("proposed", "decision proposed"),
                            ("explained", "explained by later data"),
                            ("resolved", "resolved by people"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("actor", models.CharField(max_length=150, verbose_name="actor")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("count", models.PositiveIntegerField(verbose_name="records")),
                ("ours_fen", models.BigIntegerField(verbose_name="ours (fen)")),
                ("theirs_fen", models.BigIntegerField(verbose_name="theirs (fen)")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "difference",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="settlement.difference",
                        verbose_name="difference",
                    ),
                ),
            ],
            options={
                "verbose_name": "step of a difference",
                "verbose_name_plural": "steps of differences",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="WindowCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("business_date", models.DateField(verbose_name="business date")),
                ("records", models.PositiveIntegerField(verbose_name="records")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "total",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="counts",
                        to="terminals.terminaltotal",
                        verbose_name="total",
                    ),
                ),
            ],
            options={
                "verbose_name": "count of a window",
                "verbose_name_plural": "counts of windows",
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="difference",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "proposed"])),
                fields=["since"],
                name="difference_open",
            ),
        ),
        migrations.AddIndex(
            model_name="difference",
            index=models.Index(fields=["business_date", "kind"], name="difference_of_date"),
        ),
        migrations.AddIndex(
            model_name="difference",
            index=models.Index(
                condition=models.Q(("terminal_seq__isnull", False)),
                fields=["terminal", "terminal_seq"],
                name="difference_of_record",
            ),
        ),
        migrations.AddConstraint(
            model_name="difference",
            constraint=models.UniqueConstraint(fields=("kind", "subject"), name="difference_once"),
        ),
        migrations.AddConstraint(
            model_name="difference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("decided_by", ""), ("proposed_by", ""), ("state", "open")),
                    models.Q(
                        ("closed_at", None),
                        ("decided_by", ""),
                        ("proposed_by__gt", ""),
                        ("reason__gt", ""),
                        ("state", "proposed"),
                    ),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("decided_by", ""),
                        ("proposed_by", ""),
                        ("state", "explained"),
                    ),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("decided_by__gt", ""),
                        ("proposed_by__gt", ""),
                        ("reason__gt", ""),
                        ("state", "resolved"),
                        models.Q(
                            models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            ("kind__in", ("total_missing",)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="difference_decided_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="difference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        (
                            "kind__in",
                            (
                                "duplicate",
                                "hot_listed",
                                "counter_conflict",
                                "over_balance",
                                "over_limit",
                                "over_price",
                                "late",
                                "key_unusable",
                                "unknown_at_bank",
                            ),
                        ),
                        _negated=True,
                    ),
                    models.Q(("state__in", ["proposed", "resolved"]), _negated=True),
                    _connector="OR",
                ),
                name="difference_decided_where_it_belongs",
            ),
        ),
        migrations.AddConstraint(
            model_name="difference",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gt", 0), ("ours_fen__gte", 0), ("theirs_fen__gte", 0)),
                name="difference_sane",
            ),
        ),
        migrations.AddConstraint(
            model_name="windowcount",
            constraint=models.UniqueConstraint(
                fields=("total", "business_date"), name="window_counted_once_per_date"
            ),
        ),
        migrations.RunSQL(GUARDS + TOTAL_CHECK, reverse_sql=DROP),
    ]
