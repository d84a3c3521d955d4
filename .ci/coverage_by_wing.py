"""Lines and branches that tests ran, by wing, of what `coverage json -q -o -` writes."""

import json
import sys
from collections import Counter
from pathlib import PurePath

GROUND = "cptlaw (ground)"


def wing(path: str) -> str:
    """The folder of a package that a file is in; what lies beside them is the ground."""
    package, *inner = PurePath(path).parts[PurePath(path).parts.index("src") + 1 :]
    if package != "cptlaw":
        return package
    return f"{package}.{inner[0]}" if len(inner) > 1 else GROUND


def main() -> None:
    """Print a row for each wing and one for all, as a Markdown table."""
    wings: dict[str, Counter[str]] = {}
    for path, found in json.load(sys.stdin)["files"].items():
        for name in (wing(path), "all"):
            wings.setdefault(name, Counter()).update(
                {k: v for k, v in found["summary"].items() if k.startswith(("num_", "covered_"))}
            )
    print("| wing | lines | run | branches | taken |")
    print("|---|---|---|---|---|")
    for name, n in sorted(wings.items(), key=lambda each: (each[0] == "all", each[0])):
        run = 100 * n["covered_lines"] / max(n["num_statements"], 1)
        taken = 100 * n["covered_branches"] / max(n["num_branches"], 1)
        lines, branches = f"{n['num_statements']:,}", f"{n['num_branches']:,}"
        print(f"| {name} | {lines} | {run:.1f} % | {branches} | {taken:.1f} % |")


if __name__ == "__main__":
    main()
