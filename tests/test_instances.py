"""From probabilities to cells."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unet_book import datasets, instances
from unet_book.instances import Rule, choose_rule, find_cells

MAPS = arrays(np.float32, (9, 11), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9375, 1.0]))


@given(MAPS)
def test_the_plain_rule_is_the_parts_above_one_half_with_their_holes_filled(probability):
    cells, parts = find_cells(probability), datasets.instances(probability > 0.5)
    assert cells.dtype == np.int32 and cells.max() == parts.max()
    assert np.array_equal(cells[parts > 0], parts[parts > 0])


@given(MAPS, st.sampled_from([0.3, 0.6]), st.sampled_from([0.8, 0.95]))
def test_with_cores_there_are_as_many_cells_and_each_holds_its_core(probability, threshold, core):
    cells = find_cells(probability, Rule(threshold, core))
    cores = datasets.instances(probability > core)
    assert cells.max() == cores.max()
    for number in range(1, cores.max() + 1):
        inside = np.unique(cells[cores == number])
        assert inside.size == 1 and inside[0] > 0
    reached = datasets.instances(probability > threshold)
    with_core = np.isin(reached, np.unique(reached[cores > 0])) & (reached > 0)
    assert (cells[with_core] > 0).all()


@given(MAPS, st.sampled_from(instances._outlines(4.0)), st.integers(0, 2))
def test_every_cell_is_in_one_piece(probability, rule, grow):
    cells = find_cells(probability, replace(rule, grow=grow))
    for number in range(1, cells.max() + 1):
        assert datasets.instances(cells == number).max() == 1


def test_the_hole_of_a_cell_in_the_hole_of_another_is_its_own():
    mask = np.zeros((9, 9))
    mask[[0, -1]] = mask[:, [0, -1]] = mask[2:7, 2:7] = 1
    mask[4, 4] = 0
    expected = np.ones((9, 9), int)
    expected[2:7, 2:7] = 2
    assert np.array_equal(find_cells(mask), expected)


def lowest_place(heights, start):
    """Of each pixel how high the lowest place on the best way from `start` is, by relaxation."""
    best = np.where(start, np.inf, -1.0)
    while True:
        padded = np.pad(best, 1, constant_values=-1)
        beside = np.max(
            [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]], 0
        )
        new = np.where(heights < 0, -1, np.maximum(best, np.minimum(beside, heights)))
        if np.array_equal(new, best):
            return best
        best = new


@given(arrays(np.float64, (8, 9), elements=st.integers(0, 20).map(lambda n: n / 20)))
def test_a_pixel_goes_to_a_core_from_which_it_is_reached_over_the_highest_places(probability):
    rule = Rule(0.3, 0.8)
    cells, cores = find_cells(probability, rule), datasets.instances(probability > rule.core)
    reached = datasets.instances(probability > rule.threshold) > 0
    heights = np.where(reached, probability, -1)
    ways = {k: lowest_place(heights, cores == k) for k in range(1, cores.max() + 1)}
    for place in zip(*np.nonzero(reached & (cores == 0))):
        if any(way[place] >= 0 for way in ways.values()):
            assert ways[cells[place]][place] == max(way[place] for way in ways.values())


def joined():
    """Two cells and a thread between them, and a speck."""
    probability = np.zeros((20, 40), np.float32)
    probability[4:16, 4:16] = probability[4:16, 22:34] = 0.95
    probability[9:11, 16:22] = 0.7
    probability[18, 2:8] = 0.7
    return probability


def test_cores_part_what_a_thread_joins():
    assert find_cells(joined()).max() == 2
    cells = find_cells(joined(), Rule(core=0.9))
    assert cells.max() == 2 and not cells[18].any()
    assert (cells[4:16, 4:16] == 1).all() and (cells[4:16, 22:34] == 2).all()
    halves = cells[9, 16:22]
    assert np.array_equal(halves, np.sort(halves)) and len(set(halves)) == 2


def test_small_cells_go_and_the_others_are_numbered_anew():
    probability = np.zeros((9, 9))
    probability[0, 0], probability[2, :5], probability[5:8, 5:8] = 1, 1, 1
    probability[6, 6] = 0  # a hole, which counts once it is filled
    assert find_cells(probability).max() == 3
    cells = find_cells(probability, Rule(smallest=6))
    assert cells.max() == 1 and (cells == 1).sum() == 9
    assert find_cells(probability, Rule(smallest=5))[2, 0] == 1


def test_cells_grow_into_what_is_free_and_to_the_nearer_one():
    probability = np.zeros((5, 9))
    probability[1:4, 1:3] = probability[1:4, 5:8] = 1
    plain, grown = find_cells(probability), find_cells(probability, Rule(grow=1))
    assert np.array_equal(grown[plain > 0], plain[plain > 0])
    assert grown[2].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert grown[0, 0] == 0 and grown[0, 1] == 1  # the corner is the root of 2 away
    assert not find_cells(np.zeros((4, 4)), Rule(grow=2)).any()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"threshold": 0}, "threshold is above 0"),
        ({"threshold": float("nan")}, "threshold is above 0"),
        ({"core": 0.4}, "core is a probability from the threshold"),
        ({"core": 1}, "core is a probability"),
        ({"smallest": -1}, "smallest must be a whole number, 0 or more"),
        ({"grow": 1.5}, "grow must be a whole number"),
    ],
)
def test_a_rule_out_of_range_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Rule(**wrong)


@pytest.mark.parametrize("bad", [np.zeros(3), np.full((2, 2), np.nan), np.full((2, 2), 1.01)])
def test_what_is_no_map_of_probabilities_is_refused(bad):
    with pytest.raises(ValueError, match=r"probabilities are \(H, W\), from 0 to 1"):
        find_cells(bad)


def disks(rng, shape=(80, 90), count=12, radius=7):
    """Labels of disks that lie apart."""
    labels = np.zeros(shape, np.int32)
    y, x = np.indices(shape)
    for number in range(1, count + 1):
        for _ in range(100):
            row, column = rng.uniform(radius, np.array(shape) - radius)
            if not labels[(y - row) ** 2 + (x - column) ** 2 < (radius + 2) ** 2].any():
                labels[(y - row) ** 2 + (x - column) ** 2 < radius**2] = number
                break
    return labels


def test_a_clean_map_keeps_the_plain_rule():
    labels = disks(np.random.default_rng(0))
    choice = choose_rule([0.98 * (labels > 0)], [labels])
    assert choice.rule == Rule() and choice.score == 1
    assert choice.tried[0][0].core is None and len(choice.tried) > 20


def test_specks_are_dropped_and_threads_cut():
    rng = np.random.default_rng(1)
    labels = disks(rng)
    probability = 0.95 * (labels > 0)
    specks = (rng.uniform(size=labels.shape) > 0.97) & (labels == 0)
    probability[specks] = 0.85
    rule = choose_rule([probability], [labels]).rule
    assert find_cells(probability, rule).max() == labels.max() and rule != Rule()
    truth = (joined() > 0.9) * np.where(np.arange(40) < 20, 1, 2).astype(np.int32)
    choice = choose_rule([joined()], [truth])
    assert choice.score > instances.score([truth], [find_cells(joined())])
    assert choice.score == max(score for _, score in choice.tried)


def test_cells_that_are_small_on_other_images_only_are_not_dropped():
    """The images that choose have large cells and specks; those that trained have small cells."""
    rng = np.random.default_rng(2)
    large, small = disks(rng, radius=12, count=8), disks(rng, radius=3, count=30)
    probability = 0.95 * (large > 0)
    probability[2:5, 2:6] = probability[70:73, 80:84] = 0.9  # 12 px, two of them
    assert (large[:8, :8] == 0).all()
    by_itself = choose_rule([probability], [large]).rule.smallest
    assert (
        by_itself > (small == 1).sum() > choose_rule([probability], [large], [small]).rule.smallest
    )


def test_an_image_without_a_cell_can_choose_nothing():
    with pytest.raises(ValueError, match="no cell on these images"):
        choose_rule([np.zeros((4, 4))], [np.zeros((4, 4), int)])


def brute_summits(heights, least):
    """Summits that stand out, by the passes between each two of them (`lowest_place`)."""
    places = sorted(zip(*np.nonzero(heights >= 0)), key=lambda p: -heights[p])
    kept = []
    for place in places:
        ways = lowest_place(
            heights,
            np.arange(heights.size).reshape(heights.shape)
            == (place[0] * heights.shape[1] + place[1]),
        )
        passes = [min(heights[place], ways[other]) for other in kept]
        if all(heights[place] - low >= least or low < 0 for low in passes):
            kept.append(place)
    return kept


@given(arrays(np.float64, (6, 7), elements=st.integers(-1, 6).map(float)), st.integers(1, 3))
def test_as_many_summits_as_stand_out_and_each_pixel_belongs_to_one(heights, least):
    parts = instances.summits(heights, float(least))
    kept = brute_summits(heights, least)
    assert np.array_equal(parts > 0, heights >= 0)
    assert parts.max() == len(kept)
    for number in range(1, parts.max() + 1):
        assert datasets.instances(parts == number).max() == 1  # in one piece


def eight(gap):
    """Two discs of radius 8 whose centers are `gap` px apart."""
    rows, columns = np.mgrid[:24, :48]
    discs = [(rows - 12) ** 2 + (columns - 15 - k * gap) ** 2 <= 64 for k in (0, 1)]
    return (discs[0] | discs[1]).astype(np.float32)


def test_a_figure_of_eight_is_two_cells_cut_at_its_waist():
    assert find_cells(eight(14)).max() == 1
    cells = find_cells(eight(14), Rule(waist=1.0))
    assert cells.max() == 2 and np.array_equal(cells > 0, eight(14) > 0)
    assert (cells[:, :21] != cells[12, 10]).sum() == (cells[:, :21] == 0).sum()
    assert cells[12, 10] != cells[12, 34]


def test_a_waist_that_is_hardly_thinner_is_none():
    # Two circles that cross 3 px beside each center have a neck of sqrt(64 - 9) = 7.4 px.
    assert find_cells(eight(6), Rule(waist=2.0)).max() == 1
    assert find_cells(eight(14), Rule(waist=7.0)).max() == 1
    one = (np.hypot(*(np.mgrid[:24, :48] - np.array([12, 24])[:, None, None])) < 9) * 1.0
    assert find_cells(one, Rule(waist=0.3)).max() == 1


def test_an_image_full_of_cell_and_one_without_any_are_cut_nowhere():
    assert find_cells(np.ones((9, 9)), Rule(waist=1.0)).max() == 1
    assert find_cells(np.zeros((9, 9)), Rule(waist=1.0)).max() == 0


def test_where_cells_touch_a_waist_is_chosen():
    truth = np.zeros((24, 48), int)
    truth[eight(14) > 0] = 1
    truth[:, 22:][truth[:, 22:] > 0] = 2
    choice = choose_rule([0.9 * eight(14)], [truth])
    assert choice.rule.waist is not None and choice.score > 0.9


@pytest.mark.parametrize("waist", [0, -1.0, float("nan"), float("inf")])
def test_a_waist_that_is_no_length_is_refused(waist):
    with pytest.raises(ValueError, match="waist"):
        Rule(waist=waist)


def test_cells_are_parted_one_way_only():
    with pytest.raises(ValueError, match="one of the two"):
        Rule(core=0.8, waist=1.0)
