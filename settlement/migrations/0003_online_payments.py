from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0002_append_only")]
    operations = [
        migrations.AddField(
            "statement", "online", models.PositiveBigIntegerField("online payments", default=0)
        ),
        migrations.AddField(
            "statement", "online_fen", models.BigIntegerField("online payments (fen)", default=0)
        ),
    ]
