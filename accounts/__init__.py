"""Who and how much: citizens, cards, purses, the ledger, top-up orders and the payment gateway."""
