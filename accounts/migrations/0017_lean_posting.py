"""A posting that asks each purse itself whether its account is open, sums whole numbers, and reads what it needs once."""

from importlib import import_module

from django.db import migrations, models

_before = import_module("accounts.migrations.0012_posting")

# A purse carries what a posting asks of its account, so that a thousand purses are not a thousand look-ups more. Kept by
# these two triggers alone; who freezes an account waits for what is being posted, and what comes after sees it.
PURSES = """
ALTER TABLE accounts_purse ADD COLUMN control_id bigint, ADD COLUMN account_open boolean;
UPDATE accounts_purse AS purse SET control_id = account.control_id, account_open = account.state = 'open'
    FROM accounts_ledgeraccount AS account WHERE account.id = purse.account_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE accounts_purse ALTER COLUMN control_id SET NOT NULL, ALTER COLUMN account_open SET NOT NULL;

CREATE FUNCTION accounts_purse_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT control_id, state = 'open' INTO NEW.control_id, NEW.account_open
        FROM accounts_ledgeraccount WHERE id = NEW.account_id;
    RETURN NEW;
END $$;
CREATE TRIGGER of_account BEFORE INSERT OR UPDATE OF account_id, control_id, account_open ON accounts_purse
    FOR EACH ROW EXECUTE FUNCTION accounts_purse_of_account();

CREATE FUNCTION accounts_account_of_purse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE accounts_purse SET account_id = account_id WHERE account_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER of_purse AFTER UPDATE OF state, control_id ON accounts_ledgeraccount
    FOR EACH ROW EXECUTE FUNCTION accounts_account_of_purse();
"""
PURSES_BACK = """
DROP TRIGGER of_purse ON accounts_ledgeraccount;
DROP TRIGGER of_account ON accounts_purse;
DROP FUNCTION accounts_account_of_purse();
DROP FUNCTION accounts_purse_of_account();
ALTER TABLE accounts_purse DROP COLUMN control_id, DROP COLUMN account_open;
"""

# A check is read and made ready anew by each statement that changes a row, a domain only where its column is given.
BOUNDS = """
CREATE DOMAIN accounts_floor AS bigint CONSTRAINT purse_floor_not_positive CHECK (VALUE <= 0);
CREATE DOMAIN accounts_held AS bigint CONSTRAINT purse_held_not_negative CHECK (VALUE >= 0);
DROP TRIGGER held_by_holds ON accounts_purse;
DROP TRIGGER begins_empty ON accounts_purse;
ALTER TABLE accounts_purse ALTER COLUMN floor_fen TYPE accounts_floor, ALTER COLUMN held_fen TYPE accounts_held;
"""
TRIGGERS = """
CREATE TRIGGER begins_empty BEFORE INSERT ON accounts_purse FOR EACH ROW
    WHEN (NEW.balance_fen <> 0 OR NEW.held_fen <> 0 OR NEW.movements <> 0)
    EXECUTE FUNCTION accounts_purse_begins_empty();
CREATE TRIGGER held_by_holds AFTER UPDATE OF held_fen ON accounts_purse FOR EACH ROW
    WHEN (NEW.held_fen <> OLD.held_fen AND pg_trigger_depth() = 0) EXECUTE FUNCTION accounts_refuse_held();
"""
BOUNDS_BACK = """
DROP TRIGGER held_by_holds ON accounts_purse;
DROP TRIGGER begins_empty ON accounts_purse;
ALTER TABLE accounts_purse ALTER COLUMN floor_fen TYPE bigint, ALTER COLUMN held_fen TYPE bigint;
DROP DOMAIN accounts_floor;
DROP DOMAIN accounts_held;
"""

# sum(bigint) counts in numeric, which a sum of fen never needs; one that would not fit is refused all the same.
SUM = """
CREATE AGGREGATE accounts_sum(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');
"""
SUM_BACK = "DROP AGGREGATE accounts_sum(bigint);"

