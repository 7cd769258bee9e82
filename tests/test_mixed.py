"""The fourteen images of data/mixed: cut as the README tells, and seen by the recorded run."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_book import datasets
from unet_book.datasets.masks import pieces
from unet_book.instances import Rule, choose_rule, find_cells, score
from unet_book.pages import records

ROOT = Path(__file__).parent.parent
FOLDER = datasets.data_folder() / "mixed"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tools")]
import mixed  # noqa: E402
import mixed_images  # noqa: E402


def read(path):
    return np.asarray(Image.open(path))


@pytest.fixture(scope="module")
def stack():
    return datasets.load(FOLDER, "all")


@pytest.fixture(scope="module")
def record():
    return records.run("mixed")


# ---- the files


def test_they_are_small_images_of_different_sizes(stack):
    assert stack.names == [f"field{number:02}" for number in range(1, 15)]
    shapes = [image.shape for image in stack.images]
    assert len(set(shapes)) == 14 and min(map(min, shapes)) >= 96 and max(map(max, shapes)) <= 256
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.*")) < 600_000
    types = {
        kind: {read(p).dtype for p in (FOLDER / kind).iterdir()} for kind in ("images", "masks")
    }
    assert types == {"images": {np.dtype(np.uint8)}, "masks": {np.dtype(np.uint16)}}


def test_nuclei_are_numbered_without_gaps_and_cut_at_the_edge(stack):
    for labels in stack.labels:
        assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    cut = sum(len(set(np.r_[m[0], m[-1], m[:, 0], m[:, -1]]) - {0}) for m in stack.labels)
    assert cut > 50


def touching(labels):
    """The cells that have a side in common with another."""
    found = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        found |= set(a[(a != b) & (a > 0) & (b > 0)]) | set(b[(a != b) & (a > 0) & (b > 0)])
    return found


def test_the_readme_tells_what_is_there(stack):
    lines = re.findall(r"^\| `field.*", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    told = [[cell.strip() for cell in line.strip("|").split("|")][:7] for line in lines]
    found = []
    for name, labels in zip(stack.names, stack.labels):
        crop, gray = mixed_images.CROPS[name], read(FOLDER / "images" / f"{name}.png")
        found.append(
            [
                f"`{name}`",
                f"`{crop.origin}`",
                f"{crop.top}, {crop.left}",
                "{} x {}".format(*labels.shape),
                str(labels.max()),
                str(len(touching(labels))),
                f"{np.median(gray):.0f}, {int(np.percentile(gray, 99.8))}",
            ]
        )
    assert told == found


# ---- the script


def test_a_part_is_cut_and_its_nuclei_are_numbered_anew(tmp_path):
    for kind, pixels in drawn().items():
        (tmp_path / "from" / kind).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "from" / kind / "a.png")
    crops = {"one": mixed_images.Crop("a", 1, 2, 2, 3)}
    for turn in ("first", "second"):
        mixed_images.write(tmp_path / "from", tmp_path / turn, crops)
    assert read(tmp_path / "first/images/one.png").tolist() == [[12, 13, 14], [22, 23, 24]]
    mask = read(tmp_path / "first/masks/one.png")
    assert mask.tolist() == [[0, 1, 1], [2, 0, 3]] and mask.dtype == np.uint16
    for kind in ("images", "masks"):
        first, second = (tmp_path / turn / kind / "one.png" for turn in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    outside = mixed_images.Crop("a", 1, 2, 9, 3)
    with pytest.raises(ValueError, match=r"a: no \(9, 3\) pixels at \(1, 2\)"):
        mixed_images.cut(tmp_path / "from", outside)


def drawn():
    """Gray values that say their place, and a mask whose numbers have gaps."""
    rows, columns = np.mgrid[:4, :6]
    mask = np.zeros((4, 6), np.uint16)
    mask[0], mask[1, 3:], mask[2, :3], mask[2, 4] = 2, 5, 300, 700
    return {"images": (10 * rows + columns).astype(np.uint8), "masks": mask}


def test_the_originals_give_these_files(stack):
    origin = Path(os.environ.get("UNET_BOOK_DATA", "")) / "dsb2018"
    if not (origin / "images").is_dir():
        pytest.skip("UNET_BOOK_DATA holds no dsb2018")
    for name, crop in mixed_images.CROPS.items():
        for kind, pixels in zip(("images", "masks"), mixed_images.cut(origin, crop)):
            assert np.array_equal(pixels, read(FOLDER / kind / f"{name}.png")), (name, kind)


def test_no_cut_leaves_a_nucleus_in_two(stack):
    """Pieces of one number that only the edge parts would be one nucleus to nobody."""
    for name, labels in zip(stack.names, stack.labels):
        counts = [
            len(np.unique(pieces(labels * (labels == n)))) - 1 for n in range(1, labels.max() + 1)
        ]
        assert sum(count > 1 for count in counts) <= (name == "field10")  # over a corner only


# ---- the recorded run


def test_the_record_has_the_maps_of_the_images_that_were_held_out(stack, record):
    assert record["train"] + record["held_out"] == stack.names and len(record["held_out"]) == 4
    assert record["preset"]["steps"] == mixed.STEPS and record["seconds"] > 0
    assert "-dirty" not in record["revision"]
    maps = [records.picture(record["pictures"][name]) for name in record["held_out"]]
    assert [answer.shape for answer in maps] == [image.shape for image in stack.images[10:]]


def test_its_rules_score_what_it_says(stack, record):
    held_out = stack[10:]
    maps = [records.picture(record["pictures"][name]) for name in held_out.names]
    chosen = choose_rule(maps, held_out.labels, stack.labels).rule
    assert chosen == Rule(**record["rules"]["chosen"]["rule"])
    assert Rule(**record["rules"]["plain"]["rule"]) == Rule()
    for told in record["rules"].values():
        rule = Rule(**told["rule"])
        again = mixed.scores(held_out, [np.rint(255 * m).astype(np.uint8) for m in maps], rule)
        assert again == {part: told[part] for part in ("all", "images")}
        found = [find_cells(answer, rule) for answer in maps]
        assert told["all"]["score"] == round(score(held_out.labels, found), 4)


def test_the_rule_parts_what_a_threshold_merges(record):
    plain, chosen = (record["rules"][name] for name in ("plain", "chosen"))
    assert chosen["rule"]["core"] or chosen["rule"]["waist"]
    assert plain["all"]["merged"] > chosen["all"]["merged"]
    assert chosen["all"]["f1"] > plain["all"]["f1"] + 0.02


def test_the_script_trains_chooses_and_records(monkeypatch, stack):
    monkeypatch.setattr(mixed, "fit", fit_at_once)
    figures = mixed.trained(stack[:10], stack[10:12], (1, 99.8), 0, 7)
    assert figures["preset"]["steps"] == 7 and figures["held_out"] == ["field11", "field12"]
    assert [*figures["rules"]["plain"]["images"]] == ["field11", "field12"]
    answer = records.picture(figures["pictures"]["field11"])
    np.testing.assert_allclose(answer, stack.images[10], atol=0.5 / 255 + 1e-6)


def fit_at_once(data, held_out, preset, percentiles, **how):
    """A fit whose network answers with the image."""
    from types import SimpleNamespace

    return SimpleNamespace(probabilities=held_out.images, result=SimpleNamespace(history=[]))
