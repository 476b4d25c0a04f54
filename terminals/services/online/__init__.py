"""What a terminal asks the centre while the card is still there: a purchase, in one call to the database."""
