"""A real PostgreSQL and a real Valkey as child processes, for demo, tests and benchmarks."""
