"""What the centre publishes to terminals: keys, documents, the hot list as a row of changes, and the promise after a loss."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

_APPEND_ONLY = (
    "terminals_centrekey",
    "terminals_publisheddocument",
    "terminals_hotlistversion",
    "terminals_listapplied",
    "terminals_hotlistpolicy",
    "terminals_parameterpolicy",
)
GUARD = "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""
    for table in _APPEND_ONLY
)

# Whoever lists a card or takes it off: the change is written down. A change gets its version once; nothing else of it moves.
CHANGES = """
CREATE FUNCTION terminals_hot_list_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO terminals_hotlistchange (entry_id, pan, effective_at) VALUES (NEW.version, NEW.pan, NEW.effective_at);
    ELSIF OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL THEN
        INSERT INTO terminals_hotlistchange (entry_id, pan) VALUES (NEW.version, NEW.pan);
    ELSIF OLD.removed_at IS DISTINCT FROM NEW.removed_at OR OLD.pan <> NEW.pan OR OLD.effective_at <> NEW.effective_at THEN
        RAISE EXCEPTION 'a hot list entry is ended, not changed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hot_list_changed AFTER INSERT OR UPDATE ON terminals_hotlistentry
    FOR EACH ROW EXECUTE FUNCTION terminals_hot_list_changed();

CREATE FUNCTION terminals_published_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.version IS NOT NULL OR NEW.version IS NULL OR (OLD.id, OLD.entry_id, OLD.pan, OLD.recorded_at)
            <> (NEW.id, NEW.entry_id, NEW.pan, NEW.recorded_at) OR OLD.effective_at IS DISTINCT FROM NEW.effective_at THEN
        RAISE EXCEPTION 'a change of the hot list is published once and stays'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER published_once BEFORE UPDATE ON terminals_hotlistchange
    FOR EACH ROW EXECUTE FUNCTION terminals_published_once();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON terminals_hotlistchange
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();

UPDATE terminals_hotlistentry SET cause = reason WHERE reason = 'refund';
UPDATE terminals_hotlistentry SET cause = 'suspicion' WHERE reason = 'tampered';
INSERT INTO terminals_hotlistchange (entry_id, pan, effective_at, recorded_at)
    SELECT version, pan, effective_at, listed_at FROM terminals_hotlistentry ORDER BY version;
INSERT INTO terminals_hotlistchange (entry_id, pan, recorded_at)
    SELECT version, pan, removed_at FROM terminals_hotlistentry WHERE removed_at IS NOT NULL ORDER BY removed_at;
