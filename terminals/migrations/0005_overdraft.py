"""One ride of overdraft: a purchase fits while the purse holds anything at all, and not further than its floor."""

from django.db import migrations

# How far a purse reaches when a card's purchases of one batch exceed it: each that still fits is paid, in the chip's
# order, the others are not. As a window aggregate: terminals_fits(spendable, floor, amount) OVER (... ORDER BY atc).
# What is spendable is the balance that nobody has reserved; without any of it only a purchase over nothing fits.
OVERDRAFT = """
DROP AGGREGATE terminals_fits(bigint, bigint);
DROP FUNCTION terminals_spend(bigint[], bigint, bigint);
CREATE FUNCTION terminals_spend(state bigint[], spendable bigint, floor bigint, amount bigint)
    RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN amount <= CASE WHEN rest > 0 THEN rest - floor ELSE 0 END
        THEN ARRAY[rest - amount, 1] ELSE ARRAY[rest, 0] END
    FROM (SELECT coalesce(state[1], spendable) AS rest) AS purse
$$;
CREATE AGGREGATE terminals_fits(spendable bigint, floor bigint, amount bigint) (
    SFUNC = terminals_spend, STYPE = bigint[], FINALFUNC = terminals_spent
);
"""
OVERDRAFT_BACK = """
DROP AGGREGATE terminals_fits(bigint, bigint, bigint);
DROP FUNCTION terminals_spend(bigint[], bigint, bigint, bigint);
CREATE FUNCTION terminals_spend(state bigint[], available bigint, amount bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN amount <= coalesce(state[1], available)
        THEN ARRAY[coalesce(state[1], available) - amount, 1] ELSE ARRAY[coalesce(state[1], available), 0] END
$$;
CREATE AGGREGATE terminals_fits(available bigint, amount bigint) (
    SFUNC = terminals_spend, STYPE = bigint[], FINALFUNC = terminals_spent
);
"""


class Migration(migrations.Migration):
    dependencies = [("terminals", "0004_partitions_by_owner"), ("accounts", "0003_stored_value")]
    operations = [migrations.RunSQL(OVERDRAFT, OVERDRAFT_BACK)]
