"""Documents that a shop vouches for: clients of its API name them by their hash."""
