"""Checkout: from the cart to an order whose goods are held."""
