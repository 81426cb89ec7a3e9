"""Keys that turn while buyers buy, and a backup that is put back: the whole of it, on demos.

    python -m tests.turning --orders 600 --rounds 3

Every code is sold, so that the last of them are looked for while they are being sealed anew.
"""
