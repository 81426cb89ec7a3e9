"""Codes that do not work: what buyers report and merchants answer."""
