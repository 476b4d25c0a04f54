"""What the application may do in the database: one table of exceptions, everything else by rule, applied after `migrate`.

The rule, read from the catalogue, so that a new table is right without being named here:

* an ordinary table: SELECT, INSERT, UPDATE, DELETE;
* a table with a trigger named `append_only`: SELECT, INSERT;
* a partition: nothing, it is read and written through its parent;
* a sequence: USAGE, so that numbers are drawn and never set back;
* nowhere TRUNCATE, TRIGGER, REFERENCES, ownership or CREATE.

Functions that run as their owner see only `public` and `pg_catalog`, and temporary tables last of all. Nobody else may
make a trigger of a trigger function: on a temporary table of his own he could feed the ledger's with invented rows.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper

from citizencard.core.roles import APP_ROLE, READ_ROLE

READ_ONLY: Final = frozenset(
    {
        # Kept by the ledger's triggers.
        "accounts_tally",
        "accounts_closing",
        # Kept by `migrate`.
        "django_migrations",
        "django_content_type",
        "auth_permission",
        "auth_group",
        "auth_group_permissions",
        "staff_roleconflict",
        # Nobody may do anything but by a role.
        "accounts_user_user_permissions",
    }
)
"""Tables the application reads and never writes."""

UPDATABLE: Final[dict[str, tuple[str, ...]]] = {
    "accounts_compensation": ("state", "paid_at", "purse_id"),
    "accounts_counterreversal": ("state", "checker", "checked_at", "answer"),
    "accounts_disputedcharge": ("state", "order_id", "bearer_id", "ended_at"),
    "accounts_concession": ("withdrawn_on", "withdrawn_at", "withdrawn_by", "withdrawn_reason"),
    "accounts_drawercount": ("state", "checker", "checked_at", "answer"),
    "accounts_drawersession": ("state", "counted_at"),
    "accounts_guardianship": ("guardian_id", "ward_id", "ended_at", "ended_because"),
    "accounts_hold": ("state", "captured_fen", "ended_at"),
    "accounts_identitydocument": (
        "citizen_id", "kind", "nationality", "valid_to", "main", "source", "as_of", "ended_at",
        "number_sealed", "number_index", "mask",
    ),
    "accounts_issueapplication": (
        "state", "citizen_id", "document_index", "document_mask", "name_mask", "person_sealed", "consent_text", "consented_at", "guardian_id", "consent_id",
        "photo_sealed", "price_fen", "deposit_fen", "paid_at", "card_id", "step", "steps", "ended_at", "reason",
    ),
    "accounts_ledgeraccount": ("name", "state"),
    "accounts_pass": ("card_id", "state", "rides_left", "unused_fen", "refunded_fen"),
    "accounts_personchange": ("state", "checker", "checked_at", "answer", "name_sealed", "name_index", "name_mask"),
    "accounts_personmerge": ("state", "checker", "checked_at", "answer"),
    "accounts_productversion": ("state", "checker", "checked_at", "answer", "applied_at"),
    "accounts_purse": ("offline_seen", "online_seen"),
    "accounts_registration": ("shows_earlier",),
    "accounts_replacement": ("state", "chip_fen", "account_fen", "deposit_fen", "moved_at"),
    "accounts_riskalert": ("state", "reviewed_by", "reviewed_at", "review_reason"),
    "core_businessday": ("state", "closed_at"),
    "privacy_correctionrequest": ("answered_at", "answered_by", "answer"),
    "privacy_legalhold": ("released_by", "released_at"),
    "privacy_erasurerequest": (
        "state", "checked_by", "checked_at", "decided_by", "decided_at", "answer",
    ),
    "privacy_accessquestion": ("answered_at", "answered_by", "answer"),
    "privacy_privacyrule": ("state", "checker", "checked_at", "answer"),
    "settlement_banksource": ("state", "checker", "checked_at", "answer"),
    "settlement_monthclose": ("state", "checker", "checked_at", "answer"),
    "settlement_payoutaccount": ("state", "checker", "checked_at", "answer"),
    "settlement_payoutbatch": (
        "state", "proposed_by", "approved_by", "seconded_by", "refused_by", "reason", "sent_at",
    ),
    "settlement_payoutorder": ("state", "failure"),
    "settlement_payoutpolicy": ("state", "checker", "checked_at", "answer"),
    "settlement_suspenseitem": (
        "owner", "assignee", "state", "target_id", "reason", "proposed_by", "resolved_by", "resolved_at",
    ),
    "settlement_adjustment": ("state", "answer", "business_date"),
    "settlement_contract": ("valid_until",),
    "settlement_dispute": ("state", "due_on", "asked_at", "closed_at"),
    "settlement_disputedecision": ("state", "checker", "checked_at", "answer"),
    "settlement_proposal": ("state", "checker", "checked_at", "answer"),
    "staff_accountchange": ("state", "checker", "checked_at", "answer"),
    "terminals_hotlistchange": ("version",),
    "terminals_lossreport": ("state", "ended_at"),
    "terminals_hotlistremoval": ("checker", "approved_at"),
    "terminals_enrolmentcode": ("tries", "used_at", "expires_at"),
    "terminals_faredocument": ("withdrawn_at", "withdrawn_by", "withdrawn_reason"),
    "terminals_fareproposal": ("state", "checker", "checked_at", "answer"),
    "terminals_policyproposal": ("state", "checker", "checked_at", "answer"),
    "terminals_hotlistappeal": ("state", "decided_by", "decided_at", "decision_reason", "compensation_id"),
    "terminals_terminalkey": ("valid_until", "revoked_at", "revoked_reason"),
}  # fmt: skip
"""Tables of which only these columns may change and no row may go: the rest is the ledger's own."""

