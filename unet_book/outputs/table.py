"""The cells of all images in one table, a row a cell: CSV as spreadsheets, R and pandas read it.

Commas between the columns, points in the numbers, whatever the country; numbers in full. Where a
pixel's size is not known, the columns in micrometers are empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType

from unet_book._files import replacing
from unet_book.outputs.frames import Frame, Origin
from unet_book.outputs.measures import COLUMNS, measure, pixel_size

__all__ = ["Table", "csv_line"]

HEADER = ("image", "frame", *COLUMNS)
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # file names may be any bytes


class Table:
    """One table for many images, written while they are done.

    ``with Table(path) as table:`` and then ``with table.image(name, origin) as add:`` for each. It
    takes its place at the end, even if an error or a key ended the work: then with the images that
    were done. An older table's rows of images that were not done now are kept, so that the table
    tells of all results beside it.

    Parameters
    ----------
    path : str or PathLike
        Where it goes.
    """

    def __init__(self, path: str | PathLike) -> None:
        self.path = Path(path)
        self.done = set()
        self._opened = replacing(self.path)

    def __enter__(self) -> Table:
        self._file = self._opened.__enter__()
        self._file.write(csv_line(HEADER))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for row in self._older():
            self._file.write(csv_line(row))
        self._opened.__exit__(None, None, None)

    @contextmanager
    def image(self, name: str, origin: Origin) -> Iterator[Callable[[Frame], None]]:
        """The rows of one image, which count only if all of it is done.

        Parameters
        ----------
        name : str
            What the image is called.
        origin : Origin
            Its file.

        Yields
        ------
        callable
            Takes the frames in turn.
        """
        begin, size = self._file.tell(), pixel_size(origin.resolution)

        def add(frame: Frame) -> None:
            found = measure(frame.labels, frame.image, size)
            columns = [found[name].tolist() if name in found else None for name in COLUMNS]
            for i in range(len(found["cell"])):
                cell = (column[i] if column else "" for column in columns)
                self._file.write(csv_line([name, frame.number, *cell]))

        try:
            yield add
            self.done.add(name)
        except BaseException:
            self._file.seek(begin)
            self._file.truncate()
            raise

    def _older(self) -> Iterator[list[str]]:
        """The rows of the table that is there, of images that were not done now."""
        if self.path.exists():
            with open(self.path, newline="", **ENCODING) as file:
                rows = csv.reader(file)
                next(rows)
                yield from (row for row in rows if row and row[0] not in self.done)


def csv_line(values: Sequence[object]) -> bytes:
    """One line of a CSV file.

    Parameters
    ----------
    values : sequence of object
        Texts and numbers; a number gets as many digits as it needs to be read back unchanged.

    Returns
    -------
    bytes
        With its end.

    Examples
    --------
    >>> csv_line(["a, b", 3, 0.1, 2.0])
    b'"a, b",3,0.1,2\\n'
    """
    line = io.StringIO()
    said = [repr(v).removesuffix(".0") if isinstance(v, float) else v for v in values]
    csv.writer(line, lineterminator="\n").writerow(said)
    return line.getvalue().encode(**ENCODING)
