"""Second factors, sessions and changes of accounts; roles that one person may not have together, kept by a trigger."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django_fsm
from django.conf import settings
from django.db import migrations, models

# Each pair in alphabetical order.
APART = (
    ("administrator", "clerk"),
    ("administrator", "finance"),
    ("administrator", "key_custodian"),
    ("administrator", "supervisor"),
    ("administrator", "auditor"),
    ("auditor", "clerk"),
    ("auditor", "finance"),
    ("auditor", "key_custodian"),
    ("auditor", "supervisor"),
    ("clerk", "finance"),
    ("clerk", "supervisor"),
    ("finance", "supervisor"),
)
# The user's row is locked, so that of two roles given at once the second sees the first.
GUARD = """
CREATE FUNCTION staff_roles_apart() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_root boolean;
    conflict text;
BEGIN
    SELECT is_superuser INTO is_root FROM accounts_user WHERE id = NEW.user_id FOR NO KEY UPDATE;
    IF is_root THEN
        RAISE EXCEPTION 'a superuser has no role'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'superuser_has_no_role';
    END IF;
    SELECT held_role.name || ', ' || given.name INTO conflict
    FROM accounts_user_groups AS held
    JOIN auth_group AS held_role ON held_role.id = held.group_id
    JOIN auth_group AS given ON given.id = NEW.group_id
    JOIN staff_roleconflict AS apart
        ON apart.one = least(held_role.name, given.name) AND apart.other = greatest(held_role.name, given.name)
    WHERE held.user_id = NEW.user_id
    LIMIT 1;
    IF conflict IS NOT NULL THEN
        RAISE EXCEPTION 'one person may not have both roles: %', conflict
            USING ERRCODE = 'check_violation', CONSTRAINT = 'roles_apart';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER roles_apart AFTER INSERT OR UPDATE ON accounts_user_groups
    FOR EACH ROW EXECUTE FUNCTION staff_roles_apart();

CREATE FUNCTION staff_superuser_has_no_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM accounts_user_groups WHERE user_id = NEW.id) THEN
        RAISE EXCEPTION 'who has a role is no superuser'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'superuser_has_no_role';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER superuser_has_no_role AFTER UPDATE OF is_superuser ON accounts_user
    FOR EACH ROW WHEN (NEW.is_superuser AND NOT OLD.is_superuser) EXECUTE FUNCTION staff_superuser_has_no_role();

CREATE TRIGGER decided_for_good BEFORE UPDATE ON staff_accountchange
    FOR EACH ROW WHEN (OLD.state <> 'proposed') EXECUTE FUNCTION core_append_only();
