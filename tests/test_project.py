"""What the project's files say of each other: environments, addresses, notebooks, the wheel."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
BENCH_LOCK = (ROOT / "benchmarks" / "requirements.lock").read_text(encoding="utf-8")
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
REPOSITORY = CONFIG["repository"]["url"]
SLUG = REPOSITORY.removeprefix("https://github.com/")
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))

MEBIBYTE = 2**20
LARGE_FILES = set()  # paths of files over 2 MiB that are meant to be here

INSTALL_CELL = f"""\
import importlib.util, os
if importlib.util.find_spec("unet_book") is None:  # on Colab: install it, and leave torch as it is
    %pip install --quiet {{os.environ.get("UNET_BOOK_SOURCE", "git+{REPOSITORY}")}}"""


# ---- environments


def requirements(without=("bench", "log", "export")):
    """The requirements of the package and of its extras, as pyproject.toml has them."""
    extras = PROJECT["optional-dependencies"].items()
    chosen = [lines for name, lines in extras if name not in without]
    return [Requirement(line) for line in sum(chosen, PROJECT["dependencies"])]


def bounds(requirement_list):
    return {canonicalize_name(r.name): r.specifier for r in requirement_list}


def lock_entries(lock):
    """The lock's blocks, one for each pin: its first line, and the hashes below it."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return [(block.splitlines()[0].rstrip(" \\"), block) for block in blocks if block]


def pins(lock):
    """Name -> versions; more than one where the version depends on the Python version."""
    found = {}
    for line, _ in lock_entries(lock):
        requirement = Requirement(line)
        (version,) = [s.version for s in requirement.specifier]
        found.setdefault(canonicalize_name(requirement.name), []).append(Version(version))
    return found


def check_pin(lock, requirement):
    versions = pins(lock).get(canonicalize_name(requirement.name), [])
    assert versions, f"{requirement.name} has no pin: run make lock"
    wrong = [str(v) for v in versions if v not in requirement.specifier]
    assert not wrong, f"the lock pins {requirement.name} {wrong}, outside {requirement}"


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_lock_satisfies_every_requirement(requirement):
    check_pin(LOCK, requirement)


@pytest.mark.parametrize(
    "requirement",
    requirements(without=("book", "test", "log", "rois", "torchvision", "export")),
    ids=str,
)
def test_bench_lock_satisfies_the_bench_extra(requirement):
    check_pin(BENCH_LOCK, requirement)


def test_bench_lock_agrees_with_the_lock():
    main, bench = pins(LOCK), pins(BENCH_LOCK)
    shared = main.keys() & bench.keys()
    assert shared and {n: bench[n] for n in shared} == {n: main[n] for n in shared}
    extra = bounds(map(Requirement, PROJECT["optional-dependencies"]["bench"]))
    assert extra and not extra.keys() & main.keys(), "all install what only the benchmark needs"


@pytest.mark.parametrize("lock, least", [(LOCK, 100), (BENCH_LOCK, 30)], ids=["main", "bench"])
def test_every_pin_has_hashes(lock, least):
    bare = [line for line, block in lock_entries(lock) if "--hash=sha256:" not in block]
    assert len(lock_entries(lock)) > least and not bare


@pytest.mark.parametrize("lock", [LOCK, BENCH_LOCK], ids=["main", "bench"])
def test_lock_names_no_host(lock):
    assert not re.search(r"://|--index|--extra-index|--find-links|\bfile:", lock)


def test_conda_environment_has_the_same_packages_and_bounds():
    (by_pip,) = [d["pip"] for d in CONDA["dependencies"] if isinstance(d, dict)]
    assert by_pip[-1] == "--editable ."
    named = [Requirement(line) for line in by_pip[:-1]]
    assert bounds(named) == bounds(requirements())
    assert len(named) == len(bounds(named)), "a package is named twice"


