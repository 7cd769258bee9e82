"""The ledger as a reader sees it: a table of claims, of which one may choose those to look at."""

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
  --open: color-mix(in srgb, currentColor 76%, transparent); }
.ledger table { border-collapse: collapse; display: table; line-height: 1.35; width: 100%; }
.ledger :is(th, td) { border: 0; font-weight: 400; padding: .5em .9em .5em 0; text-align: left;
  vertical-align: top; }
.ledger thead th { border-bottom: 1px solid; }
.ledger tbody tr { background: none; border-bottom: 1px solid
  color-mix(in srgb, currentColor 22%, transparent); }
.ledger tbody th { border-left: 5px solid var(--kind); padding-left: .8em; }
.ledger .yes { --kind: var(--yes); } .ledger .no { --kind: var(--no); }
.ledger .open { --kind: var(--open); } .ledger .verdict { color: var(--kind); font-weight: 700;
  white-space: nowrap; } .ledger code { overflow-wrap: normal; white-space: normal;
  word-break: normal; }
.ledger small { display: block; line-height: 1.4; }
.ledger td { font-variant-numeric: tabular-nums; }
.ledger tr:target { background: color-mix(in srgb, var(--kind) 14%, transparent); }
.ledger .counts { display: flex; flex-wrap: wrap; gap: .3em 2em; margin: 0 0 .6em; }
.ledger .filter { display: flex; flex-wrap: wrap; gap: .4em 1.5em; margin: 0; }
.ledger .filter select { color: inherit; background: transparent; font: inherit; padding: .2em; }
.ledger .filter option { color: #222832; background: #fff; }
.ledger [hidden] { display: none; }
@media (min-width: 760px) { .ledger table { table-layout: fixed; }
  .ledger thead th { width: 14%; } .ledger thead th:first-child { width: 42%; }
  .ledger thead th:nth-child(3) { width: 18%; } .ledger thead th:last-child { width: 26%; } }
@media (max-width: 759px) { .ledger thead { display: none; }
  .ledger tbody tr { display: grid; grid-template-columns: 1fr 1fr; border-left: 5px solid
    var(--kind); padding-left: .8em; } .ledger tbody th { border: 0; padding-left: 0; }
  .ledger :is(tbody th, td:last-child) { grid-column: 1 / -1; padding-bottom: .3em; }
  .ledger td { padding-top: 0; } }
</style>"""

# It hides what is not asked for in every table of the page; a page without scripts shows all.
FILTER = """<script>
(() => {
  const bar = document.currentScript.closest(".ledger").querySelector(".filter");
  const said = bar.querySelector("output"), wanted = bar.querySelectorAll("select");
  const apply = () => {
    const rows = [...document.querySelectorAll(".ledger tbody tr")];
    for (const row of rows)
      row.hidden = [...wanted].some(one => one.value && row.dataset[one.name] !== one.value);
    for (const table of document.querySelectorAll(".ledger table"))
      table.hidden = !table.querySelector("tbody tr:not([hidden])");
    said.value = `${rows.filter(row => !row.hidden).length} of ${rows.length} claims`;
  };
  bar.hidden = false;
  bar.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
})();
</script>"""

HEADS = ("claim", "asked", "found", "shown and checked")


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
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in HEADS)
    return _html(
        f'<table role="table">\n<thead><tr role="row">{heads}</tr></thead>\n'
        f"<tbody>{''.join(map(_row, findings))}\n</tbody>\n</table>"
    )


def counts(findings: list[Finding]) -> HTML:
    """How many claims have which verdict, on a page, and the choice of those that it shows.

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
    chapters = sorted({finding.claim.chapter for finding in findings})
    verdicts = _choice("verdict", {kind: verdict for verdict, kind in KINDS.items()})
    places = _choice("chapter", {str(chapter): _place(chapter) for chapter in chapters})
    bar = f'<p class="filter" hidden>Show {verdicts}{places}<output></output></p>'
    return _html(f'<p class="counts">{total}{said}</p>\n{bar}\n{FILTER}')


def _choice(name: str, values: dict[str, str]) -> str:
    """A list of values to choose one from, or all."""
    options = "".join(f'<option value="{value}">{said}</option>' for value, said in values.items())
    label = f'aria-label="{name}"'
    return f'<select name="{name}" {label}><option value="">any {name}</option>{options}</select>'


def _html(body: str) -> HTML:
    """A part of the ledger with its style."""
    return HTML(f'<div class="explorer ledger">\n{STYLE}\n{body}\n</div>')


def _row(finding: Finding) -> str:
    """A finding as a row of a table."""
    claim, kind = finding.claim, KINDS[finding.verdict]
    reason = f"<small>{html.escape(claim.reason)}</small>" if claim.reason else ""
    asked, value = map(html.escape, _numbers(finding))
    return (
        f'\n<tr role="row" id="claim-{claim.key}" class="{kind}" data-verdict="{kind}" '
        f'data-chapter="{claim.chapter}">'
        f'<th scope="row" role="rowheader">{html.escape(claim.says)}{reason}</th>'
        f'<td role="cell">{asked}</td>'
        f'<td role="cell"><span class="verdict">{finding.verdict}</span>'
        f"{value and f'<small>{value}</small>'}</td>"
        f'<td role="cell"><small>{claim.section}. '
        f'<a href="{CHAPTERS[claim.chapter]}.html{_cell(claim)}">{_place(claim.chapter)}</a>, '
        f"<code>{_checker(claim.check)}</code></small></td></tr>"
    )


def _cell(claim: Claim) -> str:
    """The place in its chapter that checks a claim, where that is a cell of it."""
    file, _, name = claim.check.partition("#")
    return f"#cell-{name}" if name and CHAPTERS[claim.chapter] in file else ""


def _place(chapter: int) -> str:
    """What a link to a chapter says."""
    return f"chapter {chapter}" if chapter else "the first page"


def _numbers(finding: Finding) -> tuple[str, str]:
    """What is expected and what is found; nothing for a design statement."""
    claim, asked, value = finding.claim, "", ""
    if claim.expected is not None:
        how = "" if claim.relation == "equals" else f"{claim.relation} "
        slack = f" ± {claim.tolerance:g}" if claim.tolerance else ""
        asked = f"{how}{_written(claim, claim.expected)}{slack}"
    if finding.value is not None:
        value = _written(claim, finding.value) + (claim.unit and f" {claim.unit}")
    return asked, value


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
    words = html.escape(f"{file.rpartition('/')[2]} {name}".strip())
    return words.replace("_", "_<wbr>")  # a long name is broken there, if anywhere
