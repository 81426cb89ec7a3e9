"""Telling a shop's own programs, elsewhere, what happens in it."""
