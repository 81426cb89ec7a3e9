"""Validated documents compiled to plans, which run a level of the answer at a time.

The stock executor of graphql-core visits every field of every object by itself. A plan is made once
for a document and knows beforehand what each type's selection comes to: fields that are plain data
are read for all objects of a level in one go, and everything that is awaited on a level is awaited
together, so that loaders gather what all of it asks for.

A plan answers only what goes as foreseen. At any surprise (an exception, null where none may be, a
value of another type than its field's) it gives up, and the stock executor says what the document
comes to, error paths and all: see `operation.py`. So there is one account of errors,
graphql-core's.
"""