# Fires once per statement, however many rows: refuses strange journals, sealed days, unknown and closed accounts, moves
# every touched purse by its net change and adds the rest to the tallies. It runs as its owner: nobody else may touch
# balances and tallies. Purses are locked in the order of their accounts, so that postings do not deadlock. Each posting
# transaction holds a stripe of the tallies of its own, found without waiting, so busy accounts are nobody's queue.
# A single transfer that touches at most one purse takes as few statements as can be; each one more would cost it a
# fiftieth. Plans are made once a connection and must suit an empty ledger and a full one, ten transfers and ten thousand:
# so everything is looked up by index, row by row.
POST = """
CREATE OR REPLACE FUNCTION accounts_post_transfers() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    slot smallint := pg_backend_pid() % 1024;
    one record;
    day date;
    strange boolean;
    by_look_up boolean;
    debit_control bigint;
    debit_open boolean;
    credit_control bigint;
    credit_open boolean;
    refused bigint;
BEGIN
    SELECT * INTO one FROM posted;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    by_look_up := (SELECT count(*) FROM posted) = 1;
    IF by_look_up THEN
        SELECT business_date INTO day FROM accounts_journal WHERE id = one.journal_id;
        strange := day IS DISTINCT FROM one.business_date;
    ELSE
        strange := EXISTS (
            SELECT FROM (SELECT DISTINCT journal_id, business_date FROM posted) AS p
            LEFT JOIN accounts_journal AS journal ON journal.id = p.journal_id
            WHERE p.business_date <> one.business_date OR journal.business_date IS DISTINCT FROM p.business_date
        );
    END IF;
    IF strange THEN
        RAISE EXCEPTION 'transfers are posted for one business date at a time, in journals of that date'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'transfer_in_journal';
    END IF;
    SELECT date INTO day FROM core_businessday WHERE date = one.business_date AND state = 'closed';
    IF FOUND THEN
        RAISE EXCEPTION 'business day % is closed', day
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_open';
    END IF;

    WHILE NOT pg_try_advisory_xact_lock(1413565529, slot) LOOP  -- "TALY"
        slot := (slot + 1) % 1024;
    END LOOP;

    IF by_look_up THEN
        SELECT control_id, state = 'open' INTO credit_control, credit_open
            FROM accounts_ledgeraccount WHERE id = one.credit_id;
        IF credit_control IS NULL THEN
            UPDATE accounts_purse SET balance_fen = balance_fen - one.amount_fen, movements = movements + 1
                WHERE account_id = one.debit_id RETURNING control_id, account_open INTO debit_control, debit_open;
        END IF;
        IF debit_control IS NULL THEN
            SELECT control_id, state = 'open' INTO debit_control, debit_open
                FROM accounts_ledgeraccount WHERE id = one.debit_id;
            by_look_up := debit_control IS NULL;  -- else two purses, or one that is not there
            IF by_look_up AND credit_control IS NOT NULL THEN
                UPDATE accounts_purse SET balance_fen = balance_fen + one.amount_fen, movements = movements + 1
                    WHERE account_id = one.credit_id RETURNING account_open INTO credit_open;
            END IF;
        END IF;
    END IF;
    IF by_look_up THEN
        debit_control := coalesce(debit_control, one.debit_id);
        credit_control := coalesce(credit_control, one.credit_id);
        refused := CASE WHEN debit_open IS NOT TRUE THEN one.debit_id WHEN credit_open IS NOT TRUE THEN one.credit_id END;
        INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers)
            SELECT debit_control, one.business_date, slot, one.amount_fen,
                CASE debit_control WHEN credit_control THEN one.amount_fen ELSE 0 END,
                CASE debit_control WHEN credit_control THEN 2 ELSE 1 END
            UNION ALL
            SELECT credit_control, one.business_date, slot, 0, one.amount_fen, 1 WHERE credit_control <> debit_control
            ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET transfers = tally.transfers + excluded.transfers,
                debit_fen = tally.debit_fen + excluded.debit_fen, credit_fen = tally.credit_fen + excluded.credit_fen;
    ELSE
        WITH party AS MATERIALIZED (
            SELECT id, accounts_sum(debit) AS debit, accounts_sum(credit) AS credit, count(*) AS transfers FROM (
                SELECT debit_id AS id, amount_fen AS debit, 0::bigint AS credit FROM posted
                UNION ALL SELECT credit_id, 0, amount_fen FROM posted
            ) AS leg GROUP BY id ORDER BY id
        ), moved AS (
            UPDATE accounts_purse AS purse SET movements = purse.movements + party.transfers,
                balance_fen = purse.balance_fen + party.credit - party.debit
            FROM party WHERE purse.account_id = party.id
            RETURNING purse.account_id, purse.control_id, purse.account_open, party.debit, party.credit, party.transfers
        ), other AS MATERIALIZED (
            -- A purse's account without its purse would have transfers that a purse made later knows nothing of.
            SELECT party.*, account.state = 'open' AND account.control_id IS NULL AS open
            FROM party LEFT JOIN accounts_ledgeraccount AS account ON account.id = party.id
            WHERE party.id NOT IN (SELECT account_id FROM moved)
        ), tallied AS (
            INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers)
            SELECT id, one.business_date, slot, accounts_sum(debit), accounts_sum(credit), accounts_sum(transfers) FROM (
                SELECT control_id AS id, debit, credit, transfers FROM moved
                UNION ALL SELECT id, debit, credit, transfers FROM other
            ) AS counted GROUP BY id
            ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET
                transfers = tally.transfers + excluded.transfers,
                debit_fen = tally.debit_fen + excluded.debit_fen, credit_fen = tally.credit_fen + excluded.credit_fen
        )
        SELECT id INTO refused FROM (
            SELECT account_id AS id FROM moved WHERE NOT account_open
            UNION ALL SELECT id FROM other WHERE open IS NOT TRUE
        ) AS shut LIMIT 1;
    END IF;

    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'account % is not open', refused USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = 'ledger_account_open',
            DETAIL = coalesce((SELECT code FROM accounts_ledgeraccount WHERE id = refused), '#' || refused);
    END IF;
    RETURN NULL;
END $$;
"""

# One array is walked, and the others looked into: five fewer sets of rows to keep.
JOURNAL = _before.JOURNAL.replace(
    "SELECT day, journal_id, leg.* FROM unnest(debit, credit, amount, kinds, sources, occurred) AS leg",
    """SELECT day, journal_id, debit[n], credit[n], amount[n], kinds[n], sources[n], occurred[n]
        FROM generate_series(1, cardinality(debit)) AS n""",
)

_KEPT = models.Q(balance_fen__gte=models.F("floor_fen") + models.F("held_fen"))
_KEPT_BEFORE = _KEPT & models.Q(floor_fen__lte=0, held_fen__gte=0)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0016_online_refund_orders")]
    operations = [
        migrations.RunSQL(PURSES, PURSES_BACK),
        migrations.RemoveConstraint("purse", "purse_floor"),
        migrations.RunSQL(BOUNDS, TRIGGERS),
        migrations.RunSQL(TRIGGERS, BOUNDS_BACK),
        migrations.AddConstraint("purse", models.CheckConstraint(condition=_KEPT, name="purse_floor")),
        migrations.RunSQL(SUM, SUM_BACK),
        migrations.RunSQL(POST, _before.POST),
        migrations.RunSQL(JOURNAL, _before.JOURNAL),
    ]