UNREPORTED: Final = frozenset({"accounts_user", "django_session", "django_migrations"})
"""Tables that reporting does not see. Of the others it sees all but `bytea`: sealed data, indexes of it, keys, digests."""

_TABLES = """
SELECT quote_ident(relname), relkind, relispartition,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = class.oid AND tgname = 'append_only'),
    ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        AND atttypid <> 'bytea'::regtype ORDER BY attnum)
FROM pg_class AS class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
    AND pg_has_role(relowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND deptype = 'e')
"""
_FUNCTIONS = """
SELECT oid::regprocedure::text, prorettype = 'trigger'::regtype FROM pg_proc AS routine
WHERE pronamespace = 'public'::regnamespace AND (prorettype = 'trigger'::regtype OR prosecdef)
    AND pg_has_role(proowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = routine.oid AND deptype = 'e')
"""
_SURROUNDINGS = """
SELECT 'database', quote_ident(datname) FROM pg_database
WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')
UNION ALL SELECT 'schema', nspname FROM pg_namespace
WHERE nspname IN ('public', 'pgmq') AND pg_has_role(nspowner, 'USAGE')
"""
# Creating a queue is the broker's only DDL; the owner does it, in a function that quotes the queue's name.
_QUEUES = """
GRANT USAGE ON SCHEMA pgmq TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pgmq TO {app};
GRANT SELECT ON ALL SEQUENCES IN SCHEMA pgmq TO {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT SELECT ON SEQUENCES TO {app};
ALTER FUNCTION pgmq.create(text) SECURITY DEFINER SET search_path = pgmq, pg_temp;
REVOKE ALL ON FUNCTION pgmq.create(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgmq.create(text) TO {app};
"""
_GRANTS_LOCK: Final = 0x4752_4E54  # "GRNT"


class CannotGrant(Exception):
    """Why this login cannot give the rights, and who can."""


