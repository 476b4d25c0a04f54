"""Disputes: their policies, cases, evidence and decisions, and what the database keeps of them."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# A case keeps what it is about; a decision is taken once; evidence and policies stay.
KEPT = """
CREATE FUNCTION settlement_dispute_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.closed_at IS NULL AND to_jsonb(OLD) - ARRAY['state', 'due_on', 'asked_at', 'closed_at']
            = to_jsonb(NEW) - ARRAY['state', 'due_on', 'asked_at', 'closed_at']
        AND (NEW.state <> 'refused' OR OLD.state IN ('answered', 'refused')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'of a dispute only its steps are written, none after its end, and none is refused without evidence'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'dispute_takes_its_steps';
END $$;
CREATE TRIGGER takes_steps BEFORE UPDATE OR DELETE ON settlement_dispute
    FOR EACH ROW EXECUTE FUNCTION settlement_dispute_steps();

CREATE FUNCTION settlement_dispute_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'proposed' AND NEW.state <> 'proposed'
        AND to_jsonb(OLD) - ARRAY['state', 'checker', 'checked_at', 'answer']
            = to_jsonb(NEW) - ARRAY['state', 'checker', 'checked_at', 'answer'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a decision is taken once and never changes'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'dispute_decided_once';
END $$;
CREATE TRIGGER decided_once BEFORE UPDATE OR DELETE ON settlement_disputedecision
    FOR EACH ROW EXECUTE FUNCTION settlement_dispute_decided_once();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_disputeevidence
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_disputepolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE CONSTRAINT TRIGGER approved AFTER INSERT ON settlement_disputepolicy DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION settlement_needs_approval();
"""
KEPT_BACK = """
DROP TRIGGER approved ON settlement_disputepolicy;
DROP TRIGGER append_only ON settlement_disputepolicy;
DROP TRIGGER append_only ON settlement_disputeevidence;
DROP TRIGGER decided_once ON settlement_disputedecision;
DROP FUNCTION settlement_dispute_decided_once();
DROP TRIGGER takes_steps ON settlement_dispute;
DROP FUNCTION settlement_dispute_steps();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0020_disputes"),
        ("settlement", "0010_differences"),
        ("terminals", "0022_merchants_without_terms"),
    ]
    operations = [
        migrations.AlterField(
            model_name="proposal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("contract", "contract"),
                    ("calendar", "settlement calendar"),
                    ("cut_off", "cut-off time"),
                    ("adjustments", "adjustment policy"),
                    ("disputes", "dispute policy"),
                ],
                max_length=11,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="DisputePolicy",
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
                            ("not_mine", "not mine"),
                            ("twice", "charged twice"),
                            ("amount", "wrong amount"),
                            ("not_given", "service not given"),
                            ("ride_open", "ride not ended"),
                            ("top_up", "top-up not arrived"),
                        ],
                        max_length=9,
                        verbose_name="kind",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("file_days", models.PositiveSmallIntegerField(verbose_name="may be disputed for (days)")),
                ("evidence_days", models.PositiveSmallIntegerField(verbose_name="working days for evidence")),
                ("decide_days", models.PositiveSmallIntegerField(verbose_name="working days to decide")),
                ("appeal_days", models.PositiveSmallIntegerField(verbose_name="working days to appeal")),
                ("advance_up_to_fen", models.BigIntegerField(verbose_name="advanced up to (fen)")),
                (
                    "two_people_from_fen",
                    models.BigIntegerField(verbose_name="decided by two people from (fen)"),
                ),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "proposal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dispute_policy",
                        to="settlement.proposal",
                        verbose_name="settlement proposal",
                    ),
                ),
            ],
            options={
                "verbose_name": "dispute policy",
                "verbose_name_plural": "dispute policies",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True, verbose_name="tracking number")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("not_mine", "not mine"),
                            ("twice", "charged twice"),
                            ("amount", "wrong amount"),
                            ("not_given", "service not given"),
                            ("ride_open", "ride not ended"),
                            ("top_up", "top-up not arrived"),
                        ],
                        max_length=9,
                        verbose_name="kind",
                    ),
                ),
                ("place", models.CharField(blank=True, max_length=100, verbose_name="place")),
                ("charged_fen", models.BigIntegerField(verbose_name="charged (fen)")),
                ("facts", models.JSONField(default=dict, verbose_name="facts")),
                ("opened_by", models.CharField(max_length=100, verbose_name="opened by")),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("opened", "taken in"),
                            ("asked", "evidence asked for"),
                            ("answered", "evidence given"),
                            ("granted", "decided for the holder"),
                            ("refused", "decided against the holder"),
                            ("appealed", "appealed"),
                            ("closed", "closed"),
                        ],
                        default="opened",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("decide_by", models.DateField(verbose_name="promised by")),
                ("due_on", models.DateField(null=True, verbose_name="due on")),
                (
                    "asked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="evidence asked for at"),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed at")),
                (
                    "charge",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dispute",
                        to="accounts.disputedcharge",
                        verbose_name="disputed charge",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="settlement.disputepolicy",
                        verbose_name="policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "dispute",
                "verbose_name_plural": "disputes",
                "permissions": [
                    ("handle_dispute", "Open disputes, ask for evidence and file it"),
                    ("decide_dispute", "Decide disputes, and what somebody else has proposed for one"),
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="DisputeDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("grant", "for the holder"),
                            ("refuse", "against the holder"),
                            ("write_off", "write the credit off"),
                        ],
                        max_length=9,
                        verbose_name="decision",
                    ),
                ),
                (
                    "bearer",
                    models.CharField(
                        blank=True,
                        choices=[("", "–"), ("merchant", "the merchant"), ("centre", "the centre")],
                        max_length=8,
                        verbose_name="borne by",
                    ),
                ),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("people", "decided by people"),
                            ("no_evidence", "no evidence in time"),
                            ("not_decided", "not decided in time"),
                        ],
                        max_length=11,
                        verbose_name="rule",
                    ),
                ),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("by_two", models.BooleanField(verbose_name="takes two people")),
                ("on_appeal", models.BooleanField(verbose_name="on appeal")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("proposed", "proposed"),
                            ("done", "decided"),
                            ("rejected", "rejected"),
                            ("lapsed", "lapsed"),
                        ],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="decided by")),
                ("made_at", models.DateTimeField(verbose_name="decided at")),
                (
                    "checker",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why rejected"
                    ),
                ),
                (
                    "dispute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="settlement.dispute",
                        verbose_name="dispute",
                    ),
                ),
            ],
            options={
                "verbose_name": "decision of a dispute",
                "verbose_name_plural": "decisions of disputes",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("bearer__in", ["merchant", "centre"]), ("outcome", "grant")),
                            models.Q(
                                ("bearer", ""), ("outcome__in", ["refuse", "write_off"]), ("rule", "people")
                            ),
                            _connector="OR",
                        ),
                        name="decision_says_who_bears_it",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("by_two", True), ("checked_at", None), ("checker", ""), ("state", "proposed")
                            ),
                            models.Q(
                                ("by_two", False), ("checked_at", None), ("checker", ""), ("state", "done")
                            ),
                            models.Q(
                                ("by_two", True),
                                ("checked_at__isnull", False),
                                ("state", "done"),
                                models.Q(("checker", ""), _negated=True),
                            ),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("state", "rejected"),
                                models.Q(("checker", ""), _negated=True),
                            ),
                            models.Q(("checked_at__isnull", False), ("checker", ""), ("state", "lapsed")),
                            _connector="OR",
                        ),
                        name="decision_of_two_has_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maker", models.F("checker")), _negated=True),
                        name="decision_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="decision_has_a_reason"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "proposed")),
                        fields=("dispute",),
                        name="one_decision_proposed",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "done")),
                        fields=("dispute", "outcome", "on_appeal"),
                        name="decided_once_each_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DisputeEvidence",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "party",
                    models.CharField(
                        choices=[
                            ("holder", "the holder"),
                            ("merchant", "the merchant"),
                            ("centre", "the centre"),
                        ],
                        max_length=8,
                        verbose_name="brought by",
                    ),
                ),
                ("actor", models.CharField(max_length=100, verbose_name="filed by")),
                ("filed_at", models.DateTimeField(verbose_name="filed at")),
                ("words_sealed", models.BinaryField(null=True, verbose_name="words")),
                ("file_sealed", models.BinaryField(null=True, verbose_name="file")),
                (
                    "file_kind",
                    models.CharField(
                        blank=True,
                        choices=[("", "no file"), ("pdf", "PDF"), ("jpeg", "JPEG"), ("png", "PNG")],
                        max_length=4,
                        verbose_name="kind of file",
                    ),
                ),
                (
                    "file_bytes",
                    models.PositiveIntegerField(db_default=0, default=0, verbose_name="size (bytes)"),
                ),
                ("digest", models.BinaryField(max_length=32, null=True, verbose_name="SHA-256")),
                (
                    "dispute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
                        to="settlement.dispute",
                        verbose_name="dispute",
                    ),
                ),
            ],
            options={
                "verbose_name": "evidence of a dispute",
                "verbose_name_plural": "evidence of disputes",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("digest", None), ("file_bytes", 0), ("file_kind", ""), ("file_sealed", None)
                            ),
                            models.Q(
                                ("digest__isnull", False),
                                ("file_bytes__gt", 0),
                                ("file_kind__in", ["pdf", "jpeg", "png"]),
                                ("file_sealed__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="evidence_file_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("words_sealed__isnull", False), ("file_sealed__isnull", False), _connector="OR"
                        ),
                        name="evidence_says_something",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="disputepolicy",
            constraint=models.UniqueConstraint(
                fields=("kind", "valid_from"), name="one_dispute_policy_per_date"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("legal_basis", ""), _negated=True),
                    ("appeal_days__gte", 1),
                    ("decide_days__gte", models.F("evidence_days")),
                    ("evidence_days__gte", 1),
                    ("advance_up_to_fen__gte", 0),
                    ("two_people_from_fen__gte", 0),
                ),
                name="dispute_policy_says_what_and_why",
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(
                condition=models.Q(("closed_at", None)), fields=["due_on"], name="dispute_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at__isnull", False), ("due_on", None), ("state__in", ["granted", "closed"])
                    ),
                    models.Q(
                        ("closed_at", None),
                        ("due_on__isnull", False),
                        ("state__in", ["opened", "asked", "answered", "refused", "appealed"]),
                    ),
                    _connector="OR",
                ),
                name="dispute_under_way_has_a_clock",
            ),
        ),
        migrations.RunSQL(KEPT, KEPT_BACK),
    ]
