"""Work to be done after a commit: rows written in the transaction that caused them."""
