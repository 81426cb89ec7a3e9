"""Finding products by words, Chinese ones included."""
