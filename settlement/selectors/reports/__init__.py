"""Finance reports 财务报表: each is a `Report`, made of roll-ups, statements or the ledger, shown on pages and written to files."""
