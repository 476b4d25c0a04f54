"""What is kept for how long, and what holds it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0032_erasing"),
        ("privacy", "0002_erasures"),
    ]

    operations = [
        migrations.AlterField(
            model_name="privacyrule",
            name="subject",
            field=models.CharField(
                choices=[
                    ("question", "answer to a question about an access"),
                    ("erasure", "erasure that somebody asked for"),
                    ("attempts", "sign-in attempts"),
                    ("sessions", "sessions that have ended"),
                    ("pairing", "codes for workstations that nobody used"),
                    ("notices", "messages to citizens"),
                    ("places", "places of trips, as the holder sees them"),
                ],
                max_length=20,
                verbose_name="what for",
            ),
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("question", "answer to a question about an access"),
                            ("erasure", "erasure that somebody asked for"),
                            ("attempts", "sign-in attempts"),
                            ("sessions", "sessions that have ended"),
                            ("pairing", "codes for workstations that nobody used"),
                            ("notices", "messages to citizens"),
                            ("places", "places of trips, as the holder sees them"),
                        ],
                        help_text="empty: everything",
                        max_length=20,
                        verbose_name="what for",
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("placed_by", models.CharField(max_length=150, verbose_name="placed by")),
                ("placed_at", models.DateTimeField(verbose_name="placed at")),
                ("released_by", models.CharField(blank=True, max_length=150, verbose_name="released by")),
                ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="released at")),
                (
                    "citizen",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="legal_holds",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
            ],
            options={
                "verbose_name": "legal hold",
                "verbose_name_plural": "legal holds",
                "permissions": [("place_legalhold", "Place and release legal holds")],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="legal_hold_has_a_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("released_at", None), ("released_by", "")),
                            models.Q(
                                ("released_at__isnull", False),
                                models.Q(("released_by", ""), _negated=True),
                                models.Q(("released_by", models.F("placed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="legal_hold_released_by_another",
                    ),
                ],
            },
        ),
    ]
