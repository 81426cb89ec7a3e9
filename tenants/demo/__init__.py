"""The demo's three shops: people, goods, pictures and stock, made through the services."""
