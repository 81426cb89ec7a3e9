"""People's accounts: signing up, signing in, sessions, operators."""
