"""What a night needs to prove a tap again: the version of its TAC's key, and since when a policy has been known."""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Now

_before = import_module("terminals.migrations.0017_online_purchase")

# Taps from before have none and say so by NULL: append-only rows are not made up for.
KEY_VERSION = """
ALTER TABLE terminals_tap ADD COLUMN key_version smallint CONSTRAINT tap_key_version_one_byte CHECK (key_version BETWEEN 0 AND 255);
"""
KEY_VERSION_BACK = "ALTER TABLE terminals_tap DROP COLUMN key_version"

ACCEPT = (
    _before.ACCEPT.replace("tac bytea, place text,", "tac bytea, key_version smallint, place text,")
    .replace("received_at, tac, outcome,", "received_at, tac, key_version, outcome,")
    .replace("received, tac, 1, place,", "received, tac, key_version, 1, place,")
)
DROP = _before.DROP.replace("bytea, text, text, timestamptz", "bytea, smallint, text, text, timestamptz")


class Migration(migrations.Migration):
    dependencies = [("terminals", "0025_field")]
    operations = [
        migrations.RunSQL(KEY_VERSION, KEY_VERSION_BACK),
        migrations.RunSQL(_before.DROP, _before.ACCEPT),
        migrations.RunSQL(ACCEPT, DROP),
        migrations.AddField(
            "acceptancepolicy",
            "published_at",
            models.DateTimeField("published at", db_default=Now(), editable=False),
        ),
    ]
