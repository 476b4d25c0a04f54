"""Signed heads of the proof trees, the upper part of each tree, and the manifests of settlement files: written once."""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = """
ALTER TABLE settlement_proofhead ADD CONSTRAINT proof_head_lengths CHECK (
    (octet_length(transfers_root), octet_length(purses_root), octet_length(log_root), octet_length(public_key),
     octet_length(digest), octet_length(signature)) = (32, 32, 32, 32, 32, 64));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_proofhead
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_transferblock
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_purseblock
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_settlementfiles
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
DROP = """
DROP TRIGGER append_only ON settlement_proofhead;
DROP TRIGGER append_only ON settlement_transferblock;
DROP TRIGGER append_only ON settlement_purseblock;
DROP TRIGGER append_only ON settlement_settlementfiles;
ALTER TABLE settlement_proofhead DROP CONSTRAINT proof_head_lengths;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0004_parts")]
    operations = [
        migrations.CreateModel(
            name="ProofHead",
            fields=[
                (
                    "size",
                    models.PositiveBigIntegerField(
                        primary_key=True, serialize=False, verbose_name="dates in the log"
                    ),
                ),
                (
                    "previous",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="next",
                        to="settlement.proofhead",
                        verbose_name="head before",
                    ),
                ),
                ("business_date", models.DateField(unique=True, verbose_name="business date")),
                ("transfers", models.PositiveBigIntegerField(verbose_name="transfers")),
                ("transfers_root", models.BinaryField(max_length=32, verbose_name="root of the transfers")),
                ("purses", models.PositiveBigIntegerField(verbose_name="purses with money")),
                ("purses_root", models.BinaryField(max_length=32, verbose_name="root of the purses")),
                ("liabilities_fen", models.BigIntegerField(verbose_name="owed to purses (fen)")),
                ("claims_fen", models.BigIntegerField(verbose_name="purses below zero (fen)")),
                ("log_root", models.BinaryField(max_length=32, verbose_name="root of the log")),
                ("made_at", models.DateTimeField(verbose_name="made at")),
                ("salt_version", models.PositiveSmallIntegerField(verbose_name="version of the salts' key")),
                ("seed", models.PositiveSmallIntegerField(verbose_name="version of the seed")),
                ("public_key", models.BinaryField(max_length=32, verbose_name="public key")),
                ("digest", models.BinaryField(max_length=32, unique=True, verbose_name="SHA-256")),
                ("signature", models.BinaryField(max_length=64, verbose_name="signature")),
            ],
            options={
                "verbose_name": "signed head",
                "verbose_name_plural": "signed heads",
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(previous=None, size=1)
                        | models.Q(previous__isnull=False, size=models.F("previous") + 1),
                        name="proof_head_follows_the_one_before",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(claims_fen__gte=0, liabilities_fen__gte=0),
                        name="proof_head_sums_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TransferBlock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "head",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfer_blocks",
                        to="settlement.proofhead",
                        verbose_name="signed head",
                    ),
                ),
                ("first_id", models.BigIntegerField(verbose_name="first transfer")),
                ("node", models.BinaryField(max_length=32)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("head", "first_id"), name="transfer_block_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="PurseBlock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "head",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="purse_blocks",
                        to="settlement.proofhead",
                        verbose_name="signed head",
                    ),
                ),
                ("first_salt", models.BinaryField(max_length=16)),
                ("node", models.BinaryField(max_length=40)),
                ("leaves", models.BinaryField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("head", "first_salt"), name="purse_block_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementFiles",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "statement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="settlement.statement",
                        verbose_name="settlement statement",
                    ),
                ),
                ("manifest", models.BinaryField(verbose_name="manifest")),
                ("seed", models.PositiveSmallIntegerField(verbose_name="version of the seed")),
                ("public_key", models.BinaryField(max_length=32, verbose_name="public key")),
                ("signature", models.BinaryField(max_length=64, verbose_name="signature")),
            ],
            options={
                "verbose_name": "signed settlement files",
                "verbose_name_plural": "signed settlement files",
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["seed"], name="settlement_files_by_seed")],
            },
        ),
        migrations.RunSQL(GUARDS, reverse_sql=DROP),
    ]
