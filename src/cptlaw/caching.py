"""Results that an object keeps for as long as it lives.

Three needs, three idioms: `functools.cached_property` for what follows from an object alone,
`remembers` for a function of an object and of further arguments (or one that stands apart from
the object's class), `functools.cache` for what follows from nothing but the code, such as a
bundled file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

Owner = TypeVar("Owner")
Rest = ParamSpec("Rest")
Result = TypeVar("Result")
Asked: TypeAlias = Callable[Concatenate[Owner, Rest], Result]


def remembers(count: int) -> Callable[[Asked[Owner, Rest, Result]], Asked[Owner, Rest, Result]]:
    """Let a function's first argument keep its last results, so that they are freed with it.

    A table of the function's own, weak or not, would never free a result that refers to its owner.

    Args:
        count: how many results of different further arguments (hashable ones) are kept.
    """

    def decorate(function: Asked[Owner, Rest, Result]) -> Asked[Owner, Rest, Result]:
        name = f"{function.__module__}.{function.__qualname__}"  # a name can be pickled

        @functools.wraps(function)
        def look(owner: Owner, *args: Rest.args, **kwargs: Rest.kwargs) -> Result:
            known: dict[Any, Result] = vars(owner).setdefault(name, {})
            key = (args, *kwargs.items())
            if key not in known:
                while len(known) >= count:
                    known.pop(next(iter(known)))  # the oldest
                known[key] = function(owner, *args, **kwargs)
            return known[key]

        return look

    return decorate
