"""What is loaded when: nothing heavy before it is needed."""

import ast
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HEAVY = ("numpy", "scipy", "torch", "matplotlib", "pandas", "pyarrow", "pydantic")
LOADED = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
HELP = f"""
import sys
from cptlaw.cli import main
sys.argv = ["cptlaw", "--help"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
{LOADED}
"""


@pytest.mark.parametrize("code", [f"import cptlaw; {LOADED}", HELP])
def test_nothing_heavy_is_loaded(code):
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "[]"


def test_the_package_is_a_command():
    words = [sys.executable, "-m", "cptlaw", "laws", "--json"]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 0
    assert ended.stdout.startswith('{"laws": [')
    assert ended.stderr == ""


def test_a_reader_that_leaves_early_ends_it_quietly():
    code = "import sys; from cptlaw.cli import main; sys.argv = ['cptlaw', 'laws']; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    running.stdout.close()
    _, told = running.communicate()
    assert told == b""


def test_everything_public_exists():
    import cptlaw

    assert cptlaw.__all__ == sorted(cptlaw.__all__)
    assert all(hasattr(cptlaw, name) for name in cptlaw.__all__)


def test_public_names_are_loaded_from_where_type_checkers_find_them():
    import cptlaw

    assert cptlaw.__file__ is not None
    tree = ast.parse(Path(cptlaw.__file__).read_text(encoding="utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    seen = {
        alias.asname or alias.name: (statement.module, alias.name)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == cptlaw._WHERE
    assert sorted(seen) == [name for name in cptlaw.__all__ if name != "__version__"]


def test_public_names_are_known_before_they_are_used():
    code = "import cptlaw; print(set(cptlaw.__all__) <= set(dir(cptlaw)), 'fit' in vars(cptlaw))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said == "True False\n"


@pytest.mark.parametrize("name", ["nothing", "_nothing", "__path_of_nothing__"])
def test_a_name_that_does_not_exist_is_an_attribute_error(name):
    import cptlaw

    with pytest.raises(AttributeError, match=f"'cptlaw' has no attribute '{name}'"):
        getattr(cptlaw, name)


def test_wings_are_found_without_an_import_of_their_own():
    code = "import cptlaw; print(cptlaw.errors.DataError.__name__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said == "DataError\n"


def packages():
    """All packages of cptlaw, by name."""
    import cptlaw

    yield cptlaw
    for info in pkgutil.walk_packages(cptlaw.__path__, "cptlaw."):
        if info.ispkg and not info.name.startswith("cptlaw.lab"):
            yield importlib.import_module(info.name)


def test_no_name_hides_a_module():
    """`package.name` is the module of that name wherever there is one."""
    for package in packages():
        for info in pkgutil.iter_modules(package.__path__):
            found = getattr(package, info.name, None)
            assert found is None or isinstance(found, ModuleType), f"{package.__name__}.{info.name}"


def test_public_names_are_values_functions_or_modules_of_their_own():
    import cptlaw

    for name in cptlaw.__all__:
        value = getattr(cptlaw, name)
        home = f"cptlaw.{name}"
        assert importlib.util.find_spec(home) is None or isinstance(value, ModuleType), name
        assert not isinstance(value, ModuleType) or value.__name__.startswith("cptlaw."), name
