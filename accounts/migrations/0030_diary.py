"""The access diary."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_dataaccess
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
DROP_APPEND_ONLY = "DROP TRIGGER append_only ON accounts_dataaccess;"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0029_issuing"),
    ]

    operations = [
        migrations.CreateModel(
            name="DataAccess",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="at",
                    ),
                ),
                ("actor", models.CharField(max_length=150, verbose_name="actor")),
                ("role", models.CharField(blank=True, max_length=150, verbose_name="role")),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("opened", "record opened, masked"),
                            ("revealed", "shown in clear"),
                            ("written", "written to a card"),
                            ("exported", "handed out as a file"),
                        ],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                (
                    "fields",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("record", "masked record"),
                                ("name", "name"),
                                ("document", "document number"),
                                ("phone", "phone"),
                                ("birth", "birth date"),
                                ("statement", "statement in a dispute"),
                                ("all", "everything on record"),
                            ],
                            max_length=10,
                        ),
                        size=None,
                        verbose_name="data",
                    ),
                ),
                ("ground", models.CharField(blank=True, max_length=300, verbose_name="ground")),
                (
                    "citizen",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accesses",
                        to="accounts.citizen",
                        verbose_name="citizen",
                    ),
                ),
            ],
            options={
                "verbose_name": "access to personal data",
                "verbose_name_plural": "access diary",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["citizen", "-at"], name="access_of_citizen"),
                    models.Index(fields=["actor", "-at"], name="access_by_actor"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("what", "opened"), models.Q(("ground", ""), _negated=True), _connector="OR"
                        ),
                        name="access_in_clear_has_a_ground",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fields__len__gte", 1)), name="access_names_its_fields"
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
    ]
