import pytest

import experiments
from experiments import BASE, HEAD, run

FILE_ERRORS = [
    ({"seed = 3": "sed = 3"}, "key 'sed' is unknown. Did you mean 'seed'?"),
    ({"seed = 3": "seed = -1"}, "seed = -1; expected a whole number from 0 to 2^32 - 1."),
    ({"seed = 3": "seed = true"}, "seed = true; expected a whole number from 0"),
    ({'name = "trial"': ""}, "it has no name; expected a name in quotes at the top"),
    ({'name = "trial"': "name = 3"}, "name = 3; expected a name in quotes at the top"),
    (
        {'name = "trial"': 'name = "a/b"'},
        "name 'a/b' is not a valid name; expected letters, digits",
    ),
    (
        {"vocabulary = 512": "vocabulary = 100"},
        "[tokenizer]: vocabulary = 100; expected a whole number of tokens, from 260",
    ),
    (
        {"vocabulary = 512": "vocabluary = 512"},
        "[tokenizer]: key 'vocabluary' is unknown. Did you mean 'vocabulary'?",
    ),
    (
        {"vocabulary = 512": 'vocabulary = 512\nname = "x"'},
        (
            '[tokenizer]: it has both name = "x" and vocabulary = 512; an existing tokenizer '
            "has its own"
        ),
    ),
    (
        {'builtin = "python-docs"': ""},
        "[text.docs]: it does not say where the text comes from; add one of builtin",
    ),
    (
        {'builtin = "python-docs"': 'builtin = "python-docs"\nhub = "x/y"'},
        "[text.docs]: it has builtin and hub; expected one of them. Keep one.",
    ),
    (
        {'builtin = "python-docs"': 'builtin = "python-doc"'},
        "[text.docs]: there is no built-in text 'python-doc'. Did you mean 'python-docs'?",
    ),
    (
        {'builtin = "python-docs"': 'builtin = "python-docs"\ncolumn = "x"'},
        (
            "[text.docs]: column belongs to texts with path or hub, and this one has builtin."
            " Leave column out."
        ),
    ),
    (
        {'column = "body"': 'split = "test"'},
        "[text.far]: split belongs to texts with hub, and this one has path.",
    ),
    (
        {'path = "data/code"': "path = []"},
        "[text.code]: path = []; expected a file or folder in quotes, or a list of them.",
    ),
    (
        {"tokens = 6e6": "tokens = 0"},
        "[text.docs]: tokens = 0; expected a whole number of training tokens, at least 1.",
    ),
    ({"tokens = 6e6": "tokens = 0.5"}, "[text.docs]: tokens = 0.5; expected a whole number"),
    ({"tokens = 6e6": 'tokens = "6e6"'}, '[text.docs]: tokens = "6e6"; expected a whole number'),
    ({"tokens = 6e6": "tokens = true"}, "[text.docs]: tokens = true; expected a whole number"),
    ({"tokens = 6e6": "tokens = inf"}, "[text.docs]: tokens = Infinity; expected a whole number"),
    (
        {"[text.far]": "[text.loss]", 'far = "far"': ""},
        "[text.loss]: the text 'loss': that word has another meaning in a study.",
    ),
    (
        {"[text.far]": '[text."a b"]', 'far = "far"': ""},
        "[text]: the name 'a b' is not a valid name",
    ),
    (
        {"[text.far]": "[text.pt]", 'far = "far"': ""},
        (
            "[data]: 'pt' is also the name of a text, so two losses would be called "
            "eval_pt_loss. Rename one of them."
        ),
    ),
    ({'cpt = "code"': 'docs = "code"'}, "[data]: 'docs' is also the name of a text"),
    ({'cpt = "code"': 'cpt = "cod"'}, "[data]: cpt: there is no text 'cod'. Did you mean 'code'?"),
    (
        {'cpt = "code"': "cpt = 3"},
        "[data]: cpt = 3; expected a text in quotes, or shares of texts such as",
    ),
    ({'cpt = "code"': "cpt = {}"}, "[data]: cpt = {}; expected a text in quotes"),
    ({'cpt = "code"': 'loss = "code"'}, "[data]: the name 'loss': that word has another meaning"),
    (
        {"code = 0.25": "code = 0.26"},
        "[data]: pt: the shares sum to 1.01; expected 1. Mend one of them.",
    ),
    ({"code = 0.25": "code = 0.2500011"}, "[data]: pt: the shares sum to 1.000001; expected 1."),
    ({"code = 0.25": "code = 0"}, "[data]: pt: code = 0; expected a share above 0, up to 1."),
    ({"code = 0.25": "cod = 0.25"}, "[data]: pt: there is no text 'cod'. Did you mean 'code'?"),
    (
        {"tokens = 4096": "tokens = 32"},
        (
            "[validation]: tokens = 32 hold no sequence of run 'base', which has 64 tokens. "
            "Take more."
        ),
    ),
    (
        {"[validation]": '[validation]\nnear_duplicates = "no"'},
        '[validation]: near_duplicates = "no"; expected "drop" or "keep".',
    ),
    (
        {"width = 64": "width = 65"},
        (
            "[model.small]: width = 65 is not a multiple of heads = 2. "
            "Take width = 68, or other heads."
        ),
    ),
    (
        {"width = 64": "width = 66"},
        (
            "[model.small]: width = 66 and heads = 2 make heads of size 33; rotary positions "
            "need an even size. Take width = 68, or other heads."
        ),
    ),
    (
        {"heads = 2": "heads = 2\nkv_heads = 3"},
        "[model.small]: kv_heads = 3 does not divide heads = 2.",
    ),
    (
        {"heads = 2": "heads = 0"},
        "[model.small]: heads = 0; expected a whole number of at least 1.",
    ),
    (
        {"layers = 2": ""},
        (
            "[model.small]: it has no layers. A model has width, layers and heads, or from = "
            '"MODEL".'
        ),
    ),
    (
        {"layers = 2": 'from = "m"'},
        (
            '[model.small]: it has both from = "m" and width, heads; an existing model brings'
            " its own."
        ),
    ),
    ({"layers = 2": 'from_ = "m"'}, "[model.small]: key 'from_' is unknown. Did you mean 'from'?"),
    (
        {"width = 64\nlayers = 2\nheads = 2": 'from = "m"'},
        (
            '[model.small]: from = "m" knows the tokens of its own tokenizer alone. Add '
            '[tokenizer] with name = "m".'
        ),
    ),
    (
        {"[model.small]": "[model]", "[model.big]\nwidth = 96\nlayers = 4\nheads = 3": ""},
        "[model]: every model is a table [model.NAME] of its own.",
    ),
    (
        {"sequence_length = 64": "evaluate_every = 0"},
        "[training]: evaluate_every = 0; expected a whole number of steps, at least 1.",
    ),
    (
        {"sequence_length = 64": "betas = [0.9]"},
        "[training]: betas = [0.9]; expected two numbers from 0 to below 1",
    ),
    (
        {"sequence_length = 64": "betas = [0.9, 1.0]"},
        "[training]: betas = [0.9, 1.0]; expected two numbers",
    ),
    (
        {"sequence_length = 64": "clip = true"},
        "[training]: clip = true; expected a largest norm of the gradient",
    ),
    (
        {"sequence_length = 64": 'precision = "fp16"'},
        '[training]: precision = "fp16"; expected "fp32" or "bf16".',
    ),
    ({"sequence_length = 64": "compile = 1"}, "[training]: compile = 1; expected true or false."),
    (
        {"sequence_length = 64": "weight_decay = nan"},
        "[training]: weight_decay = NaN; expected a number of at least 0.",
    ),
    (
        {"sequence_length = 64": "micro_batch = 3"},
        (
            "run 'base': batch_sequences = 8 is not a multiple of micro_batch = 3. Take a "
            "micro_batch that divides it."
        ),
    ),
    ({"[training]": "[training.all]"}, "[training]: key 'all' is unknown."),
    (
        {"[training]\nbatch_sequences = 8\nsequence_length = 64": "[[training]]"},
        "[training]: expected a table, not [{}].",
    ),
]


