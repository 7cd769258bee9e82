"""The ledger as a reader sees it: one claim below the other, on a phone as on a wide screen."""

import html
from collections import Counter

from IPython.display import HTML

from unet_book.pages.claims.claim import DIFFERS, REPRODUCED, UNTESTABLE, Claim, Finding

__all__ = ["page", "counts"]

CHAPTERS = {
    0: "00_before_you_start",
    1: "01_what_unet_answers",
    2: "02_data",
    3: "03_architecture",
    4: "04_initialization",
    5: "05_energy",
    6: "06_weight_map",
    7: "07_elastic_deformation",
    8: "08_overlap_tile",
    9: "09_training",
    10: "10_measuring",
    11: "11_results",
}
KINDS = {REPRODUCED: "yes", DIFFERS: "no", UNTESTABLE: "open"}

# The class "explorer" is the book's for what stands on the page itself, in light and in dark.
STYLE = """<style>
.ledger { --yes: color-mix(in srgb, #009E73 75%, currentColor);
  --no: color-mix(in srgb, #D55E00 80%, currentColor);
  --open: color-mix(in srgb, currentColor 60%, transparent); }
.ledger ul { list-style: none; margin: 0; padding: 0; }
.ledger li { border-left: 5px solid var(--kind); margin: 0 0 .9em; padding: .1em 0 .1em .8em;
  overflow-wrap: anywhere; }
.ledger .yes { --kind: var(--yes); } .ledger .no { --kind: var(--no); }
.ledger .open { --kind: var(--open); }
.ledger p { margin: 0 0 .15em; } .ledger .verdict { color: var(--kind); font-weight: 700; }
.ledger small { display: block; line-height: 1.4; }
.ledger .numbers { font-variant-numeric: tabular-nums; }
.ledger .counts { display: flex; flex-wrap: wrap; gap: .3em 2em; }
@media (min-width: 900px) { .ledger li { display: grid; grid-template-columns: 1fr 17em;
  column-gap: 1.5em; } .ledger li > div { min-width: 0; } }
</style>"""


def page(findings: list[Finding]) -> HTML:
    """Some findings on a page: what is claimed, expected, found, and where.

    Parameters
    ----------
    findings : list of Finding
        In the order of the page.

    Returns
    -------
    IPython.display.HTML
    """
    return _html("<ul>" + "".join(map(_item, findings)) + "</ul>")


def counts(findings: list[Finding]) -> HTML:
    """How many claims have which verdict, on a page.

    Parameters
    ----------
    findings : list of Finding
        What is counted.

    Returns
    -------
    IPython.display.HTML
    """
    found = Counter(finding.verdict for finding in findings)
    said = "".join(
        f'<span class="{kind}"><span class="verdict">{found[verdict]}</span> {verdict}</span>'
        for verdict, kind in KINDS.items()
    )
    total = f"<span><strong>{len(findings)}</strong> claims</span>"
    return _html(f'<p class="counts">{total}{said}</p>')


def _html(body: str) -> HTML:
    """A part of the ledger with its style."""
    return HTML(f'<div class="explorer ledger">\n{STYLE}\n{body}\n</div>')


def _item(finding: Finding) -> str:
    """A finding as an entry of a list."""
    claim = finding.claim
    reason = f"<small>{html.escape(claim.reason)}</small>" if claim.reason else ""
    return (
        f'\n<li id="claim-{claim.key}" class="{KINDS[finding.verdict]}">'
        f"<div><p>{html.escape(claim.says)}</p>{reason}</div>"
        f'<div><p class="verdict">{finding.verdict}</p>'
        f'<small class="numbers">{html.escape(_numbers(finding))}</small>'
        f"<small>{claim.section}. Shown in "
        f'<a href="{CHAPTERS[claim.chapter]}.html">{_place(claim.chapter)}</a>, '
        f"checked by <code>{_checker(claim.check)}</code></small></div></li>"
    )


def _place(chapter: int) -> str:
    """What a link to a chapter says."""
    return f"chapter {chapter}" if chapter else "the first page"


def _numbers(finding: Finding) -> str:
    """What is expected and what is found, in one line; nothing for a design statement."""
    claim, said = finding.claim, []
    if claim.expected is not None:
        how = "" if claim.relation == "equals" else f"{claim.relation} "
        slack = f" ± {claim.tolerance:g}" if claim.tolerance else ""
        said.append(f"asked: {how}{_written(claim, claim.expected)}{slack}")
    if finding.value is not None:
        unit = claim.unit and f" {claim.unit}"
        said.append(f"found: {_written(claim, finding.value)}{unit}")
    return "; ".join(said)


def _written(claim: Claim, value: object) -> str:
    """A value in the claim's own form."""
    if isinstance(value, tuple):
        between = " to " if claim.relation == "surely above" else ", "
        return between.join(_written(claim, part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else format(value, claim.form)


def _checker(check: str) -> str:
    """The check in few words: where it is, and its name."""
    file, _, name = check.partition("::" if "::" in check else "#")
    return html.escape(f"{file.rpartition('/')[2]} {name}".strip())
