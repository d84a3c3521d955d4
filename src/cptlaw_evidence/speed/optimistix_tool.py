"""Eq. 4 written in JAX, minimised by optimistix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw_evidence.fit_speed import Direct
from cptlaw_evidence.speed.tools import MOST

NAME = "JAX, optimistix"
NEEDS = ("jax", "optimistix")


def compiled(direct: Direct) -> Callable[[FloatArray], FloatArray]:
    """A compiled Levenberg-Marquardt search: start -> end, over the logarithms of all parameters.

    The logarithms keep them above 0; derivatives are exact, numbers have 64 bits.

    Args:
        direct: the objective.
    """
    import jax  # pyright: ignore[reportMissingImports]
    import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
    import optimistix  # pyright: ignore[reportMissingImports]

    jax.config.update("jax_enable_x64", True)
    known = {
        name: jnp.asarray(getattr(direct, name))
        for name in ("s1", "s1_cpt", "s2_pt", "s2_cpt", "log_loss")
    }

    def residual(logs: Any, _: object) -> Any:
        l0, a, alpha, c1, c2, b, rate, beta = jnp.exp(logs)
        shift = -jnp.expm1(-beta * jnp.log1p(rate * known["s1_cpt"]))
        loss = l0 + a * known["s1"] ** -alpha - c1 * known["s2_pt"] - c2 * known["s2_cpt"]
        loss = jnp.maximum(loss + direct.sign * b * shift, 1e-10)
        off = jnp.log(loss) - known["log_loss"]
        size = jnp.maximum(jnp.abs(off), direct.delta)
        bent = jnp.sign(off) * jnp.sqrt(direct.delta * (2.0 * size - direct.delta))
        return jnp.where(jnp.abs(off) <= direct.delta, off, bent)

    solver = optimistix.LevenbergMarquardt(rtol=1e-8, atol=1e-8)

    @jax.jit
    def solve(logs: Any) -> Any:
        found = optimistix.least_squares(residual, solver, logs, max_steps=MOST, throw=False)
        return jnp.exp(found.value)

    return lambda start: np.asarray(solve(jnp.log(start)), dtype=np.float64)
