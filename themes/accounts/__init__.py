"""Pages of people's accounts."""
