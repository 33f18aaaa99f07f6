"""What was exchanged, kept so that nobody can quietly change it: ledger, receipts, exchanges, replays."""
