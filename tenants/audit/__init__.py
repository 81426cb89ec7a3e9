"""Who changed what in a shop: written by the database with the change itself."""
