"""A card's life has a temporary loss and a suspension, and the database takes no step that it does not have."""

import django_fsm
from django.db import migrations, models

# As the transitions of accounts.models.Card; tests hold the two against each other.
GUARD = """
CREATE FUNCTION accounts_card_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.pan <> OLD.pan OR NEW.state <> OLD.state AND NOT NEW.state = ANY (CASE OLD.state
            WHEN 'blank' THEN ARRAY['personalised', 'closed']
            WHEN 'personalised' THEN ARRAY['issued', 'closed']
            WHEN 'issued' THEN ARRAY['active', 'lost_temp', 'lost', 'refunding', 'replaced', 'closed']
            WHEN 'active' THEN ARRAY['suspended', 'lost_temp', 'lost', 'refunding', 'replaced', 'closed']
            WHEN 'suspended' THEN ARRAY['active', 'lost_temp', 'lost', 'refunding', 'closed']
            WHEN 'lost_temp' THEN ARRAY['issued', 'active', 'suspended', 'lost']
            WHEN 'lost' THEN ARRAY['issued', 'active', 'suspended', 'refunding', 'replaced', 'closed']
            WHEN 'refunding' THEN ARRAY['issued', 'active', 'suspended', 'lost', 'closed']
            WHEN 'replaced' THEN ARRAY['closed']
            ELSE ARRAY[]::text[] END) THEN
        RAISE EXCEPTION 'card % goes from % to % by no step', OLD.pan, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'card_walks_its_life';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER walks_its_life BEFORE UPDATE OF pan, state ON accounts_card
    FOR EACH ROW EXECUTE FUNCTION accounts_card_step();
"""
GUARD_BACK = """
DROP TRIGGER walks_its_life ON accounts_card;
DROP FUNCTION accounts_card_step();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0032_activation"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="card",
            name="one_live_card_per_citizen_and_product",
        ),
        migrations.AlterField(
            model_name="card",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("blank", "blank"),
                    ("personalised", "personalised"),
                    ("issued", "issued"),
                    ("active", "active"),
                    ("suspended", "suspended"),
                    ("lost_temp", "reported lost for now"),
                    ("lost", "reported lost"),
                    ("refunding", "refund under way"),
                    ("replaced", "replaced"),
                    ("closed", "closed"),
                ],
                default="blank",
                max_length=50,
                protected=True,
                verbose_name="state",
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                condition=models.Q(("state__in", ["issued", "suspended"])),
                fields=["id"],
                name="card_held_and_unusable",
            ),
        ),
        migrations.AddConstraint(
            model_name="card",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["personalised", "issued", "active", "suspended", "lost_temp"])
                ),
                fields=("citizen", "product"),
                name="one_live_card_per_citizen_and_product",
            ),
        ),
        migrations.RunSQL(GUARD, GUARD_BACK),
    ]
