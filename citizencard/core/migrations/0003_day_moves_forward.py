"""A business day goes from open to closing to closed and never back: what was sealed takes nothing any more."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION core_day_moves_forward() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'business day % is % and does not become %', OLD.date, OLD.state, NEW.state
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_moves_forward';
END $$;
CREATE TRIGGER moves_forward BEFORE UPDATE ON core_businessday FOR EACH ROW
    WHEN (OLD.state = 'closed' OR OLD.state <> 'open' AND NEW.state = 'open')
    EXECUTE FUNCTION core_day_moves_forward();
"""
BACK = "DROP TRIGGER moves_forward ON core_businessday; DROP FUNCTION core_day_moves_forward();"


class Migration(migrations.Migration):
    dependencies = [("core", "0002_pgmq")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
