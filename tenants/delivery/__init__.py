"""Delivery: showing the codes of an order to whom they belong, and noting that they were shown."""
