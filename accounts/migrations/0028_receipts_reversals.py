"""Receipts, and reversals on the same day at the counter."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

KEPT = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0027_drawers"),
    ]

    operations = [
        migrations.CreateModel(
            name="CounterReversal",
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
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="accounts.drawerentry",
                        verbose_name="drawer entry",
                    ),
                ),
            ],
            options={
                "verbose_name": "same-day reversal",
                "verbose_name_plural": "same-day reversals",
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
                        name="accounts_counterreversal_by_two",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["proposed", "approved"])),
                        fields=("entry",),
                        name="counter_act_reversed_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                ("running", models.PositiveIntegerField(verbose_name="number")),
                ("actor", models.CharField(max_length=150, verbose_name="actor")),
                (
                    "issued_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="issued at",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipt",
                        to="accounts.drawerentry",
                        verbose_name="drawer entry",
                    ),
                ),
                (
                    "hall",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="accounts.stockplace",
                        verbose_name="service hall",
                    ),
                ),
            ],
            options={
                "verbose_name": "receipt",
                "verbose_name_plural": "receipts",
                "constraints": [
                    models.UniqueConstraint(fields=("hall", "day", "running"), name="receipt_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(("running__gte", 1)), name="receipt_number_from_one"
                    ),
                ],
            },
        ),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
    ]
