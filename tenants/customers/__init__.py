"""Customers of a shop: who they are, how they sign in, and what they bought."""
