"""Mandates with their collections, notices, subsidy batches, family links."""

import django.db.models.deletion
import django_fsm
from django.db import migrations, models

# Stopped is stopped, and nothing is begun on what is not active, whoever writes: the lock makes a stop and a collection
# that meet take turns.
MANDATES = """
CREATE FUNCTION accounts_mandate_stays_stopped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'mandate % was stopped', OLD.reference
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'mandate_stays_stopped';
END $$;
CREATE TRIGGER stays_stopped BEFORE UPDATE ON accounts_mandate FOR EACH ROW
    WHEN (OLD.state = 'stopped' AND NEW.state <> 'stopped') EXECUTE FUNCTION accounts_mandate_stays_stopped();

CREATE FUNCTION accounts_collection_needs_mandate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM accounts_mandate WHERE id = NEW.mandate_id AND state = 'active' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'mandate % is not active', NEW.mandate_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'collection_of_active_mandate';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER needs_mandate BEFORE INSERT ON accounts_mandatecollection FOR EACH ROW
    EXECUTE FUNCTION accounts_collection_needs_mandate();
"""
MANDATES_BACK = """
DROP TRIGGER needs_mandate ON accounts_mandatecollection;
DROP FUNCTION accounts_collection_needs_mandate();
DROP TRIGGER stays_stopped ON accounts_mandate;
DROP FUNCTION accounts_mandate_stays_stopped();
"""
# What the second person approves is what the first one uploaded.
LINES = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_subsidyline
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_subsidyfunds
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
LINES_BACK = """
DROP TRIGGER append_only ON accounts_subsidyfunds;
DROP TRIGGER append_only ON accounts_subsidyline;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_topup"),
    ]

    operations = [
        migrations.AlterField(
            model_name="consent",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("card", "issue and use of the citizen card"),
                    ("mandate", "automatic top-up by direct debit"),
                ],
                max_length=20,
                verbose_name="purpose",
            ),
        ),
        migrations.CreateModel(
            name="Mandate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reference", models.CharField(max_length=32, unique=True, verbose_name="reference")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("threshold_fen", models.BigIntegerField(verbose_name="collected below (fen)")),
                ("day_cap_fen", models.BigIntegerField(verbose_name="at most in a day (fen)")),
                ("month_cap_fen", models.BigIntegerField(verbose_name="at most in a month (fen)")),
                (
                    "setup_id",
                    models.CharField(blank=True, max_length=80, verbose_name="request at the gateway"),
                ),
                (
                    "gateway_method",
                    models.CharField(blank=True, max_length=80, verbose_name="payment method at the gateway"),
                ),
                (
                    "gateway_mandate",
                    models.CharField(
                        blank=True, db_index=True, max_length=80, verbose_name="mandate at the gateway"
                    ),
                ),
                ("bank_name", models.CharField(blank=True, max_length=80, verbose_name="bank")),
                ("last4", models.CharField(blank=True, max_length=4, verbose_name="last four digits")),
                ("declines", models.PositiveSmallIntegerField(default=0, verbose_name="declined in a row")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("requested", "requested"), ("active", "active"), ("stopped", "stopped")],
                        default="requested",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "stop_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("citizen", "switched off by the citizen"),
                            ("lost", "card reported lost"),
                            ("closed", "card no longer in use"),
                            ("withdrawn", "withdrawn at the bank"),
                            ("declined", "declined several times in a row"),
                            ("credit", "not a bank account or debit card"),
                            ("expired", "not agreed to in time"),
                        ],
                        max_length=10,
                        verbose_name="ended because",
                    ),
                ),
                ("requested_at", models.DateTimeField(verbose_name="requested at")),
                ("activated_at", models.DateTimeField(blank=True, null=True, verbose_name="active since")),
                ("stopped_at", models.DateTimeField(blank=True, null=True, verbose_name="stopped at")),
                (
                    "citizen",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mandates",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
                (
                    "purse",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mandates",
                        to="accounts.purse",
                        verbose_name="purse",
                    ),
                ),
            ],
            options={
                "verbose_name": "direct-debit mandate",
                "verbose_name_plural": "direct-debit mandates",
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="MandateCollection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField(verbose_name="date")),
                ("number", models.PositiveSmallIntegerField(verbose_name="number")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("collected", "collected"),
                            ("declined", "declined"),
                            ("dropped", "never sent"),
                        ],
                        default="pending",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                (
                    "decline_code",
                    models.CharField(blank=True, max_length=60, verbose_name="the bank's reason"),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="collections",
                        to="accounts.mandate",
                        verbose_name="mandate",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.topuporder",
                        verbose_name="top-up order",
                    ),
                ),
            ],
            options={
                "verbose_name": "collection",
                "verbose_name_plural": "collections",
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=30, verbose_name="message")),
                ("data", models.JSONField(default=dict, verbose_name="detail")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "citizen",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
            },
        ),
        migrations.CreateModel(
            name="SubsidyBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=32, unique=True, verbose_name="batch number")),
                ("title", models.CharField(max_length=100, verbose_name="title")),
                ("count", models.PositiveIntegerField(verbose_name="lines")),
                ("total_fen", models.BigIntegerField(verbose_name="total (fen)")),
                ("sha256", models.BinaryField(max_length=32, unique=True, verbose_name="SHA-256")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("uploaded", "uploaded"), ("approved", "approved"), ("refused", "refused")],
                        default="uploaded",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="uploaded by")),
                ("checker", models.CharField(blank=True, max_length=100, verbose_name="checked by")),
                ("uploaded_at", models.DateTimeField(auto_now_add=True, verbose_name="uploaded at")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "payer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.ledgeraccount",
                        verbose_name="payer",
                    ),
                ),
            ],
            options={
                "verbose_name": "subsidy batch",
                "verbose_name_plural": "subsidy batches",
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="SubsidyLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("row", models.PositiveIntegerField(verbose_name="row")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="accounts.subsidybatch",
                        verbose_name="batch",
                    ),
                ),
                (
                    "purse",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.purse",
                        verbose_name="purse",
                    ),
                ),
            ],
            options={
                "verbose_name": "subsidy line",
                "verbose_name_plural": "subsidy lines",
            },
        ),
        migrations.CreateModel(
            name="FamilyLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("invited", "invited"), ("active", "active"), ("ended", "ended")],
                        default="invited",
                        max_length=50,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("sees_balance", models.BooleanField(default=False, verbose_name="payer sees the balance")),
                ("invited_at", models.DateTimeField(verbose_name="invited at")),
                ("joined_at", models.DateTimeField(blank=True, null=True, verbose_name="joined at")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="paid_by",
                        to="accounts.citizen",
                        verbose_name="member",
                    ),
                ),
                (
                    "payer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pays_for",
                        to="accounts.citizen",
                        verbose_name="payer",
                    ),
                ),
            ],
            options={
                "verbose_name": "family link",
                "verbose_name_plural": "family links",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("payer", models.F("member")), _negated=True),
                        name="family_link_of_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ended_at", None),
                                ("joined_at", None),
                                ("sees_balance", False),
                                ("state", "invited"),
                            ),
                            models.Q(("ended_at", None), ("joined_at__isnull", False), ("state", "active")),
                            models.Q(
                                ("ended_at__isnull", False), ("sees_balance", False), ("state", "ended")
                            ),
                            _connector="OR",
                        ),
                        name="family_link_state_has_its_facts",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["invited", "active"])),
                        fields=("payer", "member"),
                        name="one_live_family_link_per_pair",
                    ),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_fen__gt", 0),
                    ("day_cap_fen__gte", models.F("amount_fen")),
                    ("month_cap_fen__gte", models.F("day_cap_fen")),
                    ("threshold_fen__gt", 0),
                ),
                name="mandate_amounts_sane",
            ),
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "requested"), ("stop_reason", ""), ("stopped_at", None)),
                    models.Q(
                        ("activated_at__isnull", False),
                        ("gateway_mandate__gt", ""),
                        ("gateway_method__gt", ""),
                        ("state", "active"),
                        ("stop_reason", ""),
                        ("stopped_at", None),
                    ),
                    models.Q(("state", "stopped"), ("stop_reason__gt", ""), ("stopped_at__isnull", False)),
                    _connector="OR",
                ),
                name="mandate_state_has_its_facts",
            ),
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["requested", "active"])),
                fields=("purse",),
                name="one_live_mandate_per_purse",
            ),
        ),
        migrations.AddConstraint(
            model_name="mandatecollection",
            constraint=models.UniqueConstraint(
                fields=("mandate", "date", "number"), name="collection_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="mandatecollection",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "pending")), fields=("mandate",), name="one_collection_under_way"
            ),
        ),
        migrations.AddConstraint(
            model_name="mandatecollection",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "collected", "declined", "dropped"])),
                name="collection_state_known",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["citizen", "-created_at"], name="notice_of_citizen"),
        ),
        migrations.AddConstraint(
            model_name="subsidybatch",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gt", 0), ("total_fen__gt", 0)), name="subsidy_batch_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidybatch",
            constraint=models.CheckConstraint(
                condition=models.Q(("checker", models.F("maker")), _negated=True),
                name="subsidy_checked_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidybatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "uploaded")),
                    models.Q(
                        ("checked_at__isnull", False),
                        ("checker__gt", ""),
                        ("state__in", ["approved", "refused"]),
                    ),
                    _connector="OR",
                ),
                name="subsidy_state_has_its_facts",
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidyline",
            constraint=models.UniqueConstraint(fields=("batch", "row"), name="subsidy_row_once"),
        ),
        migrations.AddConstraint(
            model_name="subsidyline",
            constraint=models.UniqueConstraint(
                fields=("batch", "purse"), name="subsidy_purse_once_per_batch"
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidyline",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="subsidy_amount_positive"
            ),
        ),
        migrations.CreateModel(
            name="SubsidyFunds",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reference", models.CharField(max_length=60, verbose_name="bank reference")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                (
                    "payer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.ledgeraccount",
                        verbose_name="payer",
                    ),
                ),
            ],
            options={
                "verbose_name": "subsidy funds",
                "verbose_name_plural": "subsidy funds",
                "constraints": [
                    models.UniqueConstraint(fields=("payer", "reference"), name="subsidy_funds_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount_fen__gt", 0)), name="subsidy_funds_positive"
                    ),
                ],
            },
        ),
        migrations.RunSQL(MANDATES, MANDATES_BACK),
        migrations.RunSQL(LINES, LINES_BACK),
    ]
