"""One transfer is posted by look-ups that never read a table through, from values instead of arrays."""

from importlib import import_module

from django.db import migrations

_before = import_module("accounts.migrations.0003_stored_value")
_pay = import_module("accounts.migrations.0008_purses")

# Fires once per statement, however many rows: refuses strange journals, sealed days, unknown and closed accounts, moves
# every touched purse by its net change and adds the rest to the tallies. It runs as its owner: nobody else may touch
# balances and tallies. Purses are locked in the order of their accounts, so that postings do not deadlock. Each posting
# transaction holds a stripe of the tallies of its own, found without waiting, so busy accounts are nobody's queue.
# A single transfer that touches at most one purse takes three statements; each one more would cost it a fiftieth. Plans
# are made once a connection and must suit an empty ledger and a full one, ten transfers and ten thousand: so everything
# is looked up by index, row by row.
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
        SELECT date INTO day FROM core_businessday WHERE date = one.business_date AND state = 'closed';
        SELECT control_id, state = 'open' INTO debit_control, debit_open
            FROM accounts_ledgeraccount WHERE id = one.debit_id;
        SELECT control_id, state = 'open' INTO credit_control, credit_open
            FROM accounts_ledgeraccount WHERE id = one.credit_id;
        by_look_up := (debit_control IS NULL OR credit_control IS NULL)
            AND coalesce(debit_control, one.debit_id) <> coalesce(credit_control, one.credit_id);
    ELSE
        SELECT p.business_date, journal.business_date IS DISTINCT FROM p.business_date INTO day, strange
            FROM (SELECT DISTINCT journal_id, business_date FROM posted) AS p
            LEFT JOIN accounts_journal AS journal ON journal.id = p.journal_id
            LEFT JOIN core_businessday AS day ON day.date = p.business_date
            WHERE journal.business_date IS DISTINCT FROM p.business_date OR day.state = 'closed' LIMIT 1;
    END IF;
    IF strange THEN
        RAISE EXCEPTION 'a transfer belongs to a journal of its business date'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'transfer_in_journal';
    ELSIF day IS NOT NULL THEN
        RAISE EXCEPTION 'business day % is closed', day
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_open';
    END IF;

    WHILE NOT pg_try_advisory_xact_lock(1413565529, slot) LOOP  -- "TALY"
        slot := (slot + 1) % 1024;
    END LOOP;

    IF by_look_up THEN
        IF debit_open IS NOT TRUE THEN
            refused := one.debit_id;
        ELSIF credit_open IS NOT TRUE THEN
            refused := one.credit_id;
        ELSIF debit_control IS NOT NULL THEN
            UPDATE accounts_purse SET balance_fen = balance_fen - one.amount_fen, movements = movements + 1
                WHERE account_id = one.debit_id;
            refused := CASE WHEN NOT FOUND THEN one.debit_id END;
        ELSIF credit_control IS NOT NULL THEN
            UPDATE accounts_purse SET balance_fen = balance_fen + one.amount_fen, movements = movements + 1
                WHERE account_id = one.credit_id;
            refused := CASE WHEN NOT FOUND THEN one.credit_id END;
        END IF;
        INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers) VALUES
            (coalesce(debit_control, one.debit_id), one.business_date, slot, one.amount_fen, 0, 1),
            (coalesce(credit_control, one.credit_id), one.business_date, slot, 0, one.amount_fen, 1)
            ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET transfers = tally.transfers + 1,
                debit_fen = tally.debit_fen + excluded.debit_fen, credit_fen = tally.credit_fen + excluded.credit_fen;
    ELSE
        WITH moved AS MATERIALIZED (
            SELECT leg.*, account.control_id, account.state = 'open' AS open
            FROM (
                SELECT id, business_date, sum(debit) AS debit, sum(credit) AS credit, count(*) AS transfers FROM (
                    SELECT debit_id AS id, business_date, amount_fen AS debit, 0 AS credit FROM posted
                    UNION ALL SELECT credit_id, business_date, 0, amount_fen FROM posted
                ) AS party GROUP BY 1, 2
            ) AS leg LEFT JOIN accounts_ledgeraccount AS account ON account.id = leg.id
        ), purses AS (
            UPDATE accounts_purse AS purse
            SET balance_fen = purse.balance_fen + change.fen, movements = purse.movements + change.transfers
            FROM (
                SELECT id, sum(credit - debit) AS fen, sum(transfers) AS transfers FROM moved
                WHERE control_id IS NOT NULL GROUP BY id ORDER BY id
            ) AS change WHERE purse.account_id = change.id RETURNING purse.account_id
        ), tallied AS (
            INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers)
            SELECT coalesce(control_id, id), business_date, slot, sum(debit), sum(credit), sum(transfers)
            FROM moved WHERE open GROUP BY 1, 2
            ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET
                transfers = tally.transfers + excluded.transfers,
                debit_fen = tally.debit_fen + excluded.debit_fen, credit_fen = tally.credit_fen + excluded.credit_fen
        )
        -- A purse's account without its purse would have transfers that a purse made later knows nothing of.
        SELECT id INTO refused FROM moved WHERE open IS NOT TRUE
            OR control_id IS NOT NULL AND id NOT IN (SELECT account_id FROM purses) LIMIT 1;
    END IF;

    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'account % is not open', refused USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = 'ledger_account_open',
            DETAIL = coalesce((SELECT code FROM accounts_ledgeraccount WHERE id = refused), '#' || refused);
    END IF;
    RETURN NULL;
