"""Goods that may not be sold on the installation, whatever the shop."""
