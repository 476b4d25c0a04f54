"""Contracts with their proposals, shares and positions, the calendar, and adjustments."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_bank"),
        ("settlement", "0007_bank_guards"),
        ("terminals", "0021_held_decisions"),
    ]

    operations = [
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "against",
                    models.CharField(
                        choices=[
                            ("6001", "fee income"),
                            ("2241", "suspense payable"),
                            ("1221", "suspense receivable"),
                            ("6711", "write-off"),
                        ],
                        max_length=4,
                        verbose_name="borne by account",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("fee", "fee put right"),
                            ("suspense", "suspense resolved"),
                            ("penalty", "breach of contract"),
                            ("system", "fault of the system"),
                            ("reversal", "reversal of another adjustment"),
                        ],
                        max_length=8,
                        verbose_name="reason",
                    ),
                ),
                (
                    "evidence",
                    models.CharField(
                        help_text="number of the document on file", max_length=100, verbose_name="evidence"
                    ),
                ),
                ("roles", models.JSONField(verbose_name="to be checked by")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("posted", "posted"), ("refused", "refused")],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
                ("business_date", models.DateField(blank=True, null=True, verbose_name="business date")),
            ],
            options={
                "verbose_name": "adjustment",
                "verbose_name_plural": "adjustments",
                "permissions": [
                    ("propose_adjustment", "Propose adjustments"),
                    ("check_adjustment", "Check or refuse adjustments that somebody else has proposed"),
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="AdjustmentCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("role", models.CharField(max_length=20, verbose_name="role")),
                ("checker", models.CharField(max_length=100, verbose_name="checked by")),
                (
                    "checked_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="checked at",
                    ),
                ),
            ],
            options={
                "verbose_name": "adjustment check",
                "verbose_name_plural": "adjustment checks",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AdjustmentPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(unique=True, verbose_name="valid from")),
                ("tiers", models.JSONField(verbose_name="tiers")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "adjustment policy",
                "verbose_name_plural": "adjustment policies",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="CalendarDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField(verbose_name="date")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("working", "working day"),
                            ("weekend", "weekend"),
                            ("holiday", "holiday"),
                            ("makeup", "make-up working day"),
                        ],
                        max_length=7,
                        verbose_name="kind",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=40, verbose_name="name")),
            ],
            options={
                "verbose_name": "calendar date",
                "verbose_name_plural": "calendar dates",
                "ordering": ["date"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="CalendarYear",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("year", models.PositiveSmallIntegerField(verbose_name="year")),
                (
                    "notice",
                    models.CharField(
                        help_text="number of the State Council's notice",
                        max_length=100,
                        verbose_name="notice",
                    ),
                ),
            ],
            options={
                "verbose_name": "calendar year",
                "verbose_name_plural": "settlement calendar",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Contract",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=40, unique=True, verbose_name="contract number")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("valid_until", models.DateField(blank=True, null=True, verbose_name="valid until")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
                (
                    "measure",
                    models.CharField(
                        choices=[("gross", "gross"), ("count", "transactions")],
                        max_length=5,
                        verbose_name="fee measured by",
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "day"), ("month", "calendar month")],
                        max_length=5,
                        verbose_name="fee counted per",
                    ),
                ),
                (
                    "minimum_fen",
                    models.BigIntegerField(blank=True, null=True, verbose_name="least fee of a period (fen)"),
                ),
                (
                    "maximum_fen",
                    models.BigIntegerField(
                        blank=True, null=True, verbose_name="highest fee of a period (fen)"
                    ),
                ),
                (
                    "settle_days",
                    models.PositiveSmallIntegerField(default=1, verbose_name="settled after (working days)"),
                ),
                (
                    "split",
                    models.CharField(
                        blank=True,
                        choices=[("", "none"), ("net", "of the net"), ("gross", "of the gross")],
                        max_length=5,
                        verbose_name="split",
                    ),
                ),
            ],
            options={
                "verbose_name": "contract",
                "verbose_name_plural": "contracts",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ContractBand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("floor", models.BigIntegerField(verbose_name="above")),
                ("price", models.PositiveIntegerField(verbose_name="price")),
            ],
            options={
                "verbose_name": "contract band",
                "verbose_name_plural": "contract bands",
                "ordering": ["floor"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ContractShare",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("weight", models.PositiveIntegerField(verbose_name="weight (1/10,000)")),
            ],
            options={
                "verbose_name": "contract share",
                "verbose_name_plural": "contract shares",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="CutOff",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(unique=True, verbose_name="valid from")),
                ("minutes", models.PositiveSmallIntegerField(verbose_name="minutes after midnight")),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "cut-off time",
                "verbose_name_plural": "cut-off times",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Position",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "party",
                    models.CharField(
                        choices=[
                            ("merchant", "merchant"),
                            ("sub", "sub-merchant"),
                            ("fees", "fee income"),
                            ("payer", "subsidy payer"),
                            ("intercity", "card of another city"),
                            ("adjusted", "adjustments"),
                            ("funds", "card funds and claims"),
                        ],
                        max_length=9,
                        verbose_name="party",
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
            ],
            options={
                "verbose_name": "settlement position",
                "verbose_name_plural": "settlement positions",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Proposal",
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
                            ("contract", "contract"),
                            ("calendar", "settlement calendar"),
                            ("cut_off", "cut-off time"),
                            ("adjustments", "adjustment policy"),
                        ],
                        max_length=11,
                        verbose_name="kind",
                    ),
                ),
                ("content", models.JSONField(verbose_name="content")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
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
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
            ],
            options={
                "verbose_name": "settlement proposal",
                "verbose_name_plural": "settlement proposals",
                "permissions": [
                    ("propose_rules", "Propose contracts and other rules of settlement"),
                    (
                        "approve_rules",
                        "Approve or refuse rules of settlement that somebody else has proposed",
                    ),
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="StatementShare",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("weight", models.PositiveIntegerField(verbose_name="weight (1/10,000)")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
            ],
            options={
                "verbose_name": "share of a statement",
                "verbose_name_plural": "shares of statements",
                "default_permissions": (),
            },
        ),
        migrations.RemoveConstraint(
            model_name="clearingrun",
            name="clearing_run_adds_up",
        ),
        migrations.RemoveConstraint(
            model_name="statement",
            name="statement_adds_up",
        ),
        migrations.AddField(
            model_name="clearingrun",
            name="adjusted_fen",
            field=models.BigIntegerField(db_default=0, default=0, verbose_name="adjustments (fen)"),
        ),
        migrations.AddField(
            model_name="statement",
            name="adjusted_fen",
            field=models.BigIntegerField(db_default=0, default=0, verbose_name="adjustments (fen)"),
        ),
        migrations.AddField(
            model_name="statement",
            name="fee_base",
            field=models.BigIntegerField(db_default=0, default=0, verbose_name="fee base"),
        ),
        migrations.AddField(
            model_name="statement",
            name="fee_before",
            field=models.BigIntegerField(
                db_default=0, default=0, verbose_name="fee base of the month before"
            ),
        ),
        migrations.AlterField(
            model_name="statement",
            name="fee_basis_points",
            field=models.PositiveIntegerField(null=True, verbose_name="fee (1/10,000)"),
        ),
        migrations.AddConstraint(
            model_name="clearingrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "gross_fen",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("fee_fen"), "+", models.F("net_fen")
                            ),
                            "-",
                            models.F("adjusted_fen"),
                        ),
                    )
                ),
                name="clearing_run_adds_up",
            ),
        ),
        migrations.AddField(
            model_name="adjustment",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="adjustments",
                to="terminals.merchant",
                verbose_name="merchant",
            ),
        ),
        migrations.AddField(
            model_name="adjustment",
            name="reverses",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reversals",
                to="settlement.adjustment",
                verbose_name="reverses",
            ),
        ),
        migrations.AddField(
            model_name="adjustmentcheck",
            name="adjustment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="checks",
                to="settlement.adjustment",
                verbose_name="adjustment",
            ),
        ),
        migrations.AddField(
            model_name="adjustment",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                to="settlement.adjustmentpolicy",
                verbose_name="adjustment policy",
            ),
        ),
        migrations.AddField(
            model_name="calendarday",
            name="year",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="days",
                to="settlement.calendaryear",
                verbose_name="calendar year",
            ),
        ),
        migrations.AddField(
            model_name="contract",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contracts",
                to="terminals.merchant",
                verbose_name="merchant",
            ),
        ),
        migrations.AddField(
            model_name="statement",
            name="contract",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="statements",
                to="settlement.contract",
                verbose_name="contract",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "gross_fen",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("fee_fen"), "+", models.F("net_fen")
                            ),
                            "-",
                            models.F("adjusted_fen"),
                        ),
                    )
                ),
                name="statement_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("contract__isnull", False), ("fee_basis_points__isnull", False), _connector="OR"
                ),
                name="statement_fee_has_its_rule",
            ),
        ),
        migrations.AddField(
            model_name="contractband",
            name="contract",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bands",
                to="settlement.contract",
                verbose_name="contract",
            ),
        ),
        migrations.AddField(
            model_name="contractshare",
            name="contract",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shares",
                to="settlement.contract",
                verbose_name="contract",
            ),
        ),
        migrations.AddField(
            model_name="contractshare",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="terminals.merchant",
                verbose_name="merchant",
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="account",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.ledgeraccount",
                verbose_name="ledger account",
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="positions",
                to="settlement.clearingrun",
                verbose_name="clearing run",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("maker", models.F("checker")), _negated=True),
                name="settlement_maker_is_not_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                    models.Q(
                        ("checked_at__isnull", False),
                        ("state__in", ["approved", "refused"]),
                        models.Q(("checker", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="settlement_proposal_decided_by_somebody",
            ),
        ),
        migrations.AddField(
            model_name="cutoff",
            name="proposal",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cut_off",
                to="settlement.proposal",
                verbose_name="settlement proposal",
            ),
        ),
        migrations.AddField(
            model_name="contract",
            name="proposal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contracts",
                to="settlement.proposal",
                verbose_name="settlement proposal",
            ),
        ),
        migrations.AddField(
            model_name="calendaryear",
            name="proposal",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calendar",
                to="settlement.proposal",
                verbose_name="settlement proposal",
            ),
        ),
        migrations.AddField(
            model_name="adjustmentpolicy",
            name="proposal",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="adjustment_policy",
                to="settlement.proposal",
                verbose_name="settlement proposal",
            ),
        ),
        migrations.AddField(
            model_name="statementshare",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="terminals.merchant",
                verbose_name="merchant",
            ),
        ),
        migrations.AddField(
            model_name="statementshare",
            name="statement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shares",
                to="settlement.statement",
                verbose_name="settlement statement",
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustmentcheck",
            constraint=models.UniqueConstraint(
                fields=("adjustment", "role"), name="adjustment_checked_once_per_role"
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustmentcheck",
            constraint=models.UniqueConstraint(
                fields=("adjustment", "checker"), name="adjustment_checked_once_each"
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_fen", 0), _negated=True),
                    models.Q(("evidence", ""), _negated=True),
                    ("against__in", ["6001", "2241", "1221", "6711"]),
                ),
                name="adjustment_says_what_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("business_date__isnull", False), ("state", "posted")),
                    models.Q(("business_date", None), ("state__in", ["proposed", "refused"])),
                    _connector="OR",
                ),
                name="adjustment_posted_on_a_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", "reversal"), ("reverses__isnull", False)),
                    models.Q(("reverses", None), models.Q(("reason", "reversal"), _negated=True)),
                    _connector="OR",
                ),
                name="adjustment_reversal_names_what",
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["proposed", "posted"])),
                fields=("reverses",),
                name="adjustment_reversed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="calendarday",
            constraint=models.UniqueConstraint(fields=("year", "date"), name="calendar_day_once"),
        ),
        migrations.AddConstraint(
            model_name="calendarday",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["working", "weekend", "holiday", "makeup"])),
                name="calendar_day_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="contractband",
            constraint=models.UniqueConstraint(fields=("contract", "floor"), name="contract_band_once"),
        ),
        migrations.AddConstraint(
            model_name="contractband",
            constraint=models.CheckConstraint(
                condition=models.Q(("floor__gte", 0)), name="contract_band_from_zero_up"
            ),
        ),
        migrations.AddConstraint(
            model_name="contractshare",
            constraint=models.UniqueConstraint(fields=("contract", "merchant"), name="contract_share_once"),
        ),
        migrations.AddConstraint(
            model_name="contractshare",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight__gte", 1), ("weight__lte", 10000)),
                name="contract_share_within_the_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.UniqueConstraint(
                fields=("run", "party", "account"), name="position_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="cutoff",
            constraint=models.CheckConstraint(
                condition=models.Q(("minutes__lt", 720), models.Q(("legal_basis", ""), _negated=True)),
                name="cut_off_before_noon_with_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_until", None), ("valid_until__gte", models.F("valid_from")), _connector="OR"
                ),
                name="settlement_contract_validity_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("measure__in", ["gross", "count"]),
                    ("period__in", ["day", "month"]),
                    ("split__in", ["", "net", "gross"]),
                    models.Q(("legal_basis", ""), _negated=True),
                ),
                name="settlement_contract_says_what_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("minimum_fen", None), ("minimum_fen__gte", 0), _connector="OR"),
                    models.Q(("maximum_fen", None), ("maximum_fen__gte", 0), _connector="OR"),
                    models.Q(
                        ("minimum_fen", None),
                        ("maximum_fen", None),
                        ("maximum_fen__gte", models.F("minimum_fen")),
                        _connector="OR",
                    ),
                ),
                name="settlement_contract_bounds_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("merchant", "="),
                    (
                        models.Func(
                            "valid_from",
                            "valid_until",
                            django.contrib.postgres.fields.ranges.RangeBoundary(inclusive_upper=True),
                            function="daterange",
                            output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="settlement_one_contract_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="calendaryear",
            constraint=models.CheckConstraint(
                condition=models.Q(("notice", ""), _negated=True), name="calendar_year_names_its_notice"
            ),
        ),
        migrations.AddConstraint(
            model_name="adjustmentpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("legal_basis", ""), _negated=True), name="adjustment_policy_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="statementshare",
            constraint=models.UniqueConstraint(fields=("statement", "merchant"), name="statement_share_once"),
        ),
    ]
