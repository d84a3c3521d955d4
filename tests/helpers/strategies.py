"""Random schedules for the property tests."""

from hypothesis import strategies as st

from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import KINDS, Segment

LRS = st.floats(1e-9, 1e-2)
LRS_WITH_ZERO = st.just(0.0) | LRS


@st.composite
def segments(draw, kinds=KINDS, longest=40, whole=False):
    """A segment of any kind; unless `whole`, perhaps begun late or stopped before its end."""
    kind = draw(st.sampled_from(kinds))
    steps = draw(st.integers(2 if kind == "log" else 1, longest))
    lrs = LRS if kind == "exponential" else LRS_WITH_ZERO
    start, end = draw(lrs), draw(lrs)
    if kind == "warmup":
        start, end = sorted((start, end))
    if kind in ("constant", "inverse_sqrt"):
        end = start
    until = None if whole else draw(st.none() | st.integers(1, steps))
    first, length = 1.0, float(steps)
    if until is not None and kind != "constant" and draw(st.booleans()):
        least = 1.0 if kind == "log" else 0.0
        first = draw(st.floats(least, 10.0))
        length = draw(st.floats(max(first + until, 2.0), 2.0 * longest + 10.0))
    power, timescale = draw(st.floats(0.1, 5.0)), draw(st.floats(0.5, 1e4))
    ratio = draw(st.floats(0.01, 0.9))
    return Segment(
        kind,
        length,
        start,
        end,
        power=power if kind in ("power", "curve", "inverse") else 1.0,
        timescale=timescale if kind in ("inverse_sqrt", "inverse") else 0.0,
        until=until,
        ratio=ratio if kind == "rex" or (kind == "exponential" and ratio > 0.5) else 0.0,
        first=first,
    )


@st.composite
def schedules(draw, most=5, arrays=False):
    """A schedule of segments of all kinds that have a text; with `arrays`, of arrays too."""
    parts = draw(st.lists(segments(), min_size=1, max_size=most))
    if arrays:
        values = draw(st.lists(LRS_WITH_ZERO, min_size=1, max_size=20))
        array = Segment("array", len(values), values[0], values[-1], values=values)
        parts.insert(draw(st.integers(0, len(parts))), array)
    return Schedule(tuple(parts))
