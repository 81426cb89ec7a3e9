"""Payments: asking a provider, believing its callbacks, and what they mean for an order."""
