"""The order of the house: what may import what, and the form of names and docstrings."""

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

import unet_book

HERE = Path(unet_book.__file__).parent
IDEAS = sorted(path for path in HERE.rglob("*.py") if HERE / "pages" not in path.parents)
DOOR = HERE / "cli"  # the command line opens both shelves

# A module's `__all__` lists its public names: those that other modules and the chapters work
# with. They stand there in the module's own order, which the API page keeps. Every other function
# or class at module level is underscored. (A chapter may show the source of one of these, and a
# test may break one.) All parameters and results are annotated, and the docstring of what is
# public has numpydoc's form and agrees with the annotations.
MODULES = {
    path.relative_to(HERE): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(HERE.rglob("*.py"))
}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
SPOKEN = {
    "Array": {"ndarray", "tensor"},
    "ArrayLike": {"array_like"},
    "Counts": {"tuple"},
    "Resolution": {"tuple"},
    "Seed": {"int", "sequence"},
}


# ---- what may import what


def imports(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", IDEAS, ids=lambda path: str(path.relative_to(HERE)))
def test_no_idea_needs_a_page(path):
    if DOOR not in path.parents:
        assert [name for name in imports(path) if "pages" in name.split(".")] == []


def test_the_command_line_needs_pages_for_one_command_only():
    for path in DOOR.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [ast.unparse(node) for node in tree.body if isinstance(node, ast.ImportFrom)]
        assert not any("pages" in line for line in top)


# ---- names


def public(tree):
    """The names in a module's `__all__`."""
    for line in tree.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__":
            return ast.literal_eval(line.value)
    return []


def misnamed(tree):
    """Functions and classes neither public nor underscored, or both; and constants in `__all__`."""
    defined = [node.name for node in tree.body if isinstance(node, FUNCTION | ast.ClassDef)]
    constants = [name for name in public(tree) if name.isupper()]  # the API page has none
    return constants + [name for name in defined if name.startswith("_") == (name in public(tree))]


def disordered(tree):
    """The functions and classes of `__all__`, unless they stand there in the module's own order."""
    defined = [node.name for node in tree.body if isinstance(node, FUNCTION | ast.ClassDef)]
    own = [name for name in public(tree) if name in defined]
    return own if own != sorted(own, key=defined.index) else []


# ---- annotations


def parameters(function):
    """The parameters of a function, stars included, and their annotations."""
    a = function.args
    found = {p.arg: p.annotation for p in (*a.posonlyargs, *a.args)}
    found |= {f"*{a.vararg.arg}": a.vararg.annotation} if a.vararg else {}
    found |= {p.arg: p.annotation for p in a.kwonlyargs}
    found |= {f"**{a.kwarg.arg}": a.kwarg.annotation} if a.kwarg else {}
    return {name: kind for name, kind in found.items() if name not in ("self", "cls")}


def unannotated(tree):
    """Functions, nested ones and methods, too, that leave a parameter or the result open."""
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]
    return [f.name for f in functions if None in (*parameters(f).values(), f.returns)]


# ---- docstrings


def documented(tree):
    """Each public function, class and method, with its parameters and its result."""
    for node in [node for node in tree.body if getattr(node, "name", None) in public(tree)]:
        if isinstance(node, FUNCTION):
            yield node, parameters(node), node.returns
            continue
        methods = {line.name: line for line in node.body if isinstance(line, FUNCTION)}
        fields = [line for line in node.body if isinstance(line, ast.AnnAssign)]
        own = {line.target.id: line.annotation for line in fields}
        yield node, parameters(methods["__init__"]) if "__init__" in methods else own, None
        for name, method in methods.items():
            if not name.startswith("_") and not is_property(method):
                yield method, parameters(method), method.returns


def is_property(method):
    return "property" in map(ast.unparse, method.decorator_list)


