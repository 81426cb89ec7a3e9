"""Mails that follow from what happened in shops and accounts."""
