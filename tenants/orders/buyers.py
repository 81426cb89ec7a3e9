"""Buyers of orders, while they are known."""

ERASED = "erased"
"""Stands for the email address of a buyer who is forgotten: nobody can be written to."""
