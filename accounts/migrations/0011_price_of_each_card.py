"""What a card cost stays with the card; a product's new limits reach its cards' purses."""

from django.db import migrations, models
from django.db.models import Q

# Of cards sold before: what was booked at their sale.
FILL = """
UPDATE accounts_card AS card SET price_fen = coalesce(sold.price, 0), deposit_fen = coalesce(sold.deposit, 0)
FROM (
    SELECT card.id, sum(t.amount_fen) FILTER (WHERE t.kind = 4) AS price, sum(t.amount_fen) FILTER (WHERE t.kind = 5) AS deposit
    FROM accounts_card AS card
    LEFT JOIN accounts_journal AS journal ON journal.key = 'card-sale:' || card.pan
    LEFT JOIN accounts_transfer AS t ON t.business_date = journal.business_date AND t.journal_id = journal.id
    WHERE EXISTS (SELECT FROM accounts_cardevent AS event WHERE event.card_id = card.id AND event.target = 'issued')
    GROUP BY card.id
) AS sold WHERE sold.id = card.id;
"""

# As the owner: the application may not touch floors and ceilings itself. Where a purse holds more than the new limit, its
# ceiling refuses the change.
LIMITS = """
CREATE FUNCTION accounts_product_limits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE accounts_purse AS purse
        SET ceiling_fen = CASE purse.kind WHEN 'chip' THEN NEW.balance_limit_fen ELSE NEW.account_limit_fen END,
            floor_fen = CASE purse.kind WHEN 'chip' THEN -NEW.overdraft_fen ELSE 0 END
        FROM accounts_card AS card WHERE card.id = purse.card_id AND card.product_id = NEW.code;
    RETURN NULL;
END $$;
CREATE TRIGGER reach_purses AFTER UPDATE ON accounts_cardproduct FOR EACH ROW
    WHEN ((OLD.balance_limit_fen, OLD.account_limit_fen, OLD.overdraft_fen)
        IS DISTINCT FROM (NEW.balance_limit_fen, NEW.account_limit_fen, NEW.overdraft_fen))
    EXECUTE FUNCTION accounts_product_limits();
"""
LIMITS_BACK = """
DROP TRIGGER reach_purses ON accounts_cardproduct;
DROP FUNCTION accounts_product_limits();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_partitions_by_owner")]
    operations = [
        migrations.AddField(
            "card", "price_fen", models.BigIntegerField("price paid (fen)", null=True, blank=True)
        ),
        migrations.AddField(
            "card", "deposit_fen", models.BigIntegerField("deposit paid (fen)", null=True, blank=True)
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "card",
            models.CheckConstraint(
                condition=Q(price_fen=None, deposit_fen=None) | Q(price_fen__gte=0, deposit_fen__gte=0),
                name="card_sold_for_price_and_deposit",
            ),
        ),
        migrations.RunSQL(LIMITS, LIMITS_BACK),
    ]
