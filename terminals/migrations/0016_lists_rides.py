"""Rides paid by ride code."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_ride
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0014_fares_concessions"),
        ("terminals", "0015_lists_held"),
    ]

    operations = [
        migrations.CreateModel(
            name="Ride",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BinaryField(max_length=32, verbose_name="number of the code")),
                ("amount_fen", models.BigIntegerField(verbose_name="amount (fen)")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("place", models.CharField(blank=True, max_length=40, verbose_name="place")),
                ("outcome", models.CharField(max_length=20, verbose_name="outcome")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="received at",
                    ),
                ),
                (
                    "card",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rides",
                        to="accounts.card",
                        verbose_name="card",
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
                (
                    "terminal",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rides",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "ride by code",
                "verbose_name_plural": "rides by code",
                "constraints": [
                    models.UniqueConstraint(fields=("terminal", "number"), name="ride_once_per_terminal"),
                    models.UniqueConstraint(
                        condition=models.Q(("outcome__in", ["paid", "claimed"])),
                        fields=("number",),
                        name="ride_code_pays_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome__in", ["paid", "claimed"]), _negated=True),
                            ("card__isnull", False),
                            _connector="OR",
                        ),
                        name="ride_paid_by_a_card",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_fen__gte", 0)), name="ride_amount_not_negative"
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
    ]
