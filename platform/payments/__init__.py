"""Payment providers: one port, an adapter each."""
