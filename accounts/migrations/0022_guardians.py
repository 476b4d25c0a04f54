"""Guardians, their consents, and a level for whoever was never checked."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0021_people"),
    ]

    operations = [
        migrations.AddField(
            model_name="consent",
            name="guardian",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.citizen",
                verbose_name="given by the guardian",
            ),
        ),
        migrations.AlterField(
            model_name="citizen",
            name="level",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, "L0: not checked"),
                    (1, "L1: phone and identity checked"),
                    (2, "L2: seen in person"),
                ],
                default=2,
                verbose_name="verification level",
            ),
        ),
        migrations.AlterField(
            model_name="mandate",
            name="stop_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("citizen", "switched off by the citizen"),
                    ("lost", "card reported lost"),
                    ("closed", "card no longer in use"),
                    ("withdrawn", "withdrawn at the bank"),
                    ("declined", "declined several times in a row"),
                    ("credit", "not a bank account or debit card"),
                    ("expired", "not agreed to in time"),
                    ("level", "identity no longer verified"),
                ],
                max_length=10,
                verbose_name="ended because",
            ),
        ),
        migrations.CreateModel(
            name="Guardianship",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("proof", models.CharField(max_length=100, verbose_name="proof")),
                ("appointed_by", models.CharField(max_length=150, verbose_name="recorded by")),
                (
                    "appointed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="recorded at",
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                (
                    "ended_because",
                    models.CharField(
                        blank=True,
                        choices=[("of_age", "the ward is of age"), ("withdrawn", "withdrawn")],
                        max_length=9,
                        verbose_name="ended because",
                    ),
                ),
                (
                    "guardian",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wards",
                        to="accounts.citizen",
                        verbose_name="guardian",
                    ),
                ),
                (
                    "ward",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="guardians",
                        to="accounts.citizen",
                        verbose_name="ward",
                    ),
                ),
            ],
            options={
                "verbose_name": "guardianship",
                "verbose_name_plural": "guardianships",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("guardian", "ward"),
                        name="guardian_of_a_ward_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("guardian", models.F("ward")), _negated=True),
                        name="guardian_is_not_the_ward",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("ended_because", "")),
                            models.Q(
                                ("ended_at__isnull", False), models.Q(("ended_because", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="guardianship_ends_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("proof", ""), _negated=True), name="guardianship_has_a_proof"
                    ),
                ],
            },
        ),
    ]
