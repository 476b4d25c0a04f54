"""Top-ups that a merchant pays: what it gives back of a purchase waits for the chip."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0015_risk")]
    operations = [
        migrations.AlterField(
            "topuporder",
            "channel",
            models.CharField(
                "channel",
                max_length=10,
                choices=[
                    ("cash", "cash at the counter"),
                    ("agent", "agent"),
                    ("kiosk", "kiosk"),
                    ("gateway", "payment gateway"),
                    ("mandate", "direct debit"),
                    ("subsidy", "subsidy"),
                    ("repair", "fare given back"),
                    ("refund", "refund of a purchase"),
                ],
            ),
        ),
        migrations.RemoveConstraint("topuporder", "topup_names_its_party"),
        migrations.AddConstraint(
            "topuporder",
            models.CheckConstraint(
                condition=Q(channel__in=["agent", "kiosk", "subsidy", "repair", "refund"], party__gt="")
                | Q(channel__in=["cash", "gateway", "mandate"], party=""),
                name="topup_names_its_party",
            ),
        ),
    ]
