"""The operator's schema."""
