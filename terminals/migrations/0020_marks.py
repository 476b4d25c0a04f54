"""What the kind of a card means in this city goes to terminals with their parameters."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("terminals", "0019_online_returns")]
    operations = [
        migrations.AddField(
            "parameterpolicy",
            "marks",
            models.JSONField(
                "marks on cards", default=dict, db_default=models.Value("{}", models.JSONField()), blank=True
            ),
        ),
    ]