def test_python_version_is_the_same_everywhere():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f"python>={oldest}" in CONDA["dependencies"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^PYTHON\s*\?= >={re.escape(oldest)}$", makefile, re.MULTILINE)
    assert f"--python-version {oldest} " in makefile


# ---- what runs elsewhere


WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


def steps_of(job):
    return [step.get("uses") or step.get("run") for step in job["steps"]]


def test_actions_are_pinned_and_get_no_token_to_keep():
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                action = step.get("uses")
                assert action is None or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
                if action and action.startswith("actions/checkout"):
                    assert step["with"]["persist-credentials"] is False


def test_what_may_publish_runs_no_code_and_what_runs_code_may_not_publish():
    pages = WORKFLOWS["pages"]
    assert pages["permissions"] == {}
    build, deploy = pages["jobs"]["build"], pages["jobs"]["deploy"]
    assert build["permissions"] == {"contents": "read"} and "make book" in steps_of(build)
    assert deploy["permissions"] == {"pages": "write", "id-token": "write"}
    assert not any("run" in step or "checkout" in step["uses"] for step in deploy["steps"])


def test_uv_is_installed_by_its_hashes():
    pinned = (ROOT / "tools" / "uv.txt").read_text(encoding="utf-8")
    assert len(lock_entries(pinned)) == 1 and pinned.count("--hash=sha256:") > 5
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--require-hashes --requirement tools/uv.txt" in makefile


# ---- the address of the repository


def test_readme_names_the_repository_of_the_config():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert REPOSITORY in readme
    launched = re.findall(r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)", readme)
    assert set(launched) <= {SLUG}
    clones = re.findall(r"git clone (\S+)", readme)
    assert all(address.removesuffix(".git") == REPOSITORY for address in clones)


def test_readme_links_to_files_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    branch = CONFIG["repository"]["branch"]
    linked = re.findall(rf"{re.escape(SLUG)}/(?:blob|tree|raw)/{branch}/([^\s)\"'#]+)", readme)
    linked += [p for p in re.findall(r"\]\(([^)\s#]+)", readme) if "://" not in p]
    assert [path for path in linked if not (ROOT / path).exists()] == []


# ---- the package, as the README tells of it

PAPER = "unet sizes initialization loss weight_map elastic augmentation overlap_tile".split()


def sources(rooms):
    """The texts of the Python files of some rooms of the package."""
    for room in rooms:
        path = ROOT / "unet_book" / room
        files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
        yield from (file.read_text(encoding="utf-8") for file in files)


def lines_of_code(text):
    """How many lines are neither blank, nor a comment, nor of a docstring."""
    nodes = ast.walk(ast.parse(text))
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    docs = [node.body[0] for node in nodes if isinstance(node, kinds) and ast.get_docstring(node)]
    told = {number for doc in docs for number in range(doc.lineno, doc.end_lineno + 1)}
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        number not in told and bool(line.strip()) and not line.strip().startswith("#")
        for number, line in lines
    )


def test_what_a_line_of_code_is():
    text = '"""A module."""\n\n# why\ndef f():\n    """It\n\n    does."""\n    return """\na"""\n'
    assert lines_of_code(text) == 3


def test_readme_counts_the_lines_of_the_ideas():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.search(r"are ([\d,]+) lines of code.* it is ([\d,]+) \(([\d,]+) with", readme)
    rooms = [path.stem for path in (ROOT / "unet_book").iterdir() if path.suffix in ("", ".py")]
    ideas = [*sources(room for room in rooms if room not in ("pages", "__pycache__"))]
    found = [
        sum(map(lines_of_code, sources(PAPER))),
        sum(map(lines_of_code, ideas)),
        sum(len(text.splitlines()) for text in ideas),
    ]
    numbers = [int(number.replace(",", "")) for number in told.groups()]
    assert numbers == pytest.approx(found, rel=0.1)


def test_readme_names_every_room():
    layout = (ROOT / "README.md").read_text(encoding="utf-8").split("## Layout")[1]
    for shelf in (ROOT / "unet_book", ROOT / "unet_book" / "pages"):
        rooms = {path.stem for path in shelf.iterdir() if path.suffix in ("", ".py")}
        rooms = {room for room in rooms if not room.startswith("_")}
        assert rooms <= set(re.findall(r"\w+", layout.split("\ndata/")[0]))


# ---- notebooks


