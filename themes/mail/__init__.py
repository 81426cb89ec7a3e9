"""Wording and looks of every mail."""
