"""Stripe: Checkout Sessions, refunds and disputes of one merchant's own account."""
