"""Benchmarks: ours beside floors in the same run. `make bench`; see docs/benchmarks.md."""
