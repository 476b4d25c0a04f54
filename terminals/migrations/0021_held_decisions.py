"""Everything that waits in suspense is decided: by two people, or given back in time; and claims are collected or written off."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# What was decided before was the holder's as a whole or not at all. Changing the type rewrites the table without an UPDATE,
# which append_only would refuse.
PAID = """
ALTER TABLE terminals_heldresolution
    ALTER COLUMN paid_fen TYPE bigint USING CASE WHEN party = 'holder' THEN amount_fen ELSE 0 END;
"""
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_claimresolution
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE FUNCTION terminals_proposal_decided_once() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'proposed' OR (OLD.what, OLD.subject_id, OLD.amount_fen, OLD.reason, OLD.maker, OLD.made_at)
            <> (NEW.what, NEW.subject_id, NEW.amount_fen, NEW.reason, NEW.maker, NEW.made_at)
            OR OLD.paid_fen IS DISTINCT FROM NEW.paid_fen THEN
        RAISE EXCEPTION 'a proposal is decided once and stays' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decided_once BEFORE UPDATE ON terminals_heldproposal
    FOR EACH ROW EXECUTE FUNCTION terminals_proposal_decided_once();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON terminals_heldproposal
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
DROP INDEX tap_hot_listed;
CREATE INDEX tap_held ON terminals_tap (id) WHERE outcome NOT IN (1, 4);
"""
GUARD_BACK = """
DROP TRIGGER decided_once ON terminals_heldproposal;
DROP FUNCTION terminals_proposal_decided_once;
DROP INDEX tap_held;
CREATE INDEX tap_hot_listed ON terminals_tap (id) WHERE outcome = 2;
"""

