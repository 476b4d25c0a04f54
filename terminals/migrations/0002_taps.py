"""Taps and refusals: partitioned by business date, a partition made when the day opens."""

from django.db import migrations

TABLES = """
CREATE SEQUENCE terminals_tap_id_seq;
CREATE TABLE terminals_tap (
    id bigint NOT NULL DEFAULT nextval('terminals_tap_id_seq'),
    business_date date NOT NULL,
    batch_id bigint NOT NULL,
    line integer NOT NULL,
    terminal_id bigint NOT NULL,
    merchant_id bigint NOT NULL,
    card_id bigint NOT NULL,
    atc integer NOT NULL,
    terminal_seq bigint NOT NULL,
    kind smallint NOT NULL,
    amount_fen bigint NOT NULL,
    balance_fen bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    tac bytea NOT NULL,
    outcome smallint NOT NULL,
    note varchar(200) NOT NULL DEFAULT '',
    CONSTRAINT tap_amount_not_negative CHECK (amount_fen >= 0),
    CONSTRAINT tap_atc_two_bytes CHECK (atc BETWEEN 0 AND 65535),
    CONSTRAINT tap_terminal_seq_four_bytes CHECK (terminal_seq BETWEEN 0 AND 4294967295),
    CONSTRAINT tap_tac_four_bytes CHECK (length(tac) = 4),
    CONSTRAINT tap_outcome_known CHECK (outcome BETWEEN 1 AND 4),
    PRIMARY KEY (business_date, id)
) PARTITION BY RANGE (business_date);
-- A conflicting purchase (outcome 3) shares its counter with the one it contradicts.
CREATE UNIQUE INDEX tap_counter_once ON terminals_tap (business_date, card_id, atc) WHERE outcome <> 3;
CREATE INDEX tap_card ON terminals_tap (card_id, occurred_at);
CREATE STATISTICS terminals_tap_groups (ndistinct) ON business_date, merchant_id, terminal_id FROM terminals_tap;

CREATE SEQUENCE terminals_refusal_id_seq;
CREATE TABLE terminals_refusal (
    id bigint NOT NULL DEFAULT nextval('terminals_refusal_id_seq'),
    business_date date NOT NULL,
    batch_id bigint NOT NULL,
    line integer NOT NULL,
    code varchar(30) NOT NULL,
    detail varchar(300) NOT NULL,
    record text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (business_date, id)
) PARTITION BY RANGE (business_date);
CREATE INDEX refusal_batch ON terminals_refusal (batch_id);

CREATE FUNCTION terminals_open_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core_daily_partition('terminals_tap', NEW.date, true);
    PERFORM core_daily_partition('terminals_refusal', NEW.date, true);
    RETURN NULL;
END $$;
CREATE TRIGGER terminals_partition AFTER INSERT ON core_businessday
    FOR EACH ROW EXECUTE FUNCTION terminals_open_partition();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_tap
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON terminals_refusal
    FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
"""

# How far a purse reaches when a card's purchases of one batch exceed it: each that still fits is paid, in the chip's
# order, the others are not. As a window aggregate: terminals_fits(available, amount) OVER (... ORDER BY atc).
SPENDING = """
CREATE FUNCTION terminals_spend(state bigint[], available bigint, amount bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN amount <= coalesce(state[1], available)
        THEN ARRAY[coalesce(state[1], available) - amount, 1] ELSE ARRAY[coalesce(state[1], available), 0] END
$$;
CREATE FUNCTION terminals_spent(state bigint[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT state[2] = 1 $$;
CREATE AGGREGATE terminals_fits(available bigint, amount bigint) (
    SFUNC = terminals_spend, STYPE = bigint[], FINALFUNC = terminals_spent
);
"""

DROP = """
DROP AGGREGATE terminals_fits(bigint, bigint);
DROP FUNCTION terminals_spent(bigint[]);
DROP FUNCTION terminals_spend(bigint[], bigint, bigint);
DROP TRIGGER terminals_partition ON core_businessday;
DROP FUNCTION terminals_open_partition();
DROP TABLE terminals_tap, terminals_refusal;
DROP SEQUENCE terminals_tap_id_seq, terminals_refusal_id_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0001_initial"), ("accounts", "0002_transfers")]
    operations = [migrations.RunSQL(TABLES + SPENDING, reverse_sql=DROP)]
