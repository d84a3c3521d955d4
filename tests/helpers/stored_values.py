"""What matters of a stored value, as plain lists and numbers by name."""


def numbers(value):
    """A stored value in plain lists and numbers."""
    return _NUMBERS[type(value).__name__](value)


def curve(curve):
    return {"steps": curve.steps.tolist(), "loss": curve.loss.tolist(), "window": curve.window}


def run(run):
    return {
        "name": run.name,
        "schedule": run.schedule.text,
        "after": run.after,
        "after_step": run.after_step,
        "data": run.data,
        "replay": run.replay,
        "size": run.model_size,
        "batch": run.batch_label,
        "tokens": run.domain_tokens,
        "curves": {c: [len(k), k.loss.sum().item(), k.window] for c, k in run.curves.items()},
        "lr": None if run.logged_lr is None else run.logged_lr.lr.tolist(),
        "notes": list(run.notes),
    }


def study(study):
    return {
        "domains": dict(study.domains),
        "runs": {r.name: r.schedule.text for r in study.runs},
        "fingerprint": study.fingerprint,
    }


def domain_fit(domain):
    facts, scores = domain.facts, domain.scores
    return {
        "law": domain.law.name,
        "text": domain.law.text,
        "params": dict(domain.params),
        "stderr": list(domain.stderr.values()),
        "variance": domain.covariance.trace().item(),
        "status": domain.status,
        "advice": list(domain.advice),
        "huber": None if scores is None else scores.huber,
        "n": None if scores is None else scores.n,
        "ranges": [list(v) for v in domain.ranges.values()],
        "fixed": dict(domain.fixed),
        "kept": list(domain.kept),
        "loose": list(domain.loose),
        "unseen": list(domain.unseen),
        "scale": facts.reference_area,
        "bases": list(facts.bases),
        "batches": list(facts.batches),
        "combines": [d.role for d in domain.combines or ()],
        "members": [domain_fit(d) for d in domain.members],
    }


def fit(fit):
    predicted = {}
    if fit.study is not None:
        predicted = {
            role: domain.loss(fit.observed(role).points).tolist()[::20]
            for role, domain in fit.domains.items()
        }
    return {
        "domains": {role: domain_fit(domain) for role, domain in fit.domains.items()},
        "warmup": fit.convention.warmup,
        "fingerprint": fit.fingerprint,
        "priors": fit.options.prior_weight > 0,
        "delta": fit.options.delta,
        "notes": list(fit.notes),
        "source": fit.source,
        "predicted": predicted,
    }


def forecast_(forecast):
    def ends(curve):
        ranges = (curve.low, curve.high, curve.mean_low, curve.mean_high)
        return [curve.base[-1].item(), *(None if e is None else e[-1].item() for e in ranges)]

    return {
        "final": {role: c.final for role, c in forecast.domains.items()},
        "ends": {role: ends(c) for role, c in forecast.domains.items()},
        "steps": {role: c.step.size for role, c in forecast.domains.items()},
        "schedule": forecast.schedule.text,
        "start": forecast.start.words,
        "data": forecast.data,
        "replay": forecast.replay,
        "size": forecast.model_size,
        "batch": forecast.batch_tokens,
        "warnings": list(forecast.warnings),
        "level": forecast.level,
    }


def interval(interval):
    return None if interval is None else [interval.value, interval.low, interval.high]


def backtest(backtest):
    return {
        "rows": [
            [r.law, r.run, r.domain, r.scores.mape, r.scores.r2, r.coverage] for r in backtest.rows
        ],
        "laws": [[r.law, r.domain, r.huber, r.status] for r in backtest.laws],
        "held_out": backtest.held_out,
        "notes": list(backtest.notes),
    }


def comparison(comparison):
    return {
        "rows": [
            [r.law, r.domain, r.runs, r.mape, r.final, interval(r.difference), r.better]
            for r in comparison.rows
        ],
        "against": comparison.against,
        "best": comparison.best,
        "parts": list(comparison.parts),
        "curves": [
            [c.law, c.run, c.domain, c.part, c.mape, c.step.tolist(), c.every.size]
            for c in comparison.curves
        ],
        "level": comparison.level,
    }


def option(option):
    recipe, start = option.recipe, option.recipe.start
    return {
        "value": option.value,
        "losses": dict(option.losses),
        "costs": dict(option.costs),
        "schedule": recipe.schedule.text,
        "family": recipe.family,
        "values": dict(recipe.values),
        "replay": recipe.replay,
        "size": recipe.model_size,
        "batch": recipe.batch_tokens,
        "text": start.text,
        "words": start.words,
        "after": [start.run, start.step],
        "annealed": None if start.annealed is None else start.annealed.text,
        "pt_lr": start.history.pt_lr.sum().item(),
    }


def plan(plan):
    return {
        "best": option(plan.best),
        "aim": plan.aim.text,
        "limits": [limit.text for limit in plan.limits],
        "feasible": plan.feasible,
        "losses": {role: interval(i) for role, i in plan.losses.items()},
        "value": interval(plan.value),
        "knobs": [
            [k.name, k.value, k.low, k.high, *k.flat, *k.flat_free, *k.rise] for k in plan.knobs
        ],
        "alternatives": [[a.knob, a.choice, a.value, a.behind] for a in plan.alternatives],
        "prices": [[p.limit.text, p.looser.text, p.gain] for p in plan.prices],
        "front": [option(o) for o in plan.front],
        "default": None if plan.default is None else option(plan.default),
        "reference": dict(plan.reference),
        "reference_words": plan.reference_words,
        "looked_at": plan.looked_at,
        "stability": None if plan.stability is None else stability(plan.stability),
    }


def stability(stability):
    return {
        "shares": [stability.regret, stability.agree, stability.keeps],
        "knobs": {name: interval(each) for name, each in stability.knobs.items()},
    }


def goal(goal):
    return {"weights": dict(goal.weights), "targets": [run(r) for r in goal.targets]}


def pilots(pilots):
    return {
        "pilots": [
            [run(p.run), p.cost, p.reason, p.regret_before, p.regret_after, p.removed]
            for p in pilots.pilots
        ],
        "budget": pilots.budget.text,
        "goal": None if pilots.goal is None else goal(pilots.goal),
        "study": None if pilots.study is None else study(pilots.study),
        "best": [pilots.best, pilots.rival],
        "notes": list(pilots.notes),
    }


def history(history):
    return {
        "pt_lr": history.pt_lr.tolist(),
        "cpt_lr": history.cpt_lr.tolist(),
        "rest": [history.replay, history.model_size, *history.batch, history.unknown_base],
        "domain_steps": history.domain_steps,
    }


_NUMBERS = {
    "Study": study,
    "Run": run,
    "Curve": curve,
    "History": history,
    "Convention": lambda c: {"warmup": c.warmup, "tail": c.tail, "fit_from": c.fit_from},
    "Schedule": lambda s: {"kinds": [g.kind for g in s.segments], "lr": s.lr().tolist()},
    "Goal": goal,
    "Fit": fit,
    "Forecast": forecast_,
    "Backtest": backtest,
    "Comparison": comparison,
    "ShiftAt": lambda s: {"is": [s.area, s.value, s.slope, s.value_stderr, s.slope_stderr]},
    "Scores": lambda s: {"is": [s.huber, s.r2, s.mae, s.mape, s.worst, s.n]},
    "Facts": lambda f: {"is": [f.role, f.reference_area, f.longest, f.has_cpt, f.replay, f.sizes]},
    "Plan": plan,
    "Pilots": pilots,
}
