"""What was agreed, sent or said by the bank stays as it was; an order takes only the steps that there are."""

from django.db import migrations

APPEND_ONLY = ("payoutcarried", "bankfile", "bankstatement", "bankentry", "reservereport")
STAYS = {
    "payoutaccount": "state, checker, checked_at",
    "payoutpolicy": "state, checker, checked_at",
    "banksource": "state, checker, checked_at",
    "payoutbatch": "state, proposed_by, approved_by, seconded_by, refused_by, reason, sent_at",
    "payoutorder": "state, failure",
    "suspenseitem": "owner, assignee, state, target_id, reason, proposed_by, resolved_by, resolved_at",
}
"""Of these tables only the columns named ever change, and no row goes."""
DECIDED = ("payoutaccount", "payoutpolicy", "banksource")

FUNCTIONS = """
CREATE FUNCTION settlement_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - TG_ARGV IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV THEN
        RAISE EXCEPTION '% keeps what it says', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'stays';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION settlement_payout_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE standing text := (SELECT state FROM settlement_payoutbatch WHERE id = NEW.batch_id);
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.state, standing) = ('waiting', 'drafted') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.state = OLD.state OR (OLD.state, NEW.state) IN (('sent', 'paid'), ('sent', 'rejected'),
            ('paid', 'returned')) OR (OLD.state, NEW.state, standing) IN (('waiting', 'sent', 'sent'),
            ('waiting', 'dropped', 'refused'))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a payout order does not become % in a batch that is %', NEW.state, standing
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'payout_step';
END $$;

CREATE FUNCTION settlement_batch_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.proposed_by <> '' AND NEW.proposed_by <> OLD.proposed_by)
        OR (OLD.approved_by <> '' AND NEW.approved_by <> OLD.approved_by)
        OR (OLD.seconded_by <> '' AND NEW.seconded_by <> OLD.seconded_by)
        OR (OLD.sent_at IS NOT NULL AND (NEW.sent_at IS DISTINCT FROM OLD.sent_at
            OR NEW.state NOT IN ('sent', 'settled', 'partly_returned')))
        OR (OLD.state = 'refused' AND NEW.state <> 'refused') THEN
        RAISE EXCEPTION 'a payout batch only moves on' USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = 'payout_batch_step';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_step BEFORE INSERT OR UPDATE ON settlement_payoutorder
    FOR EACH ROW EXECUTE FUNCTION settlement_payout_step();
CREATE TRIGGER payout_batch_step BEFORE UPDATE ON settlement_payoutbatch
    FOR EACH ROW EXECUTE FUNCTION settlement_batch_step();
CREATE TRIGGER decided_for_good BEFORE UPDATE ON settlement_suspenseitem
    FOR EACH ROW WHEN (OLD.state IN ('resolved', 'gone')) EXECUTE FUNCTION core_append_only();
"""
GUARDS = "".join(
    [
        FUNCTIONS,
        *(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();"
            for table in APPEND_ONLY
        ),
        *(
            f"CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON settlement_{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();"
            f"CREATE TRIGGER stays BEFORE UPDATE ON settlement_{table}"
            f" FOR EACH ROW EXECUTE FUNCTION settlement_stays({columns});"
            for table, columns in STAYS.items()
        ),
        *(
            f"CREATE TRIGGER decided_for_good BEFORE UPDATE ON settlement_{table}"
            " FOR EACH ROW WHEN (OLD.state <> 'proposed') EXECUTE FUNCTION core_append_only();"
            for table in DECIDED
        ),
    ]
)
DROP = "".join(
    [
        *(f"DROP TRIGGER append_only ON settlement_{table};" for table in APPEND_ONLY),
        *(f"DROP TRIGGER never_removed ON settlement_{table};" for table in STAYS),
        *(f"DROP TRIGGER decided_for_good ON settlement_{table};" for table in (*DECIDED, "suspenseitem")),
        "DROP FUNCTION settlement_stays, settlement_payout_step, settlement_batch_step CASCADE;",
    ]
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0006_payouts_and_bank")]
    operations = [migrations.RunSQL(GUARDS, reverse_sql=DROP)]