"""
RELEASE = """
DROP TRIGGER roles_apart ON accounts_user_groups;
DROP TRIGGER superuser_has_no_role ON accounts_user;
DROP TRIGGER decided_for_good ON staff_accountchange;
DROP FUNCTION staff_roles_apart();
DROP FUNCTION staff_superuser_has_no_role();
"""


def keep_apart(apps, schema_editor):
    conflict = apps.get_model("staff", "RoleConflict")
    conflict.objects.bulk_create(conflict(one=one, other=other) for one, other in APART)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0026_batch_issue"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("core", "0003_day_moves_forward"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuthenticatorApp",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="authenticator_app",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member of staff",
                    ),
                ),
                ("sealed_secret", models.BinaryField(verbose_name="secret")),
                ("last_step", models.BigIntegerField(default=0, verbose_name="last step used")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed at")),
            ],
            options={
                "verbose_name": "authenticator app",
                "verbose_name_plural": "authenticator apps",
            },
        ),
        migrations.CreateModel(
            name="StartingCode",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="starting_code",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member of staff",
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="valid until")),
            ],
            options={
                "verbose_name": "starting code",
                "verbose_name_plural": "starting codes",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AccountChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("maker", models.CharField(max_length=150, verbose_name="proposed by")),
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
                        blank=True, db_default="", default="", max_length=150, verbose_name="checked by"
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                (
                    "answer",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="why refused"
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[("proposed", "proposed"), ("approved", "approved"), ("refused", "refused")],
                        default="proposed",
                        max_length=8,
                        protected=True,
                        verbose_name="state",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("hire", "new account"),
                            ("roles", "other roles"),
                            ("deactivate", "deactivate"),
                            ("reinstate", "activate again"),
                            ("reset", "new password and second factor"),
                        ],
                        max_length=10,
                        verbose_name="kind of change",
                    ),
                ),
                ("username", models.CharField(max_length=150, verbose_name="user name")),
                ("name", models.CharField(blank=True, max_length=150, verbose_name="name")),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20),
                        default=list,
                        size=None,
                        verbose_name="roles",
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
            ],
            options={
                "verbose_name": "change of a staff account",
                "verbose_name_plural": "changes of staff accounts",
                "permissions": [
                    ("propose_accountchange", "Propose changes of staff accounts"),
                    (
                        "approve_accountchange",
                        "Approve changes of staff accounts that somebody else has proposed",
                    ),
                ],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("checked_at", None), ("checker", ""), ("state", "proposed")),
                            models.Q(
                                ("checked_at__isnull", False),
                                ("checker__gt", ""),
                                ("state__in", ["approved", "refused"]),
                                models.Q(("checker", models.F("maker")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="staff_accountchange_by_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("maker", models.F("username")), _negated=True),
                            models.Q(("checker", models.F("username")), _negated=True),
                        ),
                        name="account_change_not_of_ones_own",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["hire", "roles"]), ("roles", []), _connector="XOR"),
                        name="account_change_has_its_roles",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason__gt", "")), name="account_change_has_a_reason"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "proposed")),
                        fields=("username",),
                        name="account_change_one_at_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleConflict",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("one", models.CharField(max_length=20, verbose_name="role")),
                ("other", models.CharField(max_length=20, verbose_name="role")),
            ],
            options={
                "verbose_name": "roles kept apart",
                "verbose_name_plural": "roles kept apart",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("one", "other"), name="role_conflict_once"),
                    models.CheckConstraint(
                        condition=models.Q(("one__lt", models.F("other"))), name="role_conflict_in_order"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, verbose_name="digest")),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="used at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member of staff",
                    ),
                ),
            ],
            options={
                "verbose_name": "recovery code",
                "verbose_name_plural": "recovery codes",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "digest"), name="recovery_code_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SecurityKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "credential_id",
                    models.BinaryField(max_length=1023, unique=True, verbose_name="credential id"),
                ),
                ("credential", models.BinaryField(verbose_name="public key")),
                ("sign_count", models.BigIntegerField(verbose_name="signature counter")),
                (
                    "added_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="added at",
                    ),
                ),
                ("last_used_at", models.DateTimeField(blank=True, null=True, verbose_name="last used at")),
                ("stopped_at", models.DateTimeField(blank=True, null=True, verbose_name="stopped at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="security_keys",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member of staff",
                    ),
                ),
            ],
            options={
                "verbose_name": "security key",
                "verbose_name_plural": "security keys",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sign_count__gte", 0)), name="sign_count_not_negative"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffSession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen at")),
                ("ip", models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address")),
                ("agent", models.CharField(blank=True, max_length=200, verbose_name="browser")),
                ("needs_password", models.BooleanField(default=False, verbose_name="password to be changed")),
                (
                    "needs_factor",
                    models.BooleanField(default=False, verbose_name="second factor to be shown"),
                ),
                (
                    "factor",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "none"),
                            ("app", "authenticator app"),
                            ("key", "security key"),
                            ("recovery", "recovery code"),
                        ],
                        max_length=8,
                        verbose_name="second factor",
                    ),
                ),
                (
                    "factor_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="second factor shown at"),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                (
                    "ended_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "running"),
                            ("signed_out", "signed out"),
                            ("idle", "unused for too long"),
                            ("age", "too old"),
                            ("ended", "ended from elsewhere"),
                            ("changed", "password, second factor or roles changed"),
                        ],
                        max_length=10,
                        verbose_name="why it ended",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="staff_sessions",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member of staff",
                    ),
                ),
            ],
            options={
                "verbose_name": "session of staff",
                "verbose_name_plural": "sessions of staff",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["user"], name="staff_sessions_running"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("ended_because", "")),
                            models.Q(("ended_at__isnull", False), ("ended_because__gt", "")),
                            _connector="OR",
                        ),
                        name="staff_session_ends_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("factor", ""), ("factor_at", None)),
                            models.Q(("factor__gt", ""), ("factor_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="staff_session_factor_at_a_time",
                    ),
                ],
            },
        ),
        migrations.RunPython(keep_apart, migrations.RunPython.noop),
        migrations.RunSQL(GUARD, RELEASE),
    ]
