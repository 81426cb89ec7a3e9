"""People as they are found in rows of every kind, and their erasure."""