# Kinds 11, 12, 43, 45: purchase held, purchase, grey record and ride beyond the balance. A held one that was a claim is still
# one, once its merchant is paid.
WAITING = """
CREATE VIEW terminals_waiting AS
WITH open AS (
    SELECT 'purchase' AS what, tap.id AS subject_id, tap.business_date, tap.terminal_id, tap.merchant_id, tap.card_id,
        tap.outcome, NULL AS origin, tap.amount_fen, tap.occurred_at, tap.received_at AS since,
        tap.received_at + make_interval(days => terms.decide_days) AS due_at
    FROM terminals_tap AS tap JOIN terminals_merchant AS merchant ON merchant.id = tap.merchant_id
    LEFT JOIN LATERAL (
        SELECT decide_days FROM terminals_acceptancepolicy AS terms
        WHERE tap.outcome IN (3, 5, 6, 8) AND terms.channel = merchant.channel
            AND terms.valid_from <= (tap.occurred_at AT TIME ZONE 'Asia/Shanghai')::date
        ORDER BY terms.valid_from DESC LIMIT 1
    ) AS terms ON true
    WHERE tap.outcome NOT IN (1, 4) AND tap.amount_fen > 0
        AND NOT EXISTS (SELECT FROM terminals_heldresolution AS done WHERE done.tap_id = tap.id)
    UNION ALL
    SELECT 'claim', claim.id, claim.business_date, coalesce(tap.terminal_id, grey.terminal_id, ride.terminal_id),
        coalesce(tap.merchant_id, grey.merchant_id, ride.merchant_id), coalesce(tap.card_id, grey.card_id, ride.card_id),
        tap.outcome, CASE claim.kind WHEN 43 THEN 'grey' WHEN 45 THEN 'ride' END, coalesce(done.paid_fen, claim.amount_fen),
        claim.occurred_at, coalesce(done.decided_at, tap.received_at, grey.received_at, ride.received_at), NULL
    FROM accounts_transfer AS claim
    LEFT JOIN terminals_heldresolution AS done ON claim.kind = 11 AND done.tap_id = claim.source_id
    LEFT JOIN terminals_tap AS tap ON claim.kind IN (11, 12)
        AND (tap.business_date, tap.id) = (claim.business_date, claim.source_id)
    LEFT JOIN terminals_grey AS grey ON claim.kind = 43 AND grey.id = claim.source_id
    LEFT JOIN terminals_ride AS ride ON claim.kind = 45 AND ride.id = claim.source_id
    WHERE claim.debit_id = (SELECT id FROM accounts_ledgeraccount WHERE code = '1221') AND claim.kind IN (11, 12, 43, 45)
        AND (claim.kind <> 11 OR done.paid_fen > 0)
        AND NOT EXISTS (SELECT FROM terminals_claimresolution AS done WHERE done.claim_id = claim.id)
)
SELECT open.what || '-' || open.subject_id AS key, open.what, open.subject_id, open.business_date, open.terminal_id,
    open.merchant_id, open.card_id, open.amount_fen, open.occurred_at, open.since, open.due_at, proposal.id AS proposal_id,
    coalesce(open.origin, (ARRAY['', 'hot_listed', 'counter_conflict', 'over_balance', 'over_limit', 'over_price', 'late',
        'key_unusable'])[open.outcome]) AS cause,
    CASE WHEN open.what = 'purchase' AND open.outcome IN (2, 3, 8) THEN 'supervisor' ELSE 'finance' END AS owner
FROM open LEFT JOIN terminals_heldproposal AS proposal
    ON (proposal.what, proposal.subject_id) = (open.what, open.subject_id) AND proposal.state = 'proposed'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0017_lean_posting"),
        ("terminals", "0020_marks"),
    ]

    operations = [
        migrations.CreateModel(
            name="WaitingPurchase",
            fields=[
                (
                    "key",
                    models.CharField(max_length=30, primary_key=True, serialize=False, verbose_name="number"),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[("purchase", "held purchase"), ("claim", "claim beyond the balance")],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                ("subject_id", models.BigIntegerField(verbose_name="tap or claim")),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("hot_listed", "card on the hot list"),
                            ("counter_conflict", "counter used for another purchase"),
                            ("over_balance", "beyond the balance"),
                            ("over_limit", "beyond the limit for one purchase"),
                            ("over_price", "above the terminal's tariff"),
                            ("late", "came too late"),
                            ("key_unusable", "key version out of use"),
                            ("grey", "purchase without proof, settled on evidence"),
                            ("ride", "ride by code beyond the balance"),
                        ],
                        max_length=16,
                        verbose_name="reason",
                    ),
                ),
                ("business_date", models.DateField(verbose_name="business date")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("since", models.DateTimeField(verbose_name="waits since")),
                ("due_at", models.DateTimeField(null=True, verbose_name="to be decided by")),
                (
                    "owner",
                    models.CharField(
                        choices=[("finance", "Finance"), ("supervisor", "Supervisor")],
                        max_length=10,
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "purchase to be decided",
                "verbose_name_plural": "purchases to be decided",
                "db_table": "terminals_waiting",
                "permissions": [
                    ("propose_held", "Propose what becomes of a held purchase or a claim"),
                    ("approve_held", "Approve or reject what somebody else has proposed for it"),
                ],
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ClaimResolution",
            fields=[
                ("claim_id", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="claim")),
                ("business_date", models.DateField(verbose_name="business date of the claim")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("collected", "collected from the purse"),
                            ("written_off", "written off by two people"),
                        ],
                        max_length=11,
                        verbose_name="rule",
                    ),
                ),
                (
                    "decided_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="decided at",
                    ),
                ),
            ],
            options={
                "verbose_name": "claim, settled",
                "verbose_name_plural": "claims, settled",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="HeldProposal",
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
                        choices=[("purchase", "held purchase"), ("claim", "claim beyond the balance")],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                ("subject_id", models.BigIntegerField(verbose_name="tap or claim")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("paid_fen", models.BigIntegerField(null=True, verbose_name="to the merchant (fen)")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("maker", models.CharField(max_length=150, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("proposed", "proposed"),
                            ("approved", "approved"),
                            ("rejected", "rejected"),
                            ("lapsed", "not decided in time"),
                        ],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "checker",
                    models.CharField(blank=True, default="", max_length=150, verbose_name="decided by"),
                ),
                ("checked_at", models.DateTimeField(null=True, verbose_name="decided at")),
                (
                    "answer",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="why rejected"),
                ),
            ],
            options={
                "verbose_name": "proposal for a held purchase",
                "verbose_name_plural": "proposals for held purchases",
                "default_permissions": (),
            },
        ),
        migrations.RemoveConstraint(
            model_name="acceptancepolicy",
            name="acceptance_policy_says_what_and_why",
        ),
        migrations.RemoveConstraint(
            model_name="heldresolution",
            name="held_resolution_follows_its_rule",
        ),
        migrations.AddField(
            model_name="acceptancepolicy",
            name="decide_days",
            field=models.PositiveIntegerField(
                db_default=30,
                default=30,
                help_text="what is held and not decided by then is given back",
                verbose_name="decided within (days)",
            ),
        ),
        migrations.AddField(
            model_name="heldresolution",
            name="outcome",
            field=models.SmallIntegerField(
                choices=[
                    (1, "accepted"),
                    (2, "suspended: card on the hot list"),
                    (3, "suspended: counter used for another purchase"),
                    (4, "suspended: beyond the balance"),
                    (5, "suspended: beyond the limit for one purchase"),
                    (6, "suspended: above the terminal's tariff"),
                    (7, "suspended: came too late"),
                    (8, "suspended: key version out of use, not checkable"),
                ],
                default=2,
                verbose_name="outcome",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="heldresolution",
            name="paid_fen",
            field=models.BigIntegerField(default=0, verbose_name="paid to the merchant (fen)"),
            preserve_default=False,
        ),
        migrations.RunSQL(PAID, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="heldresolution",
            name="terms",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="terminals.acceptancepolicy",
                verbose_name="acceptance policy",
            ),
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="entry",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="terminals.hotlistentry",
                verbose_name="hot list entry",
            ),
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="policy",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="terminals.hotlistpolicy",
                verbose_name="policy",
            ),
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="promised_at",
            field=models.DateTimeField(null=True, verbose_name="promise due at"),
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="reported_at",
            field=models.DateTimeField(null=True, verbose_name="reported at"),
        ),
        migrations.AlterField(
            model_name="heldresolution",
            name="rule",
            field=models.CharField(
                choices=[
                    ("within_promise", "paid before the promise was due"),
                    ("found", "the card was found, or listed by mistake"),
                    ("not_applied", "the terminal did not apply a list that it could have had"),
                    ("not_published", "the centre published the list too late"),
                    ("late", "came too late to be charged"),
                    ("not_decided", "not decided in time"),
                    ("decided", "decided by two people"),
                ],
                max_length=14,
                verbose_name="rule",
            ),
        ),
        migrations.AddConstraint(
            model_name="acceptancepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decide_days__gte", 1),
                    ("late_days__gte", 1),
                    ("purchase_limit_fen__gte", 1),
                    models.Q(("legal_basis", ""), _negated=True),
                ),
                name="acceptance_policy_says_what_and_why",
            ),
        ),
        migrations.AddField(
            model_name="claimresolution",
            name="journal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.journal",
                verbose_name="journal",
            ),
        ),
        migrations.AddField(
            model_name="claimresolution",
            name="proof",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.topuporder",
                verbose_name="proved by",
            ),
        ),
        migrations.AddField(
            model_name="claimresolution",
            name="purse_account",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.ledgeraccount",
                verbose_name="collected from",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldproposal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["proposed", "approved"])),
                fields=("what", "subject_id"),
                name="held_proposal_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("maker", models.F("checker")), _negated=True),
                name="held_maker_is_not_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("paid_fen__gte", 0),
                        ("paid_fen__isnull", False),
                        ("what", "purchase"),
                        ("paid_fen__lte", models.F("amount_fen")),
                    ),
                    models.Q(("paid_fen", None), ("what", "claim")),
                    _connector="OR",
                ),
                name="held_proposal_within_the_purchase",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                    models.Q(("checked_at__isnull", False), ("checker", ""), ("state", "lapsed")),
                    models.Q(
                        ("checked_at__isnull", False),
                        ("state__in", ["approved", "rejected"]),
                        models.Q(("checker", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="held_proposal_decided_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", ""), _negated=True),
                    models.Q(("maker", ""), _negated=True),
                    models.Q(
                        models.Q(("state", "rejected"), _negated=True),
                        models.Q(("answer", ""), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="held_proposal_says_why",
            ),
        ),
        migrations.AddField(
            model_name="claimresolution",
            name="proposal",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="write_off",
                to="terminals.heldproposal",
                verbose_name="proposal",
            ),
        ),
        migrations.AddField(
            model_name="heldresolution",
            name="proposal",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="resolution",
                to="terminals.heldproposal",
                verbose_name="proposal",
            ),
        ),
        migrations.AddConstraint(
            model_name="heldresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("entry__isnull", False),
                        ("outcome", 2),
                        ("policy__isnull", False),
                        ("promised_at__isnull", False),
                        ("proposal", None),
                        ("reported_at__isnull", False),
                        ("terms", None),
                        models.Q(
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
                    ),
                    models.Q(
                        ("applied_at", None),
                        ("entry", None),
                        ("policy", None),
                        ("promised_at", None),
                        ("published_at", None),
                        ("reported_at", None),
                        ("paid_fen", 0),
                        ("party", "operator"),
                        ("proposal", None),
                        ("terms__isnull", False),
                        models.Q(
                            models.Q(("outcome", 7), ("rule", "late")),
                            models.Q(("outcome__in", [3, 5, 6, 8]), ("rule", "not_decided")),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("applied_at", None),
                        ("entry", None),
                        ("policy", None),
                        ("promised_at", None),
                        ("published_at", None),
                        ("reported_at", None),
                        ("party__in", ["holder", "operator"]),
                        ("proposal__isnull", False),
                        ("rule", "decided"),
                        ("terms", None),
                        models.Q(("outcome__in", [1, 4]), _negated=True),
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
                    models.Q(("paid_fen", models.F("amount_fen")), ("party", "holder")),
                    models.Q(
                        ("paid_fen__gte", 0), ("paid_fen__lt", models.F("amount_fen")), ("party", "operator")
                    ),
                    models.Q(("paid_fen", 0), ("party__in", ["operator", "centre"])),
                    _connector="OR",
                ),
                name="held_resolution_pays_what_the_holder_bears",
            ),
        ),
        migrations.AddConstraint(
            model_name="claimresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("proposal", None), ("purse_account__isnull", False), ("rule", "collected")),
                    models.Q(
                        ("proof", None),
                        ("proposal__isnull", False),
                        ("purse_account", None),
                        ("rule", "written_off"),
                    ),
                    _connector="OR",
                ),
                name="claim_resolution_follows_its_rule",
            ),
        ),
        migrations.AddConstraint(
            model_name="claimresolution",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="claim_resolution_counts"
            ),
        ),
        migrations.RunSQL(GUARD, GUARD_BACK),
        migrations.RunSQL(WAITING, "DROP VIEW terminals_waiting"),
    ]
