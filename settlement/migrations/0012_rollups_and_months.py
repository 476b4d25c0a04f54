"""Roll-ups of sealed dates and closed months, and what the database keeps of them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# The rows come first; their header says that they are all, and what they must come to.
ROLL_UPS = """
CREATE FUNCTION settlement_month_is_closed(day date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM settlement_monthclose WHERE month = date_trunc('month', day)::date AND state = 'closed')
$$;
CREATE FUNCTION settlement_roll_up_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    SELECT CASE
        WHEN settlement_month_is_closed(NEW.run_id) THEN 'roll_up_of_an_open_month'
        WHEN NOT EXISTS (SELECT FROM settlement_clearingrun WHERE business_date = NEW.run_id AND state = 'cleared')
            THEN 'roll_up_of_a_sealed_date'
        WHEN NEW.rows <> (SELECT count(*) FROM settlement_rolluprow WHERE run_id = NEW.run_id) THEN 'roll_up_has_its_rows'
        WHEN EXISTS (
            SELECT FROM (SELECT merchant_id, taps, gross_fen, fee_fen, adjusted_fen, suspended_taps, suspended_fen
                FROM settlement_statement WHERE run_id = NEW.run_id) AS statement
            FULL JOIN (SELECT merchant_id, sum(taps) AS taps, sum(taps_fen + online_fen + subsidy_fen - refund_fen) AS gross_fen,
                    sum(fee_fen) AS fee_fen, sum(adjusted_fen) AS adjusted_fen, sum(suspended_taps) AS suspended_taps,
                    sum(suspended_fen) AS suspended_fen
                FROM settlement_rolluprow WHERE run_id = NEW.run_id GROUP BY merchant_id) AS rolled USING (merchant_id)
            WHERE (statement.taps, statement.gross_fen, statement.fee_fen, statement.adjusted_fen, statement.suspended_taps,
                    statement.suspended_fen) IS DISTINCT FROM (rolled.taps, rolled.gross_fen, rolled.fee_fen,
                    rolled.adjusted_fen, rolled.suspended_taps, rolled.suspended_fen))
            THEN 'roll_up_comes_to_the_statements'
    END INTO broken;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'the roll-up of %: %', NEW.run_id, broken
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = broken;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stands AFTER INSERT ON settlement_rollup FOR EACH ROW EXECUTE FUNCTION settlement_roll_up_stands();

CREATE FUNCTION settlement_roll_up_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM made JOIN settlement_rollup USING (run_id)) THEN
        RAISE EXCEPTION 'a date that is rolled up gets no more rows'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'roll_up_is_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER is_whole AFTER INSERT ON settlement_rolluprow REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_roll_up_is_whole();
"""

MONTHS = """
CREATE FUNCTION settlement_month_decided() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    SELECT CASE
        WHEN TG_OP = 'INSERT' AND NEW.state = 'proposed' THEN NULL
        WHEN TG_OP <> 'UPDATE' OR OLD.state <> 'proposed' OR to_jsonb(OLD) - ARRAY['state', 'checker', 'checked_at', 'answer']
            <> to_jsonb(NEW) - ARRAY['state', 'checker', 'checked_at', 'answer'] THEN 'month_decided_once'
        WHEN NEW.state <> 'closed' THEN NULL
        WHEN NOT EXISTS (SELECT FROM core_businessday WHERE date >= NEW.month + interval '1 month')
            OR NOT EXISTS (SELECT FROM core_businessday WHERE date >= NEW.month AND date < NEW.month + interval '1 month')
            THEN 'month_is_over'
        WHEN EXISTS (SELECT FROM core_businessday AS day WHERE date >= NEW.month AND date < NEW.month + interval '1 month'
                AND (state <> 'closed' OR NOT EXISTS (SELECT FROM settlement_rollup WHERE run_id = date)
                    OR NOT EXISTS (SELECT FROM settlement_reservereport WHERE business_date = date)))
            THEN 'month_is_sealed_and_reconciled'
        WHEN NOT EXISTS (SELECT FROM settlement_monthreport WHERE close_id = NEW.id) THEN 'month_has_its_reports'
    END INTO broken;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'the closing of a month: %', broken
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = broken;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decided_once BEFORE INSERT OR UPDATE OR DELETE ON settlement_monthclose
    FOR EACH ROW EXECUTE FUNCTION settlement_month_decided();

