"""The learning rate of single steps as frameworks work them out, written from their formulas.

Each takes what the framework's own counter says, and gives the learning rate.
"""

import math


def half_cosine(p):
    return 0.5 * (1.0 + math.cos(math.pi * p))


def megatron(n, style, lr, low, w, end, init=0.0, wsd=None, wsd_style=None):
    """After n iterations."""
    if w > 0 and n <= w:
        return init + (lr - init) * n / w
    if style == "constant":
        return lr
    if n > end:
        return low
    if style == "inverse-square-root":
        return max(low, lr * max(w, 1) ** 0.5 / max(n, 1) ** 0.5)
    p = (n - w) / (end - w)
    if style == "WSD":
        p = max(0.0, (n - (end - wsd)) / wsd)
        if p == 0.0:
            return lr
        style = wsd_style
    c = {
        "linear": 1.0 - p,
        "cosine": half_cosine(p),
        "exponential": 2.0 * 0.5**p - 1.0,
        "minus_sqrt": 1.0 - math.sqrt(p),
    }[style]
    return low + c * (lr - low)


def torchtitan(s, lr, total, w, decay, kind, factor):
    """At 0-indexed step s; the decay's end lies one step after the run."""
    stable = total + 1 - w - decay
    if s < w:
        return lr * ((s + 1) / w)
    if s < w + stable:
        return lr
    p = (s + 1 - (w + stable)) / decay
    left = {"linear": 1 - p, "sqrt": 1 - math.sqrt(p), "cosine": half_cosine(p)}[kind]
    return lr * (factor + (1 - factor) * left)


def nanochat(it, total, w, down, last):
    if it < w:
        return (it + 1) / w
    if it <= total - down:
        return 1.0
    p = (total - it) / down
    return p + (1 - p) * last


def olmo_core(t, kind, lr, t_max, w, alpha=0.1, start=0.0, decay=None, low=0.0, b=-0.51):
    """At step t, 1 for the first."""
    eta = lr * alpha
    peak = eta + (lr - eta) / 2 if kind == "HalfCosWithWarmup" else lr
    if t <= w:
        return start + (peak - start) * t / w
    if kind in ("WSD", "PowerLR", "CosWithWarmupAndLinearDecay") and t >= t_max - decay:
        cut = t_max - decay
        there = {
            "WSD": lr,
            "PowerLR": lr * (cut / w) ** b,
            "CosWithWarmupAndLinearDecay": eta + (lr - eta) * half_cosine((cut - w) / (t_max - w)),
        }[kind]
        return low + (there - low) * (t_max - t) / decay
    p = (t - w) / (t_max - w)
    return {
        "ConstantWithWarmup": lr,
        "WSD": lr,
        "LinearWithWarmup": lr - (lr - eta) * p,
        "CosWithWarmup": eta + (lr - eta) * half_cosine(p),
        "CosWithWarmupAndLinearDecay": eta + (lr - eta) * half_cosine(p),
        "HalfCosWithWarmup": eta + (lr - eta) * half_cosine(0.5 + p / 2),
        "InvSqrtWithWarmup": eta + (lr - eta) * math.sqrt(w / t),
        "PowerLR": lr * (t / w) ** b,
    }[kind]


def olmo_wsds(t, lr, lengths, w, decay, low=0.0):
    if t < w:
        return lr * t / w
    end = 0
    for length in lengths:
        end += length
        if t <= end:
            break
    return lr if t < end - decay else low + (lr - low) * max(end - t, 0) / decay


def nemo(s, kind, lr, total, w, low=0.0, hold=0, const=0, rate=0.5, power=1.0):
    """At epoch s of the scheduler, 0 at the first step."""
    if kind == "CosineAnnealing" and const:
        if s <= w:
            return lr * s / w
        if s > total - const:
            return low
        return low + (lr - low) * half_cosine((s - w) / (total - const - w))
    if w and s <= w:
        return lr * (s + 1) / (w + 1)
    if hold and s < w + hold:
        return lr
    left = (total - s) / (total - w)
    return {
        "WarmupPolicy": lambda: lr,
        "CosineAnnealing": lambda: low + (lr - low) * half_cosine(1 - left),
        "SquareAnnealing": lambda: max(low, lr * left**2),
        "SquareRootAnnealing": lambda: max(low, lr * ((total - s) / total) ** 0.5),
        "WarmupAnnealing": lambda: low + left * (lr - low),
        "PolynomialDecayAnnealing": lambda: low + (lr - low) * left**power,
        "PolynomialHoldDecayAnnealing": lambda: (
            low + (lr - low) * ((total - s) / (total - w - hold)) ** power
        ),
        "InverseSquareRootAnnealing": lambda: lr / ((s + 1) / (w + 1)) ** 0.5,
        "NoamHoldAnnealing": lambda: max(low, lr * w**rate / (s - hold) ** rate),
    }[kind]()


def nemo_noam(s, lr, width, w, low=0.0):
    s = max(s, 1)
    value = lr * width**-0.5 * min(s**-0.5, s * w**-1.5)
    return max(value, low) if s > w else value


def deepspeed_gamma(b, w, kind):
    """Share of a warm-up at batch b, 0 after the first call of `step`."""
    return math.log(b + 1) / math.log(w) if kind == "log" else b / w


def deepspeed(step, name, lr, low, w, kind, total=None):
    """At optimiser step 1, 2, ...; the first one is before the scheduler counts."""
    b = step - 2
    if name == "WarmupCosineLR":
        if b < 0:
            return 0.0
        if b < w:
            return lr * (low + deepspeed_gamma(b, w, kind) * (1 - low))
        return lr * (1e-4 + (1 - 1e-4) * half_cosine(min(1.0, (b - w + 1) / (total - w))))
    if b < 0:
        return low
    if b < w:
        return low + (lr - low) * deepspeed_gamma(b, w, kind)
    left = 1.0 if name == "WarmupLR" else max(0.0, (total - b) / (total - w))
    return low + (lr - low) * left


def deepspeed_one_cycle(step, low, peak, up, down, rate=0.0, size=0):
    c = step - 1
    if c <= up:
        return low + (peak - low) * c / up
    if c <= up + down:
        return low + (peak - low) * (up + down - c) / down
    return low / (1 + rate * (c - up - down) / size) if rate else low


def levanter(count, kind, lr, ratio, w, steps, decay=None, timescale=10000.0):
    """One cycle; the curve counts from its own begin."""
    low, d = lr * ratio, steps - w if decay is None else decay
    if count < w:
        return lr * count / w
    own = count - (steps - d)
    if own < 0:
        return lr
    return {
        "constant": lambda: lr,
        "cosine": lambda: lr * ((1 - ratio) * half_cosine(min(own, d) / d) + ratio),
        "linear": lambda: low + (lr - low) * (1 - min(own, d) / d),
        "inv_sqrt": lambda: max(low, lr * min(1.0, 1.0 / math.sqrt(max(own + w, 1) / timescale))),
        "inv": lambda: max(low, lr / ((lr / low - 1) * max(own, 1) / d + 1)),
    }[kind]()


def rex(t, lr, low, total, w):
    if 1 <= t <= w:
        return lr * t / w
    z = (total - t) / (total - w)
    return low if z <= 0 else lr * (low / lr + (1 - low / lr) * z / (0.1 + 0.9 * z))
