"""A person has any number of documents: the one in the person's own row moves to a row of its own, sealed as it is."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# An envelope opens only at the place it was sealed for, and that names the row: so the document takes the person's id.
MOVE = """
INSERT INTO accounts_identitydocument (id, citizen_id, kind, number_sealed, number_index, mask, nationality, main, source, as_of,
    added_at)
SELECT id, id, document_kind, document_sealed, document_index, document_mask, '', true, 'counter',
    (registered_at AT TIME ZONE 'Asia/Shanghai')::date, registered_at
FROM accounts_citizen;
SET CONSTRAINTS ALL IMMEDIATE;
"""
BACK = """
UPDATE accounts_citizen AS citizen SET document_kind = main.kind, document_sealed = main.number_sealed,
    document_index = main.number_index
FROM accounts_identitydocument AS main WHERE main.id = citizen.id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0020_disputes"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdentityDocument",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("resident_id", "resident identity card"),
                            (
                                "residence_permit",
                                "residence permit for Hong Kong, Macao and Taiwan residents",
                            ),
                            ("foreign_permanent", "foreigner's permanent residence card"),
                            ("taiwan_pass", "mainland travel permit for Taiwan residents"),
                            ("home_pass", "mainland travel permit for Hong Kong and Macao residents"),
                            ("passport", "passport"),
                        ],
                        max_length=20,
                        verbose_name="document",
                    ),
                ),
                ("number_sealed", models.BinaryField()),
                ("number_index", models.BinaryField(max_length=32, unique=True)),
                ("mask", models.CharField(max_length=40, verbose_name="document number")),
                (
                    "nationality",
                    models.CharField(
                        blank=True,
                        help_text="ISO 3166, three letters",
                        max_length=3,
                        verbose_name="nationality",
                    ),
                ),
                ("valid_to", models.DateField(blank=True, null=True, verbose_name="valid to")),
                ("main", models.BooleanField(default=False, verbose_name="on the card")),
                ("source", models.CharField(max_length=40, verbose_name="source")),
                ("as_of", models.DateField(verbose_name="as of")),
                (
                    "added_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="added at",
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
            ],
            options={
                "verbose_name": "identity document",
                "verbose_name_plural": "identity documents",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="citizen",
            name="birth_sealed",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="citizen",
            name="birth_source",
            field=models.CharField(blank=True, max_length=40, verbose_name="source of the birth date"),
        ),
        migrations.AddField(
            model_name="citizen",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="merged",
                to="accounts.citizen",
                verbose_name="merged into",
            ),
        ),
        migrations.AddField(
            model_name="citizen",
            name="name_index",
            field=models.BinaryField(db_index=True, max_length=32, null=True),
        ),
        migrations.AddConstraint(
            model_name="citizen",
            constraint=models.CheckConstraint(
                condition=models.Q(("merged_into", models.F("id")), _negated=True),
                name="citizen_not_merged_into_itself",
            ),
        ),
        migrations.AddField(
            model_name="identitydocument",
            name="citizen",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="documents",
                to="accounts.citizen",
                verbose_name="citizen",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitydocument",
            constraint=models.UniqueConstraint(
                condition=models.Q(("main", True)), fields=("citizen",), name="one_main_document_per_citizen"
            ),
        ),
        migrations.AddConstraint(
            model_name="identitydocument",
            constraint=models.CheckConstraint(
                condition=models.Q(("main", False), ("ended_at", None), _connector="OR"),
                name="main_document_in_force",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitydocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("nationality", ""), ("nationality__regex", "^[A-Z]{3}$"), _connector="OR"
                ),
                name="document_nationality_iso",
            ),
        ),
        migrations.AddConstraint(
            model_name="identitydocument",
            constraint=models.CheckConstraint(
                condition=models.Q(("source", ""), _negated=True), name="document_has_a_source"
            ),
        ),
        migrations.RunSQL(MOVE, reverse_sql=BACK),
        migrations.RemoveField(
            model_name="citizen",
            name="document_index",
        ),
        migrations.RemoveField(
            model_name="citizen",
            name="document_kind",
        ),
        migrations.RemoveField(
            model_name="citizen",
            name="document_sealed",
        ),
    ]
