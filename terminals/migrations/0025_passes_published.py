"""Passes are a kind of published document."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("terminals", "0024_county")]
    operations = [
        migrations.AlterField(
            "publisheddocument",
            "kind",
            models.CharField(
                "kind",
                max_length=10,
                choices=[
                    ("hot_list", "hot list"),
                    ("parameters", "parameters"),
                    ("tariffs", "tariffs"),
                    ("passes", "passes"),
                    ("next_key", "next key of the centre"),
                ],
            ),
        ),
    ]
