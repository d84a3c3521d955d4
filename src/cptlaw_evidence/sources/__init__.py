"""Real curves, and what is fitted and scored on each.

A new source is a module that ends with a `Source`, entered in `loading.SOURCES`. A new protocol is
one more `Protocol` of its source; `splits` has the usual ways to part runs.
"""