def notebook(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path):
    return [cell for cell in notebook(path)["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def texts(cell):
    """Everything in a cell's outputs that is text."""
    for output in cell["outputs"]:
        yield "".join(output.get("text", []))
        for kind, content in output.get("data", {}).items():
            if not kind.startswith("image/p"):
                yield content if isinstance(content, str) else "".join(map(str, content))


def marked(cell, word):
    """Whether nbval is told `word` ("skip", "ignore-output") by a tag or by a comment."""
    comment = word.replace("-", "_")
    tags = [tag.lower() for tag in cell["metadata"].get("tags", [])]
    return f"nbval-{word}" in tags or bool(
        re.search(rf"#\s*(NBVAL|PYTEST_VALIDATE)_{comment}", source(cell), re.IGNORECASE)
    )


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def test_every_notebook_is_in_the_book():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert NOTEBOOKS and all(f"book/{path.stem}\n" in toc for path in NOTEBOOKS)


@each_notebook
def test_first_cell_installs_from_the_repository_of_the_config(path):
    assert source(code_cells(path)[0]) == INSTALL_CELL


@each_notebook
def test_every_cell_was_run_in_order_and_none_failed(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for cell in cells for o in cell["outputs"] if o["output_type"] == "error"]


@each_notebook
def test_outputs_are_compared(path):
    cells = code_cells(path)
    assert not any(marked(cell, "skip") for cell in cells)
    assert 10 * sum(marked(cell, "ignore-output") for cell in cells) <= len(cells)


FIGURE = '<div class="panels"'


@each_notebook
def test_every_picture_has_alt_text(path):
    for cell in code_cells(path):
        data = [output.get("data", {}) for output in cell["outputs"]]
        assert not any("image/png" in found for found in data), "figures are made by plots"
        if any("".join(found.get("text/html", "")).startswith(FIGURE) for found in data):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 4, f"alt text says what is to be seen: {source(cell)}"


@each_notebook
def test_outputs_hold_on_another_machine(path):
    address = re.compile(r"\b0x[0-9a-fA-F]{6,}")
    folders = "home|root|Users|tmp|work|content|usr|opt|var|mnt|private"
    folder = re.compile(rf"(?<![\w.:/<])/({folders})/|\b[A-Z]:\\")
    for cell in code_cells(path):
        for text in texts(cell):
            assert not address.search(text), f"an object's address in the output of: {source(cell)}"
            assert not folder.search(text), f"an absolute path in the output of: {source(cell)}"


@each_notebook
def test_metadata_is_what_make_execute_leaves(path):
    metadata = notebook(path)["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert "version" not in metadata["language_info"] and "widgets" not in metadata
    for cell in notebook(path)["cells"]:
        assert set(cell["metadata"]) <= {"tags", "mystnb"}, "run make execute"


# ---- files and the wheel


def tracked_files():
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def test_no_large_file():
    large = {
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.is_file() and path.stat().st_size > 2 * MEBIBYTE
    }
    assert large <= LARGE_FILES


@pytest.fixture(scope="module")
def wheel_folder(tmp_path_factory):
    """The wheel of this tree, unpacked into a folder of its own as an install would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_wheel_carries_all_of_data(wheel_folder):
    carried = (ROOT / "data", ROOT / "benchmarks" / "results")
    data = [path for path in tracked_files() if any(map(path.is_relative_to, carried))]
    assert data
    for path in filter(Path.exists, data):
        inside = wheel_folder / "unet_book" / path.relative_to(ROOT)
        assert inside.read_bytes() == path.read_bytes()


ELSEWHERE = """
import importlib, json, pkgutil, sys
import unet_book, unet_book.training

torchvision = "torchvision" in sys.modules
for room in pkgutil.walk_packages(unet_book.__path__, "unet_book."):  # numba looks for a cache here
    if not room.name.startswith("unet_book.pages"):
        importlib.import_module(room.name)

from unet_book import datasets
from unet_book.pages import claims, records

records.run("skips"), records.benchmark("network")
images = datasets.load("nuclei").images
print(json.dumps([unet_book.__file__, torchvision, str(images.dtype), len(claims.CLAIMS)]))
"""

# Without its powers root may write no more than another user.
POWERLESS = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]


@pytest.fixture(scope="module")
def read_only(wheel_folder):
    """The wheel's folder, while nobody may write there; root must be without its powers."""
    places = [wheel_folder.parent, *wheel_folder.parent.rglob("*")]
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield wheel_folder
    for path in places:
        path.chmod(0o755)


@pytest.fixture(scope="module")
def elsewhere(read_only):
    """What a program says that has the wheel alone: no checkout, no home, no place to write."""
    as_root = hasattr(os, "getuid") and os.getuid() == 0
    before = POWERLESS if as_root and shutil.which("setpriv") else []
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(read_only),
        "HOME": str(read_only / "no-home"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    run = subprocess.run(
        [*before, sys.executable, "-c", ELSEWHERE],
        cwd=read_only.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    return run, as_root and not before


def test_wheel_alone_finds_its_data(elsewhere, read_only):
    """As on Colab: no checkout in sight, another working directory, nothing from outside."""
    run, _ = elsewhere
    assert run.returncode == 0, run.stderr
    file, _, dtype, claims = json.loads(run.stdout)
    assert Path(file).is_relative_to(read_only) and dtype == "float32" and claims > 100


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
def test_it_works_from_a_read_only_place_for_somebody_without_a_home(elsewhere, read_only):
    run, with_powers = elsewhere
    if with_powers:
        pytest.skip("root writes everywhere, and there is no setpriv")
    assert run.returncode == 0, run.stderr
    assert not [path for path in read_only.rglob("__pycache__")]


def test_training_does_not_import_torchvision(elsewhere):
    run, _ = elsewhere
    assert json.loads(run.stdout)[1] is False


def test_readme_shows_what_the_chapter_computed():
    sys.path.insert(0, str(ROOT / "tools"))
    import readme_picture

    shown = np.asarray(Image.open(readme_picture.PICTURE))
    assert np.array_equal(shown, readme_picture.side_by_side(readme_picture.stored_panels()))


def test_an_output_changed_by_hand_is_noticed(tmp_path):
    for name, stored in [("kept", "5\n"), ("changed", "6\n")]:
        cell = nbformat.v4.new_code_cell("print(2 + 3)", execution_count=1)
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
        notebook = nbformat.v4.new_notebook(cells=[cell])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rpf", tmp_path]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "PASSED kept.ipynb::Cell 0" in run.stdout, run.stdout
    assert "FAILED changed.ipynb::Cell 0" in run.stdout, run.stdout
