"""An installation in one sealed file: its database, its files and its key ring."""
