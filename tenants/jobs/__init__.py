"""Longer work with its progress."""
