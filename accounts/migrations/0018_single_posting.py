"""A single posting with a statement less, and amounts whose rule is a domain: a check is made ready anew by each statement."""

from importlib import import_module

from django.db import migrations

_before = import_module("accounts.migrations.0017_lean_posting")

AMOUNT = """
CREATE DOMAIN accounts_amount AS bigint CONSTRAINT transfer_amount_positive CHECK (VALUE > 0);
ALTER TABLE accounts_transfer DROP CONSTRAINT transfer_amount_positive;
ALTER TABLE accounts_transfer ALTER COLUMN amount_fen TYPE accounts_amount;
"""
AMOUNT_BACK = """
ALTER TABLE accounts_transfer ALTER COLUMN amount_fen TYPE bigint;
ALTER TABLE accounts_transfer ADD CONSTRAINT transfer_amount_positive CHECK (amount_fen > 0);
DROP DOMAIN accounts_amount;
"""

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
    journal bigint;
    day date;
    payer bigint;  -- the debit account of a single transfer, and the payee its credit account
    payee bigint;
    amount bigint;
    shut date;
    strange boolean;
    by_look_up boolean;
    debit_control bigint;
    debit_open boolean;
    credit_control bigint;
    credit_open boolean;
    refused bigint;
BEGIN
    SELECT journal_id, business_date, debit_id, credit_id, amount_fen, NOT EXISTS (SELECT FROM posted AS other WHERE other.id <> first.id)
        INTO journal, day, payer, payee, amount, by_look_up FROM posted AS first;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF by_look_up THEN
        SELECT business_date INTO shut FROM accounts_journal WHERE id = journal;
        strange := shut IS DISTINCT FROM day;
    ELSE
        strange := EXISTS (
            SELECT FROM (SELECT DISTINCT journal_id, business_date FROM posted) AS p
            LEFT JOIN accounts_journal AS own ON own.id = p.journal_id
            WHERE p.business_date <> day OR own.business_date IS DISTINCT FROM p.business_date
        );
    END IF;
    IF strange THEN
        RAISE EXCEPTION 'transfers are posted for one business date at a time, in journals of that date'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'transfer_in_journal';
    END IF;
    SELECT date INTO shut FROM core_businessday WHERE date = day AND state = 'closed';
    IF FOUND THEN
        RAISE EXCEPTION 'business day % is closed', day
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_open';
    END IF;

    WHILE NOT pg_try_advisory_xact_lock(1413565529, slot) LOOP  -- "TALY"
        slot := (slot + 1) % 1024;
    END LOOP;

    IF by_look_up THEN
        SELECT control_id, state = 'open' INTO credit_control, credit_open
            FROM accounts_ledgeraccount WHERE id = payee;
        IF credit_control IS NULL THEN
            UPDATE accounts_purse SET balance_fen = balance_fen - amount, movements = movements + 1
                WHERE account_id = payer RETURNING control_id, account_open INTO debit_control, debit_open;
        END IF;
        IF debit_control IS NULL THEN
            SELECT control_id, state = 'open' INTO debit_control, debit_open
                FROM accounts_ledgeraccount WHERE id = payer;
            by_look_up := debit_control IS NULL;  -- else two purses, or one that is not there
            IF by_look_up AND credit_control IS NOT NULL THEN
                UPDATE accounts_purse SET balance_fen = balance_fen + amount, movements = movements + 1
                    WHERE account_id = payee RETURNING account_open INTO credit_open;
            END IF;
        END IF;
    END IF;
    IF by_look_up THEN
        debit_control := coalesce(debit_control, payer);
        credit_control := coalesce(credit_control, payee);
        refused := CASE WHEN debit_open IS NOT TRUE THEN payer WHEN credit_open IS NOT TRUE THEN payee END;
        IF debit_control = credit_control THEN
            INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers) VALUES
                (debit_control, day, slot, amount, amount, 2)
                ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET transfers = tally.transfers + excluded.transfers,
                    debit_fen = tally.debit_fen + excluded.debit_fen, credit_fen = tally.credit_fen + excluded.credit_fen;
        ELSE
            INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers) VALUES
                (debit_control, day, slot, amount, 0, 1), (credit_control, day, slot, 0, amount, 1)
                ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET transfers = tally.transfers + excluded.transfers,
                    debit_fen = tally.debit_fen + excluded.debit_fen, credit_fen = tally.credit_fen + excluded.credit_fen;
        END IF;
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
            SELECT id, day, slot, accounts_sum(debit), accounts_sum(credit), accounts_sum(transfers) FROM (
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


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_lean_posting")]
    operations = [migrations.RunSQL(AMOUNT, AMOUNT_BACK), migrations.RunSQL(POST, _before.POST)]
