"""Evidence for what cptlaw claims: accuracy, coverage and regret on real curves, the paper, speed.

    sources/     real curves and protocols: what is fitted, what is scored
    laws/        laws that only benchmarks fit, and baselines without a law
    fits         one fit for all splits that share it, on several processes
    accuracy/    errors of forecasts             `cptlaw bench accuracy`
    coverage/    how often intervals hold        `cptlaw bench coverage`
    regret/      what a law's choices cost       `cptlaw bench regret`
    task/        accuracy, for anybody's law     `cptlaw bench task`, `cptlaw bench leaderboard`
    pages        tables for a terminal, and pages in Markdown
    measured     what the three found, as figures that cptlaw reads
    pilots, plans/, fit_speed, lab_speed         `cptlaw bench pilots, plans, fit, lab`
    log_speed                                    `cptlaw bench readers`
    paper/       the figures of arXiv:2505.07796 `cptlaw paper`
    cli/         the commands, which come to `cptlaw` by the entry points `cptlaw.commands`

Where a new thing goes:

- a source: a module of `sources` that ends with a `Source`, entered in `sources/loading.py`;
- a protocol: one more `Protocol` of its source, and, for coverage, a class in
  `coverage/summary.py`; `sources/protocols.json` is then written anew, under a new
  `sources.listed.VERSION`;
- a law to compare with: an `Entry` in a module of `laws`, and its name in `laws.FIELD`;
- a figure or table of the paper: a function of that name in a module of `paper/published` or
  `paper/grid`, and its title in `paper/__init__.py`;
- a benchmark: a module here, a thin command in `cli`, added in `cli/bench.py`.
"""
