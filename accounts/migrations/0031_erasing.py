"""A person can be erased."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0030_diary"),
    ]

    operations = [
        migrations.AddField(
            model_name="citizen",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="erased at"),
        ),
        migrations.AddConstraint(
            model_name="citizen",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at", None),
                    models.Q(
                        ("birth_sealed", None),
                        ("name_index", None),
                        ("name_sealed", b""),
                        ("phone_index", None),
                        ("phone_mask", ""),
                        ("phone_sealed", None),
                    ),
                    _connector="OR",
                ),
                name="erased_citizen_is_nobody",
            ),
        ),
    ]
