"""The far side of the sandbox provider: a payment gateway of its own, apart from any shop.

It shares nothing with an installation but the signing secret: its own process, its own journal, its
own page. What it says it took is on its disk before it says so.
"""
