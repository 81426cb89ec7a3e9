"""The reference of the three schemas: pages made of what the schemas say of themselves."""
