"""Shops: what a merchant opens, what a host leads to."""
