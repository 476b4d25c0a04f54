"""Taxis and public bikes are merchants too."""

from django.db import migrations, models

CHANNELS = [
    ("bus", "bus"),
    ("metro", "metro"),
    ("hospital", "hospital"),
    ("pharmacy", "pharmacy"),
    ("park", "park"),
    ("shop", "shop"),
    ("parking", "car park"),
    ("taxi", "taxi"),
    ("bike", "public bike"),
]


def _channel():
    return models.CharField(choices=CHANNELS, max_length=10, verbose_name="channel")


class Migration(migrations.Migration):
    dependencies = [("terminals", "0010_acceptance_policy")]
    operations = [
        migrations.AlterField("merchant", "channel", _channel()),
        migrations.AlterField("acceptancepolicy", "channel", _channel()),
    ]
