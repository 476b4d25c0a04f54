"""The one key of each terminal becomes the first of its keys; what is told by terminals is never rewritten."""

from django.db import migrations, models

# Since when an old key counted was not kept: since it was last heard of, at the latest.
KEYS = """
INSERT INTO terminals_terminalkey (terminal_id, public_key, origin, valid_from, revoked_at, revoked_reason)
SELECT id, public_key, 'installed', coalesce(seen_at, now()),
    CASE WHEN state = 'revoked' THEN now() END, CASE WHEN state = 'revoked' THEN 'terminal revoked' ELSE '' END
FROM terminals_terminal;
UPDATE terminals_terminal AS terminal SET kind = CASE merchant.channel
    WHEN 'bus' THEN 'validator' WHEN 'metro' THEN 'gate' WHEN 'parking' THEN 'barrier' ELSE 'pos' END
FROM terminals_merchant AS merchant WHERE merchant.id = terminal.merchant_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""
KEYS_BACK = """
UPDATE terminals_terminal AS terminal SET public_key = newest.public_key
FROM (
    SELECT DISTINCT ON (terminal_id) terminal_id, public_key FROM terminals_terminalkey
    ORDER BY terminal_id, revoked_at IS NULL DESC, valid_from DESC, id DESC
) AS newest WHERE newest.terminal_id = terminal.id;
DELETE FROM terminals_terminalkey;
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_heartbeat
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_terminalevent
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_fleetpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON terminals_fleetpolicy;
DROP TRIGGER append_only ON terminals_terminalevent;
DROP TRIGGER append_only ON terminals_heartbeat;
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0007_fleet")]
    operations = [
        migrations.RunSQL(KEYS, KEYS_BACK),
        migrations.AlterField("terminal", "public_key", models.BinaryField(max_length=32, default=b"")),
        migrations.RemoveField("terminal", "public_key"),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
    ]
