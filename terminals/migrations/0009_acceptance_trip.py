"""What a fare needs of a ride stands beside the text that is shown (`terminals.wire.trip`)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("terminals", "0008_terminal_keys")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE terminals_tap ADD COLUMN trip varchar(64) NOT NULL DEFAULT ''",
            "ALTER TABLE terminals_tap DROP COLUMN trip",
        )
    ]
