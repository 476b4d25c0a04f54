"""Wrong proofs at activation are counted."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0031_erasing"),
    ]

    operations = [
        migrations.CreateModel(
            name="ActivationLock",
            fields=[
                (
                    "card",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="activation_lock",
                        serialize=False,
                        to="accounts.card",
                        verbose_name="card",
                    ),
                ),
                ("wrong", models.PositiveSmallIntegerField(default=0, verbose_name="wrong tries")),
                ("locked_until", models.DateTimeField(null=True, verbose_name="locked until")),
            ],
            options={
                "verbose_name": "activation lock",
                "verbose_name_plural": "activation locks",
                "default_permissions": (),
            },
        ),
    ]
