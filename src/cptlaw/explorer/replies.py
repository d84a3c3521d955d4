"""What the page is told: answers to its questions as plain dictionaries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cptlaw.explorer import figures
from cptlaw.explorer.dials import batch_of, dials_of, origins_of, phase_of, shapes_of
from cptlaw.explorer.drops import Dropped
from cptlaw.explorer.exports import kinds
from cptlaw.explorer.live import Under
from cptlaw.explorer.look import Look, look
from cptlaw.explorer.optimum import Optimum, optimum
from cptlaw.explorer.shelf import Entry
from cptlaw.explorer.state import FORMS, LAYERS, MOST_PINS, MOST_STEPS, Choice, State
from cptlaw.explorer.words import Told, tell
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.verdict import verdict
from cptlaw.live.outlook import Ahead
from cptlaw.page import number
from cptlaw.schedules.text import short

_SHOWN = 3
"""Domains that are drawn where the address does not say."""

Reply = dict[str, Any]


def plain(words: str) -> str:
    """What the command line says, without the options that only it has."""
    return re.sub(r" \(--[\w-]+( [A-Z]+)?\)| Or insist: .*| --anyway looks at all\.", "", words)


def opened(entry: Entry, state: State) -> Reply:
    """Everything that the page is built of, and the state that it opens with."""
    fit = entry.fit
    told = verdict(entry.twin)
    return {
        "key": entry.key,
        "name": entry.name,
        "phase": phase_of(fit),
        "published": fit.study is None,
        "roles": list(fit.domains),
        "origins": [asdict(origin) for origin in origins_of(fit)],
        "dials": [asdict(dial) for dial in dials_of(fit)],
        "forms": list(FORMS),
        "shapes": {form: list(shapes_of(form)) for form in FORMS},
        "layers": [each for each in LAYERS if fit.study is not None or each in _LAWS_OWN],
        "batch": batch_of(fit),
        "most_pins": MOST_PINS,
        "most_steps": MOST_STEPS,
        "exports": list(kinds()),
        "verdict": {"first": told.first, "lines": list(told.lines)},
        "first": asdict(entry.first),
        "state": _state(fit, state),
    }


_LAWS_OWN = ("base", "annealing")


def roles_of(fit: Fit, state: State) -> list[str]:
    """The domains that are drawn."""
    wanted = [role for role in state.shown if role in fit.domains]
    return wanted or list(fit.domains)[:_SHOWN]


def curves(entry: Entry, state: State, theme: str, colour: int) -> Reply:
    """The lines of one run; quick enough for a slider."""
    fit, roles, scale = entry.fit, roles_of(entry.fit, state), _scale(entry.fit, state)
    seen = look(fit, state.choice, roles, "annealing" in state.layers, "intervals" in state.layers)
    look_of = figures.theme_of(theme)
    own = look_of.runs[colour % len(look_of.runs)]
    layers = state.layers if colour == 0 else ()
    return {
        "traces": figures.run_traces(seen, roles, own, scale, layers),
        "shapes": figures.beyond(seen, look_of, scale),
        "ranges": _ranges(seen, roles),
        "layout": figures.layout_of(fit, roles, look_of, state.unit),
        "peaks": figures.peaks_shape(fit, look_of),
        "roles": roles,
        "colour": own,
        "ends": {role: _end(seen, role) for role in roles},
        "leaves": list(seen.leaves),
        "start": _start(seen),
        "schedule": short(seen.schedule.text),
    }


def layers(entry: Entry, state: State, theme: str) -> Reply:
    """The measured losses of the fitted runs and what the law says there."""
    roles, scale = roles_of(entry.twin, state), _scale(entry.twin, state)
    named = figures.theme_of(theme)
    return {"traces": figures.layer_traces(entry.twin, roles, state.layers, named, scale)}


def live(entry: Entry, state: State, under: Under, theme: str) -> Reply:
    """A run that trains: how far it is, how it will end, how sure that has become."""
    now, roles = under.now, roles_of(entry.fit, state)
    named, scale = figures.theme_of(theme), _scale(entry.fit, state)
    return {
        "run": under.name,
        "step": 0 if now is None else now.step,
        "steps": under.steps,
        "verdict": "nothing measured yet" if now is None else now.verdict,
        "basis": "" if now is None else f"It rests on {now.basis}.",
        "alarms": [] if now is None else [alarm.words for alarm in now.alarms],
        "trouble": under.trouble,
        "rows": [_foreseen(under, role) for role in under.followed.roles],
        "traces": figures.live_traces(under, roles, named, scale),
    }


def _foreseen(under: Under, role: str) -> Reply:
    """One domain of a run that trains: measured last, its end, the interval now and at first."""
    _, loss = under.followed.measured(role)
    end = under.ends.get(role)
    return {
        "role": role,
        "measured": float(loss[-1]) if loss.size else None,
        "final": None if end is None else end.now.final,
        "reach": None if end is None else _reach(end.now),
        "first": None if end is None else _reach(end.first),
    }


def _reach(ahead: Ahead) -> float:
    """Half the interval at the end."""
    return float(ahead.high[-1] - ahead.low[-1]) / 2


def words(entry: Entry, state: State) -> Reply:
    """What there is to say of the run."""
    told: Told = tell(entry.twin, state.choice)
    batch = batch_of(entry.twin)
    return {
        "first": told.verdict.first,
        "lines": list(told.verdict.lines),
        "status": told.verdict.status,
        "warnings": list(told.warnings),
        "refused": told.refused,
        "leaves": list(told.look.leaves),
        "rows": [asdict(row) for row in told.rows],
        "equations": {role: list(pair) for role, pair in told.equations.items()},
        "schedule": short(told.look.schedule.text),
        "start": _start(told.look),
        "steps": state.choice.steps,
        "tokens": None if batch is None else batch * state.choice.steps,
    }


def best(entry: Entry, state: State, theme: str) -> Reply:
    """The optimum for the weights, and the trade-offs."""
    fit = entry.twin
    weights = weights_of(fit, state)
    found = optimum(fit, state.choice, weights)
    counted = [role for role, weight in weights.items() if weight > 0]
    pair = [*counted, *(role for role in fit.domains if role not in counted)][:2]
    here = {role: _end(look(fit, state.choice, [role], intervals=False), role) for role in pair}
    reply = {
        "weights": dict(weights),
        "choice": asdict(found.best),
        "changes": _changes(state.choice, found.best),
        "replays": any(dial.name == "replay" for dial in dials_of(fit)),
        "losses": {role: _interval(found, role) for role in found.plan.losses},
        "here": sum(w * _end_of(fit, state.choice, r) for r, w in weights.items() if w > 0),
        "value": found.plan.best.value,
        "verdict": "" if found.plan.verdict is None else found.plan.verdict.first,
        "cut": plain(found.plan.cut),
        "warnings": list(found.plan.warnings),
        "front": [],
        "seconds": found.plan.seconds,
    }
    if len(pair) == 2:
        order = sorted(found.front, key=lambda each: each[1][pair[0]])
        losses = [each[1] for each in order]
        reply["pair"] = pair
        reply["front"] = [asdict(each[0]) for each in order]
        reply["figure"] = figures.front_figure(
            losses, (pair[0], pair[1]), here, found.plan.best.losses, figures.theme_of(theme)
        )
    return reply


def dropped(token: str, found: Dropped) -> Reply:
    """What was recognised in dropped logs."""
    return {
        "kind": found.kind,
        "token": token,
        "study": found.study,
        "query": found.query,
        "seen": [asdict(each) for each in found.seen],
        "columns": [asdict(each) for each in found.columns],
        "notes": list(found.notes),
        "asks": list(found.asks),
    }


def weights_of(fit: Fit, state: State) -> Mapping[str, float]:
    """How much each domain counts; D_pt and D_cpt alike where nothing is said."""
    given = {role: state.weights[role] for role in fit.domains if role in state.weights}
    usual = [role for role in ("pt", "cpt") if role in fit.domains] or list(fit.domains)[:1]
    return given or dict.fromkeys(usual, 1.0)


def _state(fit: Fit, state: State) -> Reply:
    return {
        "fit": state.fit,
        "choice": asdict(state.choice),
        "pins": [asdict(pin) for pin in state.pins],
        "weights": dict(weights_of(fit, state)),
        "shown": roles_of(fit, state),
        "layers": list(state.layers),
        "unit": state.unit if batch_of(fit) is not None else "steps",
        "theme": state.theme,
    }


def _scale(fit: Fit, state: State) -> float:
    batch = batch_of(fit)
    return batch if state.unit == "tokens" and batch is not None else 1.0


def _ranges(seen: Look, roles: list[str]) -> list[list[float]]:
    """Lowest and highest value of each panel; an interval is shown as far as it tells something."""
    found = [[0.0, float(seen.lr.max())]]
    for role in roles:
        curve = seen.curves[role]
        low, high = float(curve.loss.min()), float(curve.loss.max())
        most = 2.0 * max(high - low, 0.02 * high)
        if curve.low is not None and curve.high is not None:
            low = max(float(curve.low.min()), low - most)
            high = min(float(curve.high.max()), high + most)
        found.append([low, high])
    return found


def _end(seen: Look, role: str) -> float:
    return seen.curves[role].final


def _end_of(fit: Fit, choice: Choice, role: str) -> float:
    return _end(look(fit, choice, [role], intervals=False), role)


def _start(seen: Look) -> Reply:
    lr = seen.start.history.pt_lr
    peak = float(lr.max(initial=0.0))
    potential = float(lr[-1]) / peak if peak > 0 else None
    return {"words": seen.start.words, "potential": potential, "steps": int(lr.size)}


def _interval(found: Optimum, role: str) -> Reply:
    each = found.plan.losses[role]
    return {"value": each.value, "low": each.low, "high": each.high}


def _changes(now: Choice, best_one: Choice) -> list[list[str]]:
    """Knobs in which the optimum differs: name, its value now, its value there."""
    found: list[list[str]] = []
    for name, value in asdict(best_one).items():
        old = asdict(now)[name]
        if value == old or (name == "decay" and best_one.family != "wsd"):
            continue
        if name == "decay_shape" and best_one.family != "wsd":
            continue
        found.append([name, _shown(old), _shown(value)])
    return found


def _shown(value: object) -> str:
    return number(value, 3) if isinstance(value, float) else str(value)
