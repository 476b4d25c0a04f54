"""A card that another one has replaced is on the hot list for that."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("terminals", "0027_two_people")]
    operations = [
        migrations.AlterField(
            model_name="hotlistentry",
            name="cause",
            field=models.CharField(
                choices=[
                    ("loss", "reported lost"),
                    ("refund", "refund under way"),
                    ("suspicion", "suspicion"),
                    ("carton", "carton lost"),
                    ("replaced", "replaced by another card"),
                ],
                db_default="loss",
                default="loss",
                max_length=9,
                verbose_name="cause",
            ),
        ),
    ]
