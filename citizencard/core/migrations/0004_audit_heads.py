"""Signed heads of the audit trail, and actors with names as long as users may have."""

from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
DROP_APPEND_ONLY = "DROP TRIGGER append_only ON core_audithead;"


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_day_moves_forward"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("date", models.DateField(primary_key=True, serialize=False, verbose_name="date")),
                ("position", models.PositiveBigIntegerField(verbose_name="entries")),
                ("entry", models.BigIntegerField(verbose_name="newest entry")),
                ("entry_hash", models.BinaryField(max_length=32)),
                ("previous", models.BinaryField(max_length=32)),
                ("made_at", models.DateTimeField(verbose_name="made at")),
                ("public_key", models.BinaryField(max_length=32)),
                ("signature", models.BinaryField(max_length=64)),
            ],
            options={
                "verbose_name": "signed head of the audit trail",
                "verbose_name_plural": "signed heads of the audit trail",
                "default_permissions": ("view",),
            },
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor",
            field=models.CharField(max_length=150, verbose_name="actor"),
        ),
        migrations.AddIndex(
            model_name="auditentry", index=models.Index(fields=["actor", "-id"], name="audit_by_actor")
        ),
        migrations.AddIndex(
            model_name="auditentry", index=models.Index(fields=["subject", "-id"], name="audit_of_subject")
        ),
        migrations.AddIndex(model_name="auditentry", index=models.Index(fields=["at"], name="audit_at")),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
    ]
