"""What travels between a terminal and the centre: tap records, batches, signatures, reasons. Knows nothing of Django."""
