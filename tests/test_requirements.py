"""The bounds in pyproject.toml can be met, on each Python and with the torch that is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LIKE_THE_MAKEFILE = ["--universal", "--no-header", "--no-emit-index-url", "--quiet"]
OFFLINE = ("Failed to fetch", "Could not connect", "dns error", "timed out")

pytestmark = pytest.mark.network


def resolve(python, *also, extra=None, resolution="highest") -> dict:
    """The versions that uv picks for that Python; `also` are requirements of the user's own."""
    uv = shutil.which(os.environ.get("UV", "uv")) or shutil.which(ROOT / ".uv" / "bin" / "uv")
    if uv is None:
        pytest.skip("uv is not there: make resolve installs it")
    extras = ["--extra", extra] if extra else []
    run = subprocess.run(
        [uv, "pip", "compile", "pyproject.toml", "-", *LIKE_THE_MAKEFILE, *extras]
        + ["--python", sys.executable, "--python-version", python, "--resolution", resolution],
        cwd=ROOT,
        input="\n".join(also),
        capture_output=True,
        text=True,
        env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"},
    )
    if any(words in run.stderr for words in OFFLINE):
        pytest.skip(f"no package index here: {run.stderr.splitlines()[0]}")
    assert run.returncode == 0, run.stderr
    pinned = [Requirement(line) for line in run.stdout.splitlines() if line[:1].isalnum()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pinned}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("torch", ["2.4", "2.5", "newest"])
def test_the_package_fits_beside_a_torch_that_is_kept(python, torch):
    if (python, torch) == ("3.13", "2.4"):
        pytest.skip("torch 2.4 was not made for Python 3.13")
    versions = resolve(python, *[f"torch=={torch}.*"] * (torch != "newest"))
    assert torch == "newest" or versions["torch"].startswith(torch)
    assert "torchvision" not in versions


@pytest.mark.parametrize("extra", ["book", "test", "log", "export", "bench"])
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_each_extra_can_be_installed(python, extra):
    resolve(python, extra=extra)


def test_torchvisions_extra_takes_the_torch_that_it_says():
    assert resolve("3.11", "torch==2.6.*", extra="torchvision")["torch"].startswith("2.6")


def test_the_lower_bounds_can_be_had_together():
    versions = resolve("3.11", resolution="lowest-direct")
    assert versions["torch"].startswith("2.4") and versions["numpy"].startswith("1.26")
