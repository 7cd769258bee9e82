"""The report of a training: one page that says how far its network can be trusted, and shows it.

It is a single HTML file that asks no network for anything: it can be kept beside the model, opened
years later, and sent to a colleague.
"""

from unet_book.report.page import check, write
from unet_book.report.verdict import Verdict

__all__ = ["Verdict", "check", "write"]
