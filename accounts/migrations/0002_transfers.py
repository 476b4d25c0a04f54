"""The ledger's transfers: partitioned by business date, append-only, balanced, and the keeper of purse balances."""

from django.db import migrations

TABLE = """
CREATE SEQUENCE accounts_transfer_id_seq;
CREATE TABLE accounts_transfer (
    id bigint NOT NULL DEFAULT nextval('accounts_transfer_id_seq'),
    business_date date NOT NULL,
    kind smallint NOT NULL,
    debit_id bigint NOT NULL,
    credit_id bigint NOT NULL,
    amount_fen bigint NOT NULL,
    journal_id bigint NOT NULL,
    source_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    CONSTRAINT transfer_amount_positive CHECK (amount_fen > 0),
    CONSTRAINT transfer_between_two_accounts CHECK (debit_id <> credit_id),
    PRIMARY KEY (business_date, id)
) PARTITION BY RANGE (business_date);
CREATE UNIQUE INDEX transfer_once_per_source ON accounts_transfer (business_date, kind, source_id, credit_id);
CREATE INDEX transfer_debit ON accounts_transfer (debit_id, business_date);
CREATE INDEX transfer_credit ON accounts_transfer (credit_id, business_date);
"""

# Fires once per statement, however many rows: refuses sealed days, then moves every touched purse by its net change.
# Joins other than nested loops are off because the plan is made once and must suit one tap and ten thousand.
POST = """
CREATE FUNCTION accounts_post_transfers() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE sealed date;
BEGIN
    SELECT day.date INTO sealed FROM (SELECT DISTINCT business_date FROM posted) AS p
        JOIN core_businessday AS day ON day.date = p.business_date WHERE day.state = 'closed' LIMIT 1;
    IF sealed IS NOT NULL THEN
        RAISE EXCEPTION 'business day % is closed', sealed USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE accounts_purse AS purse
        SET balance_fen = purse.balance_fen + moved.change, movements = purse.movements + moved.count
        FROM (
            SELECT account, sum(change) AS change, count(*) AS count FROM (
                SELECT credit_id AS account, amount_fen AS change FROM posted
                UNION ALL SELECT debit_id, -amount_fen FROM posted
            ) AS legs GROUP BY account
        ) AS moved
        WHERE purse.account_id = moved.account;
    RETURN NULL;
END $$;

CREATE TRIGGER post_transfers AFTER INSERT ON accounts_transfer
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION accounts_post_transfers();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_journal
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_cardevent
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""

# A partition is written through its parent only, or the parent's statement trigger would not see the rows.
# LIKE and ATTACH instead of PARTITION OF: attaching does not lock readers out.
PARTITION = """
CREATE FUNCTION core_daily_partition(parent text, day date, append_only boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE child text := parent || to_char(day, '_YYYYMMDD');
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', child, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, day, day + 1);
    IF append_only THEN
        EXECUTE format('CREATE TRIGGER through_parent_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION core_append_only()', child);
    END IF;
END $$;

CREATE FUNCTION accounts_open_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core_daily_partition('accounts_transfer', NEW.date, true);
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_partition AFTER INSERT ON core_businessday
    FOR EACH ROW EXECUTE FUNCTION accounts_open_partition();
"""

DROP = """
DROP TRIGGER accounts_partition ON core_businessday;
DROP FUNCTION accounts_open_partition();
DROP FUNCTION core_daily_partition(text, date, boolean);
DROP TABLE accounts_transfer;
DROP TRIGGER append_only ON accounts_journal;
DROP TRIGGER append_only ON accounts_cardevent;
DROP FUNCTION accounts_post_transfers();
DROP SEQUENCE accounts_transfer_id_seq;
"""


# The running part of card numbers; gaps are harmless, twice the same number is not.
CARD_NUMBERS = "CREATE SEQUENCE accounts_card_number_seq MAXVALUE 99999999999;"
DROP_CARD_NUMBERS = "DROP SEQUENCE accounts_card_number_seq;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("core", "0001_initial")]
    operations = [
        migrations.RunSQL(TABLE + POST + PARTITION + CARD_NUMBERS, reverse_sql=DROP + DROP_CARD_NUMBERS)
    ]
