"""What was cleared stays as it was: statements never change, a cleared run never changes again."""

from django.db import migrations

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_statement
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER cleared_for_good BEFORE UPDATE OR DELETE ON settlement_clearingrun
    FOR EACH ROW WHEN (OLD.state = 'cleared') EXECUTE FUNCTION core_append_only();
"""
DROP = """
DROP TRIGGER append_only ON settlement_statement;
DROP TRIGGER cleared_for_good ON settlement_clearingrun;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial"), ("core", "0001_initial")]
    operations = [migrations.RunSQL(APPEND_ONLY, reverse_sql=DROP)]
