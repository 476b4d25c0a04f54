from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_bank"),
        ("terminals", "0023_totals"),
    ]

    operations = [
        migrations.AddField(
            model_name="merchant",
            name="county",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=6, verbose_name="county"
            ),
        ),
        migrations.AddField(
            model_name="place",
            name="county",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=6, verbose_name="county"
            ),
        ),
        migrations.AddConstraint(
            model_name="merchant",
            constraint=models.CheckConstraint(
                condition=models.Q(("county__regex", "^([0-9]{6})?$")), name="merchant_county_coded"
            ),
        ),
        migrations.AddConstraint(
            model_name="place",
            constraint=models.CheckConstraint(
                condition=models.Q(("county__regex", "^([0-9]{6})?$")), name="place_county_coded"
            ),
        ),
    ]
