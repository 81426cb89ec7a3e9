"""Idempotency: an operation that is asked for again under its key is not done again."""
