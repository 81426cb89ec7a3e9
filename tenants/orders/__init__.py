"""Orders: what was bought, how far it is, and everything that happened to it."""