END $$;
"""

# A journal in one round trip, outside a transaction block as well: assign the open day, post once per key. Of any number
# of transfers given as arrays, and of a single one given as it is.
_POSTING = """
CREATE OR REPLACE FUNCTION %(name)s(
    key text, kind text, actor text, reason text, source text, digest bytea, reverses bigint, wanted date,
    %(legs)s,
    OUT journal_id bigint, OUT day date, OUT at timestamptz, OUT posted_digest bytea, OUT is_new boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    waited text;  -- assigned, not performed: an expression is cheaper than a statement
BEGIN
    day := wanted;
    IF day IS NULL THEN
        waited := pg_advisory_xact_lock_shared(1112884313);  -- "BUDY", see citizencard.core.calendar
        SELECT date INTO day FROM core_businessday WHERE state = 'open';
        IF day IS NULL THEN
            RAISE EXCEPTION 'no business day is open'
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'business_day_assigned';
        END IF;
    END IF;
    at := clock_timestamp();
    posted_digest := digest;
    is_new := true;
    INSERT INTO accounts_journal AS j (key, kind, actor, reason, source, business_date, posted_at, digest, reverses_id)
        VALUES (key, kind, actor, reason, source, day, at, posted_digest, reverses)
        ON CONFLICT ON CONSTRAINT journal_key_once DO NOTHING RETURNING j.id INTO journal_id;
    IF journal_id IS NULL THEN
        is_new := false;
        SELECT j.id, j.business_date, j.posted_at, j.digest INTO journal_id, day, at, posted_digest
            FROM accounts_journal AS j WHERE j.key = %(name)s.key;
        RETURN;
    END IF;
    INSERT INTO accounts_transfer
        (business_date, journal_id, debit_id, credit_id, amount_fen, kind, source_id, occurred_at)
        %(rows)s;
END $$;
"""
JOURNAL = _POSTING % {
    "name": "accounts_post_journal",
    "legs": """debit bigint[], credit bigint[], amount bigint[], kinds smallint[], sources bigint[],
    occurred timestamptz[]""",
    "rows": "SELECT day, journal_id, leg.* FROM unnest(debit, credit, amount, kinds, sources, occurred) AS leg",
}
TRANSFER = _POSTING % {
    "name": "accounts_post_transfer",
    "legs": """debit bigint, credit bigint, amount bigint, transfer_kind smallint, source_id bigint,
    occurred timestamptz""",
    "rows": "VALUES (day, journal_id, debit, credit, amount, transfer_kind, source_id, occurred)",
}
TRANSFER_BACK = """
DROP FUNCTION accounts_post_transfer(
    text, text, text, text, text, bytea, bigint, date, bigint, bigint, bigint, smallint, bigint, timestamptz);
"""
PAY = """
CREATE OR REPLACE FUNCTION accounts_pay(
    key text, purse bigint, debit bigint, payee bigint, amount bigint, kind smallint, channel text, place text,
    actor text, occurred timestamptz, day date, hold bigint,
    OUT payment_id bigint, OUT is_new boolean, OUT card_state text, OUT refusal jsonb
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM accounts_purse WHERE id = purse FOR UPDATE;
    is_new := false;
    SELECT id INTO payment_id FROM accounts_payment AS p WHERE p.key = accounts_pay.key;
    IF payment_id IS NOT NULL THEN
        RETURN;
    END IF;
    IF hold IS NULL THEN
        SELECT card.state INTO card_state FROM accounts_purse AS p JOIN accounts_card AS card ON card.id = p.card_id
            WHERE p.id = purse;
        IF card_state <> 'active' THEN
            RETURN;
        END IF;
        refusal := accounts_limit_refusal(purse, 'payment', channel, amount, day);
        IF refusal IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;
    is_new := true;
    INSERT INTO accounts_payment
        (key, purse_id, payee_id, amount_fen, channel, place, hold_id, counted_on, actor, occurred_at)
        VALUES (accounts_pay.key, purse, payee, amount, accounts_pay.channel, accounts_pay.place, hold, day,
            accounts_pay.actor, occurred)
        RETURNING id INTO payment_id;
    IF NOT (SELECT j.is_new FROM accounts_post_transfer(
        'payment:' || accounts_pay.key, 'payment', accounts_pay.actor, '', accounts_pay.key, NULL, NULL, NULL,
        debit, payee, amount, accounts_pay.kind, payment_id, occurred
    ) AS j) THEN
        RAISE unique_violation USING MESSAGE = 'the journal of a payment that is not there';
    END IF;
END $$;
"""

# After the row, not before it: a trigger before rows has each of them locked and logged once more, whatever it watches.
HELD = """
DROP TRIGGER held_by_holds ON accounts_purse;
CREATE TRIGGER held_by_holds %s UPDATE OF held_fen ON accounts_purse FOR EACH ROW
    WHEN (NEW.held_fen <> OLD.held_fen AND pg_trigger_depth() = 0) EXECUTE FUNCTION accounts_refuse_held();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_price_of_each_card")]
    operations = [
        migrations.RunSQL(POST, _before.POST),
        migrations.RunSQL(JOURNAL, _before.JOURNAL.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(TRANSFER, TRANSFER_BACK),
        migrations.RunSQL(HELD % "AFTER", HELD % "BEFORE"),
        migrations.RunSQL(PAY, _pay.PAY.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
    ]
