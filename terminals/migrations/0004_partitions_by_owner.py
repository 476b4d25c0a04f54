"""A day's partitions are made by the owner of the tables, whoever opens the day: the application makes no tables."""

from django.db import migrations

BY_OWNER = "ALTER FUNCTION terminals_open_partition() SECURITY DEFINER SET search_path = public, pg_temp;"
BY_CALLER = "ALTER FUNCTION terminals_open_partition() SECURITY INVOKER RESET ALL;"


class Migration(migrations.Migration):
    dependencies = [("terminals", "0003_identity_and_bureau")]
    operations = [migrations.RunSQL(BY_OWNER, BY_CALLER)]
