"""The schema of shops' buyers."""
