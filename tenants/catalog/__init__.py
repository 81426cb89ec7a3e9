"""What a shop sells: categories, products, variants, prices, pictures."""
