"""The ledger: double entry, append-only, per shop and currency."""
