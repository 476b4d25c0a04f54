"""Products whose cards are for tests."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_posting"),
    ]

    operations = [
        migrations.AddField(
            model_name="cardproduct",
            name="test_only",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="refused where the system is in production",
                verbose_name="for tests only",
            ),
        ),
    ]
