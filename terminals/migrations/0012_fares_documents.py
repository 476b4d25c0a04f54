"""Tariffs become fare documents, kept as bytes with their digest; `terminals_tariff` is from now on a view of them."""

from __future__ import annotations

import hashlib
import json

import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.db import migrations, models

KEEPER = "migration"

# The columns repeat what the bytes say, and the digest is that of the bytes: nobody can file one as another.
RULES = """
ALTER TABLE terminals_faredocument
    ADD CONSTRAINT fare_digest_is_of_the_bytes CHECK (digest = sha256(canonical)),
    ADD CONSTRAINT fare_columns_say_what_the_bytes_say CHECK (
        convert_from(canonical, 'UTF8')::jsonb @> jsonb_build_object('document', sort, 'id', code, 'version', version,
            'valid_from', valid_from::text, 'legal_basis', legal_basis)
        AND (convert_from(canonical, 'UTF8')::jsonb ->> 'valid_until') IS NOT DISTINCT FROM valid_until::text);

CREATE FUNCTION terminals_fare_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL
        AND OLD.valid_from > (NEW.withdrawn_at AT TIME ZONE 'Asia/Shanghai')::date
        AND to_jsonb(NEW) - '{withdrawn_at,withdrawn_by,withdrawn_reason}'::text[]
            = to_jsonb(OLD) - '{withdrawn_at,withdrawn_by,withdrawn_reason}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a published fare document does not change; one that has not begun may be withdrawn'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fare_document_stays';
END $$;
CREATE TRIGGER fare_stays BEFORE UPDATE ON terminals_faredocument
    FOR EACH ROW EXECUTE FUNCTION terminals_fare_stays();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON terminals_faredocument
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
RULES_BACK = """
DROP TRIGGER never_removed ON terminals_faredocument;
DROP TRIGGER fare_stays ON terminals_faredocument;
DROP FUNCTION terminals_fare_stays();
ALTER TABLE terminals_faredocument DROP CONSTRAINT fare_columns_say_what_the_bytes_say,
    DROP CONSTRAINT fare_digest_is_of_the_bytes;
"""
VIEW = """
CREATE VIEW terminals_tariff AS
SELECT id, code, version, coalesce(said -> 'name' ->> 'zh-Hans', said -> 'name' ->> 'zh-Hant', said -> 'name' ->> 'en') AS name,
    said -> 'body' ->> 'kind' AS kind, said -> 'body' -> 'rule' AS rule, valid_from, valid_until, legal_basis
FROM terminals_faredocument, LATERAL (SELECT convert_from(canonical, 'UTF8')::jsonb AS said) AS content
WHERE sort = 'tariff' AND withdrawn_at IS NULL;
"""
# The table comes back empty after this; what the view showed is put aside for it.
VIEW_BACK = """
CREATE TEMPORARY TABLE kept_tariff ON COMMIT DROP AS
    SELECT code, name, kind, rule, valid_from, legal_basis FROM terminals_tariff;
