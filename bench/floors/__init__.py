"""The least work that the same answers can cost: what the product's figures are read against.

Each floor is Python on the same server (uvicorn, uvloop, httptools) over the same PostgreSQL, with
everything left out that a product needs: no shops, no row-level security, no headers, no logs.
"""
