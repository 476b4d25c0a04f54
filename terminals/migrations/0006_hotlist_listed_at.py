from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("terminals", "0005_overdraft")]
    operations = [
        migrations.AddField(
            "hotlistentry",
            "listed_at",
            models.DateTimeField("listed at", db_default=Now(), editable=False),
        ),
    ]