def apply_grants() -> None:
    """Give the roles exactly what this module says, whatever they had. Run by the owner; repeating changes nothing.

    Makes the roles where it may. Raises CannotGrant for a login that owns no tables, or may not make missing roles.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), current_user", [_GRANTS_LOCK])
        user = cursor.fetchone()[1]
        cursor.execute(_TABLES)
        relations = cursor.fetchall()
        if user in (APP_ROLE, READ_ROLE) or not relations:
            raise CannotGrant(f"{user} is not to own the tables: DATABASE_OWNER_URL names who does.")
        if missing := [role for role in (APP_ROLE, READ_ROLE) if not _role_made(cursor, role)]:
            made = "; ".join(f"CREATE ROLE {role} {_login(role)}" for role in missing)
            raise CannotGrant(
                f"{user} may not make the roles that are missing, an administrator may: {made};"
            )
        for statement in [*_around(cursor), *_on_relations(relations), *_on_functions(cursor)]:
            cursor.execute(statement)


def after_migrate(*, verbosity: int, plan: object = None, **signal: Any) -> None:
    """Apply the grants at the end of `migrate`. A server whose roles nobody has made yet keeps working as before."""
    if plan is None:  # `flush` sends the same signal, and has changed no table
        return
    try:
        apply_grants()
    except CannotGrant as refusal:
        if verbosity:
            sys.stderr.write(f"{refusal}\n")


def _role_made(cursor: CursorWrapper, role: str) -> bool:
    """Tell whether the role is there, having tried to make it."""
    if _role_exists(cursor, role):
        return True
    # Not allowed, or another database of the same server was faster.
    with contextlib.suppress(ProgrammingError, IntegrityError), transaction.atomic():
        cursor.execute(f"CREATE ROLE {role} {_login(role)}")
    return _role_exists(cursor, role)


def _role_exists(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    return cursor.fetchone() is not None


def _login(role: str) -> str:
    return "LOGIN" if role == APP_ROLE else "NOLOGIN"


def _around(cursor: CursorWrapper) -> Iterator[str]:
    """What belongs to no table, as far as it is ours to give; PostgreSQL's own defaults are the same from 15 on."""
    cursor.execute(_SURROUNDINGS)
    for what, name in cursor.fetchall():
        if what == "database":
            yield f"GRANT CONNECT ON DATABASE {name} TO {APP_ROLE}, {READ_ROLE}"
            yield f"GRANT TEMPORARY ON DATABASE {name} TO {APP_ROLE}"
        elif name == "public":
            yield f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {APP_ROLE}, {READ_ROLE}"
            yield f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {READ_ROLE}"
        else:
            yield _QUEUES.format(app=APP_ROLE)


def _on_relations(relations: Iterable[tuple[str, str, bool, bool, list[str]]]) -> Iterator[str]:
    for name, kind, is_partition, is_append_only, plain_columns in relations:
        what = f"SEQUENCE {name}" if kind == "S" else f"TABLE {name}"
        yield f"REVOKE ALL ON {what} FROM PUBLIC, {APP_ROLE}, {READ_ROLE}"
        if not is_partition:
            yield f"GRANT {_privileges(name, kind, is_append_only)} ON {what} TO {APP_ROLE}"
            if kind != "S" and name not in UNREPORTED:
                yield f"GRANT SELECT ({', '.join(plain_columns)}) ON {what} TO {READ_ROLE}"


def _privileges(name: str, kind: str, is_append_only: bool) -> str:
    """What the application may do with a table, view or sequence."""
    if kind == "S":
        return "USAGE"
    # A view is read only: writing through one would be writing as its owner.
    if name in READ_ONLY or kind in "vm":
        return "SELECT"
    if is_append_only:
        return "SELECT, INSERT"
    if columns := UPDATABLE.get(name):
        return f"SELECT, INSERT, UPDATE ({', '.join(columns)})"
    return "SELECT, INSERT, UPDATE, DELETE"


def _on_functions(cursor: CursorWrapper) -> Iterator[str]:
    cursor.execute(_FUNCTIONS)
    for name, is_trigger in cursor.fetchall():
        yield f"ALTER ROUTINE {name} SET search_path = public, pg_temp"
        yield f"REVOKE ALL ON ROUTINE {name} FROM PUBLIC, {APP_ROLE}, {READ_ROLE}"
        if not is_trigger:
            yield f"GRANT EXECUTE ON ROUTINE {name} TO {APP_ROLE}"
