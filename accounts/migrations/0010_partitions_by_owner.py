"""A day's partition is made by the owner of the tables, whoever opens the day: the application makes no tables."""

from django.db import migrations

BY_OWNER = "ALTER FUNCTION accounts_open_partition() SECURITY DEFINER SET search_path = public, pg_temp;"
BY_CALLER = "ALTER FUNCTION accounts_open_partition() SECURITY INVOKER RESET ALL;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_passes")]
    operations = [migrations.RunSQL(BY_OWNER, BY_CALLER)]
