"""What terminals say that their journals hold."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_terminaltotal
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("terminals", "0022_merchants_without_terms"),
        ("accounts", "0009_passes"),  # for its btree_gist
    ]

    operations = [
        migrations.CreateModel(
            name="TerminalTotal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("business_date", models.DateField(db_index=True, verbose_name="business date")),
                ("from_seq", models.BigIntegerField(verbose_name="first sequence")),
                ("to_seq", models.BigIntegerField(verbose_name="last sequence")),
                ("records", models.PositiveIntegerField(verbose_name="records")),
                ("total_fen", models.BigIntegerField(verbose_name="total (fen)")),
                (
                    "unfinished",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        default=list,
                        size=None,
                        verbose_name="sequences unfinished",
                    ),
                ),
                ("closed_at", models.DateTimeField(verbose_name="closed at")),
                ("received_at", models.DateTimeField(db_index=True, verbose_name="received at")),
                (
                    "terminal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="totals",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "terminal total",
                "verbose_name_plural": "terminal totals",
                "default_permissions": (),
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("terminal", "="),
                            (
                                models.Func(
                                    "from_seq",
                                    "to_seq",
                                    django.contrib.postgres.fields.ranges.RangeBoundary(inclusive_upper=True),
                                    function="int8range",
                                    output_field=django.contrib.postgres.fields.ranges.BigIntegerRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="terminal_total_windows_apart",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("from_seq__gte", 0),
                            (
                                "records__lte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("to_seq"), "-", models.F("from_seq")
                                    ),
                                    "+",
                                    models.Value(1),
                                ),
                            ),
                            ("to_seq__gte", models.F("from_seq")),
                            ("total_fen__gte", 0),
                        ),
                        name="terminal_total_sane",
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, reverse_sql="DROP TRIGGER append_only ON terminals_terminaltotal"),
    ]
