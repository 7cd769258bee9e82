"""Print what `make book` installs: the `book` extra of pyproject.toml, one requirement a line.

Stops if the lock has no pin for one of them, since uv would then take any version, unverified.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).parent.parent


def normal(name: str) -> str:
    """The name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Print the requirements, if all of them are pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"]["book"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {normal(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    missing = [line for line in wanted if normal(re.match(r"[\w.-]+", line)[0]) not in pinned]
    if missing:
        sys.exit(f"requirements.lock has no pin for {', '.join(missing)}: run make lock")
    print("\n".join(wanted))


if __name__ == "__main__":
    main()
