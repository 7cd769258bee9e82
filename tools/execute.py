"""Run notebooks top to bottom in fresh kernels and store their outputs.

    python tools/execute.py book/*.ipynb

What differs from run to run without saying anything (times, kernel names, model ids of widgets, how
a stream was cut into pieces) is left out, so that running again without changes changes no file. A
notebook with a cell that fails is reported and keeps the outputs it had.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from number_chapters import chapters, numbered

TIMEOUT = 600  # seconds for one cell
NOTEBOOK_KEYS = {"mystnb", "accelerator", "colab"}
CELL_KEYS = {"tags", "mystnb"}
WIDGET = "application/vnd.jupyter.widget-view+json"


def keep(metadata: dict, keys: set[str]) -> dict:
    """Those entries of a notebook's or a cell's metadata, in order."""
    return {key: metadata[key] for key in sorted(keys & set(metadata))}


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """One output for stdout and one for stderr, wherever the kernel cut them."""
    joined, streams = [], {}
    for output in outputs:
        first = streams.get(output.get("name")) if output.output_type == "stream" else None
        if first is not None:
            first.text += output.text
            continue
        joined.append(output)
        if output.output_type == "stream":
            streams[output.name] = output
    return joined


def normalize(notebook: NotebookNode) -> NotebookNode:
    """Leave out of an executed notebook what another run would write differently."""
    notebook.metadata = {
        **keep(notebook.metadata, NOTEBOOK_KEYS),
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{number}")
        cell.metadata = keep(cell.metadata, CELL_KEYS)
        if cell.cell_type == "markdown":
            cell.source = numbered(cell.source, chapters())
        if cell.cell_type != "code":
            continue
        cell.outputs = join_streams(cell.outputs)
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET, None)  # its model lives only as long as the kernel
            if "metadata" in output:
                output.metadata = {}
    return nbformat.from_dict(notebook)


def store(notebook: NotebookNode, path: Path) -> str:
    """Replace the file in one step, and only if something changed."""
    text = nbformat.writes(notebook) + "\n"
    if text == path.read_text(encoding="utf-8"):
        return "unchanged"
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
    return "stored"


def execute(path: Path) -> str | None:
    """Run one notebook and store it; what went wrong, or None."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    print(f"{path} …", end=" ", flush=True)
    try:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=TIMEOUT,
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],  # else each kernel warns of its TCP ports
            resources={"metadata": {"path": str(path.parent)}},
        )
        client.execute()
    except (CellExecutionError, TimeoutError, RuntimeError) as error:
        print("failed; the stored notebook is as it was")
        return f"{path}:\n{error}"
    print(f"{store(normalize(notebook), path)} after {time.perf_counter() - start:.0f} s")
    return None


def main(paths: list[str]) -> None:
    """Run each; the exit status says whether all went well."""
    failures = [failure for path in paths if (failure := execute(Path(path)))]
    sys.exit("\n\n".join(failures) or None)


if __name__ == "__main__":
    main(sys.argv[1:])
