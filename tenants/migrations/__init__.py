"""Migrations, applied in order by `keystall migrate`."""