@pytest.mark.parametrize(("change", "message"), FILE_ERRORS)
def test_errors_of_the_file(tmp_path, change, message):
    assert experiments.error(tmp_path, HEAD + BASE, change).startswith(message)


ROOT = '[[run]]\nname = "x"\n'
RUN_ERRORS = [
    (
        "[[run]]\nschedule = 'constant 9 to 1'",
        "[[run]] number 2: it has no name; add name = a name in quotes.",
    ),
    ("[[run]]\nname = 'x'", "run 'x': it has no schedule; add schedule = a schedule text, such as"),
    (run("a/b"), "run 'a/b': name 'a/b' is not a valid name; expected letters, digits"),
    (run("data"), "run 'data': a file or folder beside the runs has that name. Take another."),
    (
        run("cpt", {"a b": "constant 9"}),
        "run 'cpt': the expanded name 'cpt-a b' is not a valid name",
    ),
    (run("cpt", {}), "run 'cpt': schedule = {}; expected a schedule text"),
    (run("cpt", {"a": 3}), "run 'cpt': schedule = {\"a\": 3}; expected a schedule text"),
    (run("base"), "two runs are named 'base'; every run needs its own name."),
    (run("Base"), "runs 'base' and 'Base' differ in capital letters alone"),
    (run("a", seed=[1]) + run("a-seed1"), "two runs are named 'a-seed1'; every run needs its own"),
    (run("a", seed=[1, 1]), "two runs are named 'a-seed1'; every run needs its own"),
    (
        run("cpt", replay=1.5),
        "run 'cpt': replay = 1.5; expected a share from 0 to 1, or a list of them.",
    ),
    (run("cpt", replay=[0, -1]), "run 'cpt': replay = [0, -1]; expected a share from 0 to 1"),
    (run("cpt", replay=[]), "run 'cpt': replay = []; expected a share from 0 to 1"),
    (run("cpt", replai=0), "run 'cpt': key 'replai' is unknown. Did you mean 'replay'?"),
    (run("cpt", seed=0.5), "run 'cpt': seed = 0.5; expected a whole number from 0 to 2^32 - 1"),
    (
        run("cpt", micro_batch=[1, 2]),
        "run 'cpt': micro_batch = [1, 2]; expected a whole number of sequences",
    ),
    (
        run("cpt", optimizer_state="old"),
        'run \'cpt\': optimizer_state = "old"; expected "keep" or "new".',
    ),
    (
        run("cpt", after="bas"),
        "run 'cpt': after = \"bas\": there is no such run. Did you mean 'base'?",
    ),
    (run("a", after="a"), "'after' runs in a cycle: a -> a."),
    (run("a", after="b") + run("b", after="a"), "'after' runs in a cycle: a -> b -> a."),
    (
        run("cpt", after_step=101),
        "run 'cpt': after_step = 101, but run 'base' has steps 1 to 100. Take one of",
    ),
    (run("cpt", after_step=[50, 101]), "run 'cpt-at101': after_step = 101, but run 'base' has"),
    (run("cpt", after_step=0), "run 'cpt': after_step = 0; expected a whole number of at least 1"),
    (
        ROOT + 'schedule = "constant 9 to 1"\nafter_step = 9',
        "run 'x': after_step needs after = \"NAME\"",
    ),
    (
        ROOT + 'schedule = "constant 9 to 1"\noptimizer_state = "new"',
        "run 'x': optimizer_state needs after",
    ),
    (
        run("cpt", model="smal"),
        "run 'cpt': model = \"smal\": no such [model]. Did you mean 'small'?",
    ),
    (
        run("cpt", model="big"),
        "run 'cpt': model = \"big\", but it goes on from run 'base' with the model 'small'.",
    ),
    (
        run("cpt", data="cpd"),
        "run 'cpt': data = \"cpd\": [data] has no such name. Did you mean 'cpt'?",
    ),
    (
        run("cpt", data="pt", replay=0.5),
        "run 'cpt': replay = 0.5 on data = \"pt\"; replay mixes pt into other data.",
    ),
    (
        run("cpt", "linear 9 too 0"),
        (
            "run 'cpt': schedule: segment 1 ('linear 9 too 0') of the schedule: 'too' is not "
            "understood."
        ),
    ),
    (
        run("cpt", {"a": "constant"}),
        "run 'cpt-a': schedule: segment 1 ('constant') of the schedule: expected",
    ),
    (
        ROOT + 'schedule = "constant 9"',
        (
            "run 'x': schedule: segment 1 ('constant 9') of the schedule: nothing says which "
            "LR it starts from."
        ),
    ),
    (
        ROOT + 'schedule = "constant 9 to 0"',
        "run 'x': schedule: 'constant 9 to 0' has a learning rate of 0 in every step",
    ),
    (
        run("end", "linear 50 to 0") + run("more", "constant 9", after="end"),
        "run 'more': schedule: 'constant 9' has a learning rate of 0 in every step",
    ),
    (
        run("cpt", "constant 3e7"),
        "run 'cpt': schedule: it has 30000000 steps; expected at most 20000000.",
    ),
    (
        run("cpt", batch_sequences=[8, 12], micro_batch=8),
        "run 'cpt-batch12': batch_sequences = 12 is not a multiple of micro_batch = 8.",
    ),
    (run("cpt", sequence_length=8192), "[validation]: tokens = 4096 hold no sequence of run 'cpt'"),
    (
        run("cpt") + run("t", after="cpt", data="pt"),
        (
            "run 't': it has data = pt and goes on from run 'cpt' with cpt; no law covers "
            "that along a CPT."
        ),
    ),
    (
        run("cpt") + run("t", after="cpt", data="far"),
        "run 't': it has data = far and goes on from run 'cpt' with cpt",
    ),
    (
        run("cpt", "constant 9") + run("t", after="cpt", replay=0.5),
        "run 't': it has replay = 0.5 and goes on from run 'cpt' with 0.0",
    ),
    (
        run("cpt", "constant 9") + run("t", after="cpt", batch_sequences=4),
        "run 't': it has batch_sequences = 4 and goes on from run 'cpt' with 8",
    ),
    (
        run("cpt", "constant 9") + run("t", after="cpt", sequence_length=32),
        "run 't': it has sequence_length = 32 and goes on",
    ),
]


@pytest.mark.parametrize(("text", "message"), RUN_ERRORS)
def test_errors_of_a_run(tmp_path, text, message):
    assert experiments.error(tmp_path, HEAD + BASE + text).startswith(message)
