"""The crash test: buyers, a gateway that repeats itself, and processes killed at random.

    python -m tests.storm --orders 2000 --codes 1500 --kills 20 --seed 7

It runs a real `keystall demo` and judges it by the gateway's own journal.
"""