"""
DROP = """
DROP TRIGGER hot_list_changed ON terminals_hotlistentry;
DROP FUNCTION terminals_hot_list_changed();
DROP TRIGGER published_once ON terminals_hotlistchange;
DROP FUNCTION terminals_published_once();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("terminals", "0013_fares_charges"),
    ]

    operations = [
        migrations.AddField(
            model_name="hotlistentry",
            name="cause",
            field=models.CharField(
                choices=[
                    ("loss", "reported lost"),
                    ("refund", "refund under way"),
                    ("suspicion", "suspicion"),
                    ("carton", "carton lost"),
                ],
                db_default="loss",
                default="loss",
                max_length=9,
                verbose_name="cause",
            ),
        ),
        migrations.CreateModel(
            name="CentreKey",
            fields=[
                (
                    "number",
                    models.PositiveIntegerField(primary_key=True, serialize=False, verbose_name="number"),
                ),
                ("seed", models.PositiveSmallIntegerField(unique=True, verbose_name="version of the seed")),
                ("public_key", models.BinaryField(max_length=32, unique=True, verbose_name="public key")),
                ("valid_from", models.DateTimeField(verbose_name="valid from")),
                ("present_until", models.DateTimeField(null=True, verbose_name="key before believed until")),
                ("named_by", models.CharField(max_length=150, verbose_name="named by")),
                (
                    "named_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="named at",
                    ),
                ),
                ("document", models.BinaryField(null=True)),
            ],
            options={
                "verbose_name": "document key of the centre",
                "verbose_name_plural": "document keys of the centre",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("document", None), ("number", 0), ("present_until", None)),
                            models.Q(
                                ("document__isnull", False),
                                ("number__gt", 0),
                                ("present_until__gte", models.F("valid_from")),
                            ),
                            _connector="OR",
                        ),
                        name="centre_key_named_by_the_one_before",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HotListPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateField(unique=True, verbose_name="valid from")),
                ("promise_minutes", models.PositiveIntegerField(verbose_name="promise (minutes)")),
                (
                    "grace_minutes",
                    models.PositiveIntegerField(verbose_name="for terminals to fetch it (minutes)"),
                ),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "hot list policy",
                "verbose_name_plural": "hot list policies",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("grace_minutes__lte", 10080),
                            ("promise_minutes__lte", 10080),
                            models.Q(("legal_basis", ""), _negated=True),
                        ),
                        name="hot_list_policy_says_what_and_why",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HotListVersion",
            fields=[
                (
                    "version",
                    models.BigIntegerField(primary_key=True, serialize=False, verbose_name="version"),
                ),
                ("published_at", models.DateTimeField(verbose_name="published at")),
                ("count", models.PositiveIntegerField(verbose_name="cards")),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
            ],
            options={
                "verbose_name": "hot list version",
                "verbose_name_plural": "hot list versions",
                "default_permissions": (),
                "indexes": [models.Index(fields=["published_at"], name="hot_list_published_at")],
            },
        ),
        migrations.CreateModel(
            name="ParameterPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("validator", "vehicle validator"),
                            ("gate", "gate"),
                            ("pos", "till"),
                            ("meter", "taximeter"),
                            ("barrier", "car park barrier"),
                        ],
                        help_text="empty: all",
                        max_length=9,
                        verbose_name="kind",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                (
                    "single_fen",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="most at once (fen)"),
                ),
                (
                    "offline_count",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="offline purchases a day"
                    ),
                ),
                (
                    "offline_sum_fen",
                    models.PositiveBigIntegerField(
                        blank=True, null=True, verbose_name="offline sum a day (fen)"
                    ),
                ),
                (
                    "overdraft_fen",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="overdraft (fen)"),
                ),
                ("guard_s", models.PositiveIntegerField(verbose_name="not charged again within (s)")),
                ("upload_s", models.PositiveIntegerField(verbose_name="upload every (s)")),
                ("heartbeat_s", models.PositiveIntegerField(verbose_name="heartbeat every (s)")),
                ("list_s", models.PositiveIntegerField(verbose_name="ask for lists every (s)")),
                (
                    "grey_days",
                    models.PositiveIntegerField(verbose_name="evidence for grey records within (days)"),
                ),
                ("legal_basis", models.CharField(max_length=200, verbose_name="legal basis")),
            ],
            options={
                "verbose_name": "terminal parameters",
                "verbose_name_plural": "terminal parameters",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "valid_from"), name="parameters_once_per_date"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("guard_s__lte", 3600),
                            ("heartbeat_s__gte", 1),
                            ("list_s__gte", 1),
                            ("upload_s__gte", 1),
                            ("grey_days__range", (1, 365)),
                            models.Q(("legal_basis", ""), _negated=True),
                        ),
                        name="parameters_say_what_and_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PublishedDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("hot_list", "hot list"),
                            ("parameters", "parameters"),
                            ("tariffs", "tariffs"),
                            ("next_key", "next key of the centre"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("subject", models.CharField(max_length=20, verbose_name="subject")),
                ("version", models.BigIntegerField(verbose_name="version")),
                ("content", models.BinaryField()),
                ("digest", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                ("count", models.PositiveIntegerField(verbose_name="entries")),
                ("published_at", models.DateTimeField(verbose_name="published at")),
            ],
            options={
                "verbose_name": "published document",
                "verbose_name_plural": "published documents",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "subject", "version"), name="published_document_once_per_version"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SignedDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=10)),
                ("subject", models.CharField(max_length=20)),
                ("since", models.BigIntegerField()),
                ("version", models.BigIntegerField()),
                ("seed", models.PositiveSmallIntegerField()),
                ("body", models.BinaryField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "subject", "version", "since", "seed"), name="signed_document_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HotListChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("pan", models.CharField(max_length=19, verbose_name="card number")),
                ("effective_at", models.DateTimeField(null=True, verbose_name="effective at")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="recorded at",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="terminals.hotlistentry",
                        verbose_name="hot list entry",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_column="version",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="terminals.hotlistversion",
                        verbose_name="published with",
                    ),
                ),
            ],
            options={
                "verbose_name": "change of the hot list",
                "verbose_name_plural": "changes of the hot list",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["pan", "id"], name="hot_list_change_of_card"),
                    models.Index(
                        condition=models.Q(("version", None)),
                        fields=["id"],
                        name="hot_list_change_to_publish",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ListApplied",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.BigIntegerField(verbose_name="version")),
                ("applied_at", models.DateTimeField(verbose_name="applied at")),
                (
                    "terminal",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lists_applied",
                        to="terminals.terminal",
                        verbose_name="terminal",
                    ),
                ),
            ],
            options={
                "verbose_name": "hot list applied",
                "verbose_name_plural": "hot lists applied",
                "default_permissions": (),
                "indexes": [models.Index(fields=["terminal", "-id"], name="list_applied_by_terminal")],
            },
        ),
        migrations.RunSQL(GUARD + CHANGES, DROP),
    ]
