"""On what terms a merchant is paid is said by its contracts in settlement, which have taken over what stood here."""

from django.db import migrations


class Migration(migrations.Migration):
    # Not before settlement has copied the rates and the contracts on record.
    dependencies = [("terminals", "0021_held_decisions"), ("settlement", "0009_contract_rules")]
    operations = [
        migrations.RemoveConstraint("merchant", "merchant_fee_at_most_all"),
        migrations.RemoveField("merchant", "fee_basis_points"),
        migrations.DeleteModel("Contract"),
    ]