CREATE FUNCTION settlement_month_reports_are_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM settlement_monthclose WHERE id = NEW.close_id AND state = 'proposed') THEN
        RAISE EXCEPTION 'a month that is decided on gets no more reports'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'month_reports_are_all';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reports_are_all BEFORE INSERT ON settlement_monthreport
    FOR EACH ROW EXECUTE FUNCTION settlement_month_reports_are_all();
"""
APPEND_ONLY = "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
    for table in ("rollup", "rolluprow", "monthreport")
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_bank"),
        ("settlement", "0011_disputes"),
        ("terminals", "0022_merchants_without_terms"),
    ]

    operations = [
        migrations.CreateModel(
            name="RollUp",
            fields=[
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        serialize=False,
                        to="settlement.clearingrun",
                        verbose_name="clearing run",
                    ),
                ),
                ("rows", models.PositiveIntegerField(verbose_name="rows")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="made at",
                    ),
                ),
            ],
            options={
                "verbose_name": "roll-up of a date",
                "verbose_name_plural": "roll-ups of dates",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="MonthClose",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(verbose_name="month")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("closed", "closed"), ("refused", "refused")],
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
                "verbose_name": "closing of a month",
                "verbose_name_plural": "closings of months",
                "permissions": [
                    ("propose_monthclose", "Propose to close a month"),
                    (
                        "approve_monthclose",
                        "Close a month for good, or refuse to, that somebody else has proposed",
                    ),
                ],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["proposed", "closed"])),
                        fields=("month",),
                        name="month_closed_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("month__day", 1)), name="month_by_its_first_day"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("checker__gt", ""),
                                ("state__in", ["closed", "refused"]),
                                models.Q(("checker", models.F("maker")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="month_close_checked_by_another",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MonthReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=20, verbose_name="report")),
                ("content", models.BinaryField(verbose_name="content")),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                (
                    "close",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="settlement.monthclose",
                        verbose_name="closing of a month",
                    ),
                ),
            ],
            options={
                "verbose_name": "report of a closed month",
                "verbose_name_plural": "reports of closed months",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("close", "code"), name="month_report_once")],
            },
        ),
        migrations.CreateModel(
            name="RollUpRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel", models.CharField(max_length=10, verbose_name="channel")),
                ("county", models.CharField(blank=True, max_length=6, verbose_name="county")),
                ("taps", models.BigIntegerField(default=0, verbose_name="taps")),
                ("taps_fen", models.BigIntegerField(default=0, verbose_name="taps (fen)")),
                ("online_taps", models.BigIntegerField(default=0, verbose_name="taps sent at once")),
                ("suspended_taps", models.BigIntegerField(default=0, verbose_name="suspended taps")),
                ("suspended_fen", models.BigIntegerField(default=0, verbose_name="suspended (fen)")),
                ("online", models.BigIntegerField(default=0, verbose_name="online payments")),
                ("online_fen", models.BigIntegerField(default=0, verbose_name="online payments (fen)")),
                ("subsidy_fen", models.BigIntegerField(default=0, verbose_name="fare subsidies (fen)")),
                ("refund_fen", models.BigIntegerField(default=0, verbose_name="given back (fen)")),
                ("fee_fen", models.BigIntegerField(default=0, verbose_name="fee (fen)")),
                ("adjusted_fen", models.BigIntegerField(default=0, verbose_name="adjustments (fen)")),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="terminals.line",
                        verbose_name="line",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="terminals.merchant",
                        verbose_name="merchant",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.cardproduct",
                        verbose_name="card product",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="settlement.clearingrun",
                        verbose_name="clearing run",
                    ),
                ),
            ],
            options={
                "verbose_name": "row of a roll-up",
                "verbose_name_plural": "rows of roll-ups",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "merchant", "line", "product", "county"),
                        name="roll_up_row_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.RunSQL(MONTHS),
        migrations.RunSQL(ROLL_UPS),
        migrations.RunSQL(APPEND_ONLY),
    ]
