"""Stock: codes of variants, from the file a merchant brings to the sale."""
