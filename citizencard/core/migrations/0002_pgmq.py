"""The message queue of the default Celery broker (kombu's pgmq transport): plain SQL, no extension of the server.

A database that already has a schema ``pgmq``, such as one with the extension installed, is left as it is.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from pgmq.install import get_embedded_install_sql


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'pgmq'")
        if cursor.fetchone() is None:
            cursor.execute(get_embedded_install_sql())


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        # Going back leaves the queues: they may hold messages of a database the schema was found in.
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