def sections(docstring):
    """What stands under each heading of a docstring; before the first one the heading is empty."""
    before, *rest = re.split(r"^(\w+)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return {"": before} | dict(zip(rest[::2], rest[1::2]))


def entries(section):
    """The entries of a section: each name and its type."""
    heads = re.findall(r"^(\S.*?)(?: : (.*))?$", section, flags=re.MULTILINE)
    return {name: kind for names, kind in heads for name in names.split(", ")}


def words(annotation):
    """The words that a docstring uses for an annotation."""
    if isinstance(annotation, ast.Subscript):
        outer = words(annotation.value)
        return outer if outer == {"callable"} else outer | words(annotation.slice)
    if isinstance(annotation, ast.BinOp | ast.Tuple):
        parts = getattr(annotation, "elts", None) or [annotation.left, annotation.right]
        return set().union(*map(words, parts))
    name = ast.unparse(annotation).strip("'").rpartition(".")[2]
    return SPOKEN.get(name, set() if name in ("None", "") else {name.lower()})


def agree(annotation, kind):
    """Whether the type in a docstring says what the annotation says; of a choice, each is a str."""
    said = re.sub(r'"[^"]*"', "str", kind).lower()
    return annotation is not None and words(annotation) <= set(re.findall(r"\w+", said))


def results(section):
    """The types in a section of results; several, each with a name, are a tuple."""
    heads = re.findall(r"^\S.*", section, flags=re.MULTILINE)
    return " ".join(["tuple"] * (len(heads) > 1) + heads)


def errors(node):
    """What a function raises; of a class, what making one raises."""
    made = [node] if isinstance(node, FUNCTION) else []
    for line in node.body:
        made += [line] if getattr(line, "name", "") in ("__init__", "__post_init__") else []
    raised = [line.exc for part in made for line in ast.walk(part) if isinstance(line, ast.Raise)]
    return {ast.unparse(getattr(error, "func", error)) for error in raised if error}


def faults(node, given, result):
    """What a docstring doesn't say, or says otherwise than the signature or the code."""
    found = sections(ast.get_docstring(node) or "")
    if not re.fullmatch(r"[^\n]+[.?](\n\n.+)?", found[""].strip(), flags=re.DOTALL):
        yield "its first paragraph is a sentence on one line"
    kinds = entries(found.get("Parameters", ""))
    if [*kinds] != [*given]:
        yield f"Parameters are {', '.join(given) or 'none'}"
    for name in kinds.keys() & given.keys():
        if not agree(given[name], kinds[name]):
            yield f"{name} is another type than '{kinds[name]}'"
    if "Yields" in found:
        result = result.slice  # of Iterator
    said = results(found.get("Returns") or found.get("Yields") or "")
    nothing = result is None or ast.unparse(result) in ("None", "Iterator[None]")
    if bool(said) == nothing or said and not agree(result, said):
        yield f"the result is another type than '{said}'"
    if not errors(node) <= {*entries(found.get("Raises", ""))}:
        yield "Raises leaves an error out"
    if any(">>>" in text for title, text in found.items() if title != "Examples"):
        yield "an example stands under no heading Examples"


def misdocumented(tree):
    """The faults of all docstrings of public functions, classes and methods."""
    return [
        f"{node.name}: {fault}"
        for node, *types in documented(tree)
        for fault in faults(node, *types)
    ]


RULES = {
    "names": misnamed,
    "order": disordered,
    "annotations": unannotated,
    "docstrings": misdocumented,
}


@pytest.mark.parametrize("rule", RULES)
def test_names_annotations_and_docstrings_have_one_form(rule):
    found = {str(path): RULES[rule](tree) for path, tree in MODULES.items()}
    assert {path: names for path, names in found.items() if names} == {}


FUNCTION_WITH = """
__all__ = ["f"]
def f(a: {a}) -> {result}:
    '''Say it.

    Parameters
    ----------
    a : {kind}
        What it is.

    Returns
    -------
    {said}
    '''
    {body}
"""


@pytest.mark.parametrize(
    "change, faults",
    [
        ({}, []),
        ({"kind": '{"x", "y"}'}, []),
        ({"kind": "int"}, ["f: a is another type than 'int'"]),
        ({"result": "float"}, ["f: the result is another type than 'int'"]),
        ({"result": "tuple[int, str]", "said": "x : int\n    y : str"}, []),
        ({"said": "x : int\n    y : int", "result": "tuple[int, str]"}, None),
        ({"body": "raise ValueError(a)"}, ["f: Raises leaves an error out"]),
    ],
)
def test_the_rule_of_docstrings_sees_what_does_not_agree(change, faults):
    usual = {"a": "str", "result": "int", "kind": "str", "said": "int", "body": "return 1"}
    found = misdocumented(ast.parse(FUNCTION_WITH.format(**usual | change)))
    assert found == faults if faults is not None else len(found) == 1


# ---- examples

EXAMPLES = [path for path in MODULES if ">>>" in (HERE / path).read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", EXAMPLES, ids=str)
def test_examples_in_docstrings_hold(path):
    dotted = ".".join(["unet_book", *path.with_suffix("").parts]).removesuffix(".__init__")
    failed, _ = doctest.testmod(importlib.import_module(dotted))
    assert not failed
