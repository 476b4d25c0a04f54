"""A night proves a date's taps again before it nets them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0012_rollups_and_months")]
    operations = [
        migrations.AlterField(
            "clearingpart",
            "step",
            models.CharField(
                "step",
                choices=[
                    ("cut_off", "cut off"),
                    ("recheck", "recheck"),
                    ("net", "net"),
                    ("post", "post"),
                    ("check", "check"),
                    ("seal", "seal"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            "clearingpart",
            "unchecked",
            models.PositiveBigIntegerField("not checkable", default=0, db_default=0),
        ),
    ]
