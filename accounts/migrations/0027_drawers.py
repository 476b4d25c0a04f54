"""Cash drawers, what moves their cash, and their counts."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

# A drawer goes one way; cash is booked to an open one, and to a counted one only what was over or short in it.
DRAWERS = """
CREATE FUNCTION accounts_drawer_goes_one_way() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (OLD.state, NEW.state) NOT IN (('open', 'counted'), ('counted', 'counted'), ('counted', 'closed'))
            OR OLD.counted_at <> NEW.counted_at THEN
        RAISE EXCEPTION 'a drawer is opened, counted and closed'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'drawer_goes_one_way';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER one_way BEFORE UPDATE OR DELETE ON accounts_drawersession
    FOR EACH ROW EXECUTE FUNCTION accounts_drawer_goes_one_way();

CREATE FUNCTION accounts_drawer_takes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM accounts_drawersession AS drawer JOIN accounts_journal AS journal ON journal.id = NEW.journal_id
        WHERE drawer.id = NEW.session_id AND journal.actor = drawer.clerk
            AND drawer.state = CASE journal.kind WHEN 'drawer_difference' THEN 'closed' ELSE 'open' END
    ) THEN
        RAISE EXCEPTION 'this drawer is not open for the journal'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'drawer_takes_while_open';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER while_open BEFORE INSERT ON accounts_drawerentry
    FOR EACH ROW EXECUTE FUNCTION accounts_drawer_takes();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_drawerentry
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
# The triggers go with their functions or tables.
DRAWERS_BACK = """
DROP FUNCTION accounts_drawer_goes_one_way() CASCADE;
DROP FUNCTION accounts_drawer_takes() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0026_batch_issue"),
    ]

    operations = [
        migrations.CreateModel(
            name="DrawerSession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("clerk", models.CharField(max_length=100, verbose_name="clerk")),
                ("float_fen", models.BigIntegerField(verbose_name="float (fen)")),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                ("counted_at", models.DateTimeField(blank=True, null=True, verbose_name="counted at")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("open", "open"), ("counted", "counted"), ("closed", "closed")],
                        default="open",
                        max_length=7,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "hall",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drawers",
                        to="accounts.stockplace",
                        verbose_name="service hall",
                    ),
                ),
            ],
            options={
                "verbose_name": "cash drawer",
                "verbose_name_plural": "cash drawers",
            },
        ),
        migrations.CreateModel(
            name="DrawerEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                (
                    "journal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drawer_entry",
                        to="accounts.journal",
                        verbose_name="journal",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="accounts.drawersession",
                        verbose_name="cash drawer",
                    ),
                ),
            ],
            options={
                "verbose_name": "drawer entry",
                "verbose_name_plural": "drawer entries",
            },
        ),
        migrations.CreateModel(
            name="DrawerCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
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
                    "checker",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
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
                ("pieces", models.JSONField(verbose_name="notes and coins")),
                ("counted_fen", models.BigIntegerField(verbose_name="counted (fen)")),
                ("expected_fen", models.BigIntegerField(verbose_name="expected (fen)")),
                (
                    "difference_fen",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            models.F("counted_fen"), "-", models.F("expected_fen")
                        ),
                        output_field=models.BigIntegerField(),
                        verbose_name="over or short (fen)",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="counts",
                        to="accounts.drawersession",
                        verbose_name="cash drawer",
                    ),
                ),
            ],
            options={
                "verbose_name": "count of a drawer",
                "verbose_name_plural": "counts of drawers",
                "abstract": False,
            },
        ),
        migrations.AddConstraint(
            model_name="drawersession",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")), fields=("clerk",), name="one_open_drawer_per_clerk"
            ),
        ),
        migrations.AddConstraint(
            model_name="drawersession",
            constraint=models.CheckConstraint(
                condition=models.Q(("float_fen__gte", 0)), name="drawer_float_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="drawersession",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("counted_at", None), ("state", "open")),
                    models.Q(
                        ("counted_at__gte", models.F("opened_at")), ("state__in", ["counted", "closed"])
                    ),
                    _connector="OR",
                ),
                name="drawer_open_until_counted",
            ),
        ),
        migrations.AddConstraint(
            model_name="drawerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen", 0), _negated=True), name="drawer_entry_moves_cash"
            ),
        ),
        migrations.AddConstraint(
            model_name="drawercount",
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
                name="accounts_drawercount_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="drawercount",
            constraint=models.CheckConstraint(
                condition=models.Q(("counted_fen__gte", 0)), name="drawer_count_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="drawercount",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["proposed", "approved"])),
                fields=("session",),
                name="drawer_counted_once",
            ),
        ),
        migrations.RunSQL(DRAWERS, DRAWERS_BACK),
    ]