DROP VIEW terminals_tariff;
"""
TARIFFS_BACK = """
INSERT INTO terminals_tariff (code, name, kind, rule, valid_from, legal_basis) SELECT * FROM kept_tariff;
"""


def to_documents(apps, schema_editor):
    documents = apps.get_model("terminals", "FareDocument")
    contents, versions = [], {}
    for tariff in apps.get_model("terminals", "Tariff").objects.order_by("code", "valid_from"):
        versions[tariff.code] = versions.get(tariff.code, 0) + 1
        contents.append(
            {
                "document": "tariff",
                "id": tariff.code,
                "version": versions[tariff.code],
                "valid_from": tariff.valid_from.isoformat(),
                "name": {"zh-Hans": tariff.name},
                "legal_basis": tariff.legal_basis or "–",
                "body": {"kind": tariff.kind, "rule": tariff.rule},
            }
        )
    if not contents:
        return
    proposal = apps.get_model("terminals", "FareProposal").objects.create(
        documents=contents,
        reason="tariffs published before",
        state="published",
        maker=KEEPER,
        checker="city",
        checked_at=django.db.models.functions.datetime.Now(),
    )
    for content in contents:
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        documents.objects.create(
            sort="tariff",
            code=content["id"],
            version=content["version"],
            valid_from=content["valid_from"],
            legal_basis=content["legal_basis"],
            canonical=canonical,
            digest=hashlib.sha256(canonical).digest(),
            proposal=proposal,
            published_by=KEEPER,
        )


class Migration(migrations.Migration):
    dependencies = [("terminals", "0011_program_channels")]
    operations = [
        migrations.CreateModel(
            name="FareProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("documents", models.JSONField(verbose_name="documents")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("proposed", "proposed"),
                            ("published", "published"),
                            ("refused", "refused"),
                        ],
                        default="proposed",
                        max_length=9,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                ("maker", models.CharField(max_length=100, verbose_name="proposed by")),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="proposed at",
                    ),
                ),
                (
                    "checker",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
            ],
            options={
                "verbose_name": "fare proposal",
                "verbose_name_plural": "fare proposals",
                "permissions": [
                    ("propose_fares", "Propose fares, and withdraw those still to come"),
                    ("publish_fares", "Publish or refuse fares that somebody else has proposed"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("maker", models.F("checker")), _negated=True),
                        name="fare_maker_is_not_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("state__in", ["published", "refused"]),
                                models.Q(("checker", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="fare_proposal_decided_by_somebody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FareDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "sort",
                    models.CharField(
                        choices=[
                            ("tariff", "tariff"),
                            ("transfer", "transfer discount"),
                            ("concession", "concession"),
                            ("cap", "fare cap"),
                            ("incomplete", "incomplete journeys"),
                            ("subsidy", "fare subsidy"),
                        ],
                        max_length=10,
                        verbose_name="sort",
                    ),
                ),
                ("code", models.CharField(max_length=64, verbose_name="code")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("valid_until", models.DateField(blank=True, null=True, verbose_name="valid until")),
                ("legal_basis", models.CharField(max_length=500, verbose_name="legal basis")),
                ("canonical", models.BinaryField(verbose_name="canonical bytes")),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                ("published_by", models.CharField(max_length=100, verbose_name="published by")),
                (
                    "published_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="published at",
                    ),
                ),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True, verbose_name="withdrawn at")),
                (
                    "withdrawn_by",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100, verbose_name="withdrawn by"
                    ),
                ),
                (
                    "withdrawn_reason",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="reason"
                    ),
                ),
                (
                    "proposal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="published",
                        to="terminals.fareproposal",
                        verbose_name="fare proposal",
                    ),
                ),
            ],
            options={
                "verbose_name": "fare document",
                "verbose_name_plural": "fare documents",
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version"), name="fare_version_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at", None)),
                        fields=("code", "valid_from"),
                        name="fare_one_version_a_date",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None),
                            ("valid_until__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="fare_validity_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("withdrawn_at", None), ("withdrawn_by", ""), ("withdrawn_reason", "")),
                            models.Q(
                                ("withdrawn_at__isnull", False),
                                models.Q(("withdrawn_by", ""), _negated=True),
                                models.Q(("withdrawn_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="fare_withdrawn_by_somebody_for_a_reason",
                    ),
                ],
            },
        ),
        migrations.AddField(
            "line",
            "tariff_code",
            models.CharField(blank=True, db_default="", default="", max_length=64, verbose_name="tariff"),
        ),
        migrations.RunSQL(RULES, RULES_BACK),
        migrations.RunPython(to_documents, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE;", TARIFFS_BACK),
        migrations.DeleteModel("Tariff"),
        migrations.CreateModel(
            name="Tariff",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=64, verbose_name="code")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("kind", models.CharField(max_length=10, verbose_name="kind")),
                ("rule", models.JSONField(verbose_name="rule")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("valid_until", models.DateField(null=True, verbose_name="valid until")),
                ("legal_basis", models.CharField(max_length=500, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "tariff",
                "verbose_name_plural": "tariffs",
                "db_table": "terminals_tariff",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(VIEW, VIEW_BACK),
    ]
