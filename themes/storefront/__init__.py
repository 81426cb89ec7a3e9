"""The storefront: what buyers see of a shop."""
