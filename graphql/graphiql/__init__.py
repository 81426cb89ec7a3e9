"""GraphiQL, shipped with the product: the page a browser sees at a GraphQL endpoint."""
