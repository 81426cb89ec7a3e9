"""The merchants' schema."""
