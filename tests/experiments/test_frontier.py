"""What nothing beats, how sure that is, where it bends, and what a planner is told."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.advice import advise
from experiments.attainment import attainment, hypervolume, levels, nondominated, probabilities, reference_point
from experiments.figures import frontier_figure, overlap, save_frontier
from experiments.figures_style import ladder, styled
from experiments.frontier import Configuration, Frontier, knee, unbeaten, weigh
from experiments.metrics import DEFAULT, METRICS, P99, THROUGHPUT, parse_metrics, parse_reference
from experiments.slo import parse_slo
from experiments.sweep.file import Panel
from experiments.tables import as_json, frontier_table, meeting, overloaded_table, write_csv
from sim.errors import ScenarioError
from sim.scenario import Framing, Scenario
from sim.units import SIZE
from tests.experiments.fake import measure

MS = 1_000_000
BUFFERS = ("0B", "1KiB", "4KiB")
SNDBUFS = ("4KiB", "16KiB", "64KiB")
LOADS = (4.0, 8.0, 16.0, 32.0, 48.0)


def configuration(
    mbps: float, p99_ms: float, seeds: int = 3, overloaded: bool = False, **causes: float
) -> Configuration:
    """A configuration with given results, a little different from seed to seed."""
    model = measure(Scenario(), 0)
    ledger = json.dumps({cause: round(ms * MS * model.messages) for cause, ms in causes.items()})
    runs = {
        seed: replace(
            model,
            throughput_bps=mbps * 1e6,
            p99_ns=round(p99_ms * MS * (1 + 0.01 * (seed - 1))),
            overloaded=int(overloaded),
            ledger=ledger,
        )
        for seed in range(seeds)
    }
    return Configuration({"mbps": mbps, "p99": p99_ms}, runs)


def planned(seeds: int = 5) -> Frontier:
    """The fake path's panel: write buffer x sndbuf x NODELAY x load."""
    axes: dict[str, tuple[object, ...]] = {
        "workload.framing.buffer": BUFFERS,
        "server.sndbuf": SNDBUFS,
        "server.nodelay": (True, False),
        "workload.load": LOADS,
    }
    panel = Panel("wan", "WAN: 20 Mbit/s", {}, axes)
    configurations = []
    for settings in panel.points:
        s = Scenario()
        buffer, sndbuf = (SIZE.parse(settings[k]) for k in ("workload.framing.buffer", "server.sndbuf"))
        workload = replace(s.workload, load=float(str(settings["workload.load"])), framing=Framing(buffer=buffer))
        server = replace(s.server, nodelay=bool(settings["server.nodelay"]), sndbuf=sndbuf)
        down = replace(s.network.down, rate=20_000_000)
        s = replace(s, workload=workload, server=server, network=replace(s.network, down=down))
        configurations.append(Configuration(settings, {seed: measure(s, seed) for seed in range(seeds)}))
    return weigh(panel, configurations)


# ---- what nothing beats ----------------------------------------------------------------------------------------------


def test_the_frontier_is_what_nothing_beats():
    good = [configuration(1, 10), configuration(5, 20), configuration(9, 80)]
    beaten = [configuration(1, 11), configuration(4, 25), configuration(8.9, 200)]
    assert unbeaten([*beaten, *good]) == good


def test_throughputs_within_a_percent_count_as_equal():
    slower, faster = configuration(10.00, 20), configuration(10.05, 90)
    assert unbeaten([faster, slower]) == [slower]
    assert levels(np.array([10.05, 1.0, 10.0, 10.2]), 0.01).tolist() == [10.0, 1.0, 10.0, 10.2]


def test_of_equals_the_first_is_kept():
    first, second = configuration(10, 20), configuration(10, 20)
    assert unbeaten([first, second])[0] is first
    assert len(unbeaten([first, second])) == 1


def test_an_overloaded_configuration_beats_nothing_and_is_listed_apart():
    panel = Panel("p", "", {}, {"mbps": (), "p99": ()})
    fast = configuration(50, 1, overloaded=True)
    slow = configuration(5, 100)
    found = weigh(panel, [fast, slow])
    assert found.front == (slow,)
    assert found.overloaded == (fast,)
    row = next(r for r in csv.DictReader(_csv(found)) if r["standing"] == "overloaded")
    assert row["p99_ns"] == ""
    assert row["throughput_bps"] == "50000000"


def test_one_overloaded_replication_is_enough():
    runs = dict(configuration(5, 10).runs)
    runs[1] = replace(runs[1], overloaded=1)
    assert not Configuration({}, runs).sustained


# ---- how sure --------------------------------------------------------------------------------------------------------


def test_the_band_spans_what_few_and_most_replications_attain():
    band = attainment([configuration(5, 100, seeds=11)], DEFAULT)
    worse, better = band[90][0, 1], band[10][0, 1]
    assert better < band[50][0, 1] < worse
    p99s = sorted(configuration(5, 100, seeds=11).values("p99_ns").values())
    assert np.searchsorted(p99s, [better, worse], side="right").tolist() == [2, 10]


def test_seeds_that_only_the_noisy_ones_were_given_draw_no_frontier_of_their_own():
    good, bad, longer = (configuration(10, 20), configuration(5, 100), configuration(5, 100, seeds=30))
    for level, corners in attainment([good, bad], DEFAULT).items():
        assert np.array_equal(corners, attainment([good, longer], DEFAULT)[level])
    box = reference_point([good, longer], DEFAULT)
    assert hypervolume([good, longer], DEFAULT, box) == hypervolume([good, bad], DEFAULT, box)


def test_the_hypervolume_is_the_share_of_the_rectangle():
    """(5 of 10 Mbit/s, 20 of 100 ms) and the corner itself: half the width, four fifths of the height."""
    points = [configuration(5, 20, seeds=1), configuration(10, 100, seeds=1)]
    share = hypervolume(points, DEFAULT, reference_point(points, DEFAULT))
    assert share is not None
    assert share.mean == pytest.approx(0.5 * (1 - 20 * 0.99 / 99))


def test_a_better_reference_point_leaves_less_room():
    points = [configuration(5, 20, seeds=1), configuration(10, 100, seeds=1)]
    given = parse_reference("p99=49.5ms, throughput=2Mbit/s", DEFAULT)
    share = hypervolume(points, DEFAULT, reference_point(points, DEFAULT, given))
    assert share is not None
    assert share.mean == pytest.approx((5 - 2) / (10 - 2) * (1 - 19.8 / 49.5))


def test_a_frontier_weighs_as_many_metrics_as_are_asked_for():
    """The fake path's CPU is spared by small loads, its P99 by large ones under Nagle: neither beats the other."""
    found = planned()
    metrics = parse_metrics("throughput,p99,cpu,memory")
    weighed = weigh(found.panel, found.configurations, metrics=metrics)
    assert set(map(id, found.front)) <= set(map(id, weighed.front))
    costs = np.array([[m.cost(c.estimated(m).mean) for m in metrics] for c in weighed.sustained])
    costs[:, 0] = -levels(-costs[:, 0], 0.01)
    beaten = [any((other <= one).all() and (other < one).any() for other in costs) for one in costs]
    on_it = {id(c) for c in weighed.front}
    assert all(not beaten[i] for i, c in enumerate(weighed.sustained) if id(c) in on_it)
    assert all(
        beaten[i] or (costs == costs[i]).all(axis=1).sum() > 1
        for i, c in enumerate(weighed.sustained)
        if id(c) not in on_it
    )
    assert weighed.curves[0].band == {}
    assert weighed.knee in weighed.front


def test_what_always_wins_is_on_the_frontier_for_sure_and_a_tie_is_even():
    """Two of equal throughput; one's P99 is now above, now below the other's, as a coin falls."""
    sure, coin, never = configuration(1, 5, 8), configuration(9, 50, 8), configuration(9, 80, 8)
    rival = Configuration(
        {"rival": 1}, {s: replace(r, p99_ns=r.p99_ns + (-1) ** s * MS) for s, r in coin.runs.items() if r.p99_ns}
    )
    chances = probabilities([sure, coin, rival, never], DEFAULT)
    assert chances[0] == 1
    assert chances[3] == 0
    assert chances[1] + chances[2] == pytest.approx(1)
    assert 0.3 < chances[2] < 0.7


def test_draws_with_an_overloaded_seed_do_not_count():
    """One seed of four overloads: it is absent from (3/4)^4 of the draws."""
    runs = dict(configuration(9, 5, seeds=4).runs)
    runs[2] = replace(runs[2], overloaded=1)
    chance = probabilities([Configuration({}, runs)], DEFAULT, resamples=4_000)[0]
    assert chance == pytest.approx(0.75**4, abs=0.03)
    assert np.isnan(probabilities([configuration(1, 1, seeds=1)], DEFAULT)[0])


def test_a_configuration_with_fewer_seeds_is_judged_by_those_it_has():
    many, few = configuration(1, 50, seeds=8), configuration(9, 50, seeds=3)
    assert probabilities([many, few], DEFAULT)[1] > 0.98  # 1 but for draws that have none of its three seeds


def test_pairs_stay_together_in_the_bootstrap():
    """Always 1 % better on the same seeds, though the seeds differ by far more: certain, since luck is shared."""
    base = configuration(9, 50, 6)
    noisy = {s: replace(r, p99_ns=round((50 + 20 * (s % 3)) * MS)) for s, r in base.runs.items()}
    better = {s: replace(r, p99_ns=round(r.p99_ns * 0.99)) for s, r in noisy.items() if r.p99_ns}
    assert probabilities([Configuration({}, noisy), Configuration({"b": 1}, better)], DEFAULT) == [0, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [("throughput", "2 or more"), ("p99,p99", "each once"), ("p99,speed", "no metric 'speed'")],
)
def test_metrics_that_make_no_frontier_are_refused(text, words):
    with pytest.raises(ScenarioError, match=words):
        parse_metrics(text)


def test_a_reference_of_what_is_not_weighed_is_refused():
    with pytest.raises(ScenarioError, match="not weighed"):
        parse_reference("cpu=50%", DEFAULT)
    with pytest.raises(ScenarioError, match="p99"):
        parse_reference("p99=50", DEFAULT)
    assert parse_reference("cpu=50%", parse_metrics("cpu,p99")) == {"cpu": 0.5}


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=25))
def test_nondominated_agrees_with_the_definition(rows):
    metrics = (THROUGHPUT, P99, METRICS["memory"])
    exact = tuple(replace(metric, resolution=0.0) for metric in metrics)
    values = np.array(rows, dtype=float)
    costs = values * [-1, 1, 1]
    for one, kept in zip(costs, nondominated(values, exact), strict=True):
        beaten = ((costs <= one).all(axis=1) & (costs < one).any(axis=1)).any()
        assert not (kept and beaten)
        assert kept or beaten or (costs == one).all(axis=1).sum() > 1


# ---- the bend --------------------------------------------------------------------------------------------------------


def test_the_knee_is_farthest_below_the_chord():
    front = [configuration(1, 10), configuration(5, 11), configuration(9, 13), configuration(10, 100)]
    assert knee(front) is front[2]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_points_have_no_knee(count: int):
    assert knee([configuration(1, 10), configuration(5, 50)][:count]) is None


@pytest.mark.parametrize("middle", [31.7, 60])
def test_a_frontier_on_or_above_its_chord_has_no_knee(middle: float):
    """The middle of a straight line on a logarithmic scale is the geometric mean: 31.6 between 10 and 100."""
    front = [configuration(1, 10), configuration(2, middle), configuration(3, 100)]
    assert knee(front) is None
    assert knee([front[0], configuration(2, 30), front[2]]) is not None


# ---- what is told ----------------------------------------------------------------------------------------------------


def test_the_advice_names_the_knee_and_what_its_neighbours_wait_for():
    found = planned()
    assert found.knee is not None
    advice = advise(found)
    assert advice.sentence.startswith("WAN: 20 Mbit/s: choose write buffer 4KiB, sndbuf 64KiB, NODELAY on (load x")
    reasons = " ".join(advice.reasons)
    assert "NODELAY off adds" in reasons
    assert "of P99, mostly nagle" in reasons
    assert "sndbuf 16KiB is overloaded" in reasons
    assert "The next load, x" in reasons


def test_without_a_configuration_that_keeps_up_the_advice_says_so():
    panel = Panel("p", "LAN", {}, {"mbps": (), "p99": ()})
    found = weigh(panel, [configuration(5, 10, overloaded=True)])
    assert "no configuration carried its load" in advise(found).sentence
    with styled():
        assert frontier_figure([found], "nothing")


def test_without_a_knee_nobody_names_one():
    """Neither the sentence nor the table, the JSON, the CSV or the figure's legend."""
    from rich.console import Console

    panel = Panel("p", "LAN", {}, {"mbps": (), "p99": ()})
    found = weigh(panel, [configuration(1, 10, 1), configuration(5, 50, 1), configuration(4, 90, 1)])
    assert advise(found).sentence == (
        "LAN: the frontier has two points, too few for a knee: mbps 1, p99 10 carries 1.00 Mbit/s at a P99 of "
        "9.90 ms; mbps 5, p99 50 carries 5.00 Mbit/s at a P99 of 49.5 ms. What you need of either decides."
    )
    console = Console(width=160, file=io.StringIO())
    console.print(frontier_table(found))
    assert "knee" not in console.file.getvalue()  # type: ignore[attr-defined]
    told = as_json(found)
    assert told["knee"] is None
    assert [c["standing"] for c in told["configurations"]] == ["frontier", "frontier", "dominated"]
    assert [row["standing"] for row in csv.DictReader(_csv(found))] == ["frontier", "frontier", "dominated"]
    with styled():
        figure = frontier_figure([found], "LAN")
    labels = {line.get_label() for axes in figure.axes for line in axes.lines}
    assert "frontier" in labels
    assert "knee" not in labels


def test_what_alone_is_unbeaten_is_advised_without_being_a_knee():
    panel = Panel("p", "LAN", {}, {"mbps": (), "p99": ()})
    found = weigh(panel, [configuration(1, 20), configuration(5, 10)])
    assert found.knee is None
    assert advise(found).sentence.startswith("LAN: choose mbps 5, p99 10; it carries 5.00 Mbit/s")


def test_a_frontier_that_differs_in_the_load_alone_is_one_choice():
    axes: dict[str, tuple[object, ...]] = {"server.nodelay": (False, True), "workload.load": (1.0, 4.0)}
    results = {(False, 1.0): (1, 99), (False, 4.0): (4, 120), (True, 1.0): (1, 10), (True, 4.0): (4, 30)}
    configurations = [
        replace(
            configuration(*results[nodelay, load], 1, propagation=1),
            settings={"server.nodelay": nodelay, "workload.load": load},
        )
        for nodelay, load in results
    ]
    found = weigh(Panel("p", "LAN", {}, axes), configurations)
    advice = advise(found)
    assert found.knee is None
    assert advice.sentence == (
        "LAN: choose NODELAY on, which alone is on the frontier; it carries 1.00 Mbit/s at a P99 of 9.90 ms "
        "(load x1) and 4.00 Mbit/s at a P99 of 29.7 ms (load x4)."
    )
    assert "NODELAY off adds 89.1 ms of P99" in str(advice)


def test_the_table_marks_the_knee_and_who_meets_the_slo():
    from rich.console import Console

    found, slo = planned(), parse_slo("p99 < 22ms")
    console = Console(width=160, file=io.StringIO())
    console.print(frontier_table(found, slo), overloaded_table(found))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("<- knee") == 1
    assert 0 < text.count("meets SLO") < len(found.front)
    assert "overloaded (no P99" in text
    assert all(c.p99.mean < 22 * MS for c in meeting(found, slo))


def test_the_csv_has_a_row_for_every_configuration_and_an_interval_for_every_percentile():
    found = planned()
    rows = list(csv.DictReader(_csv(found)))
    assert len(rows) == len(BUFFERS) * len(SNDBUFS) * 2 * len(LOADS)
    knee_row = next(row for row in rows if row["standing"] == "knee")
    assert float(knee_row["p99_ns_lo"]) <= float(knee_row["p99_ns"]) <= float(knee_row["p99_ns_hi"])
    assert int(knee_row["mean_propagation_ns"]) == 15 * MS
    json.dumps(as_json(found))


def test_figures_are_the_same_bytes_for_the_same_numbers(tmp_path: Path):
    found = planned()
    for name in ("one", "two"):
        save_frontier([found], "A stream", parse_slo("p99 < 40ms"), tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    for suffix in ("svg", "png"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert "<dc:date>" not in (tmp_path / "one.svg").read_text()


@pytest.mark.parametrize(("low", "high"), [(0.13, 0.8), (190, 2500), (1.1, 1.9), (15, 74), (1, 1e6)])
def test_a_logarithmic_axis_has_ticks_enough_and_round_ones(low, high):
    ticks = ladder(low, high)
    assert len(ticks) >= 3
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_bands_are_drawn_where_both_edges_exist():
    """More throughput is harder, so a surface has at x the P99 of its next corner; more P99 allowed is easier."""
    better, worse = np.array([[2.0, 1.0], [8.0, 5.0]]), np.array([[1.0, 2.0], [6.0, 9.0]])
    xs, low, high = overlap(better, worse, rising=True)
    assert (xs.tolist(), low.tolist(), high.tolist()) == ([1, 2, 6], [1, 1, 5], [2, 9, 9])
    xs, low, high = overlap(worse[:, ::-1], better[::-1, ::-1][::-1], rising=False)
    assert xs.min() >= 2
    assert len(xs) == len(low) == len(high)


def test_labels_keep_inside_and_off_one_another():
    found = planned()
    with styled():
        from matplotlib import pyplot

        figure = frontier_figure([found], "A stream")
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts if "/" in text.get_text() and text.get_fontsize() == 7]
        assert boxes
        for i, box in enumerate(boxes):
            assert axes.bbox.x0 <= box.x0 <= box.x1 <= axes.bbox.x1 + 1
            assert axes.bbox.y0 <= box.y0 <= box.y1 <= axes.bbox.y1
            assert not any(box.overlaps(other) for other in boxes[:i])
        pyplot.close(figure)


@pytest.mark.parametrize("metrics", ["throughput,p99,cpu", "p99,cpu", "memory,throughput"])
def test_any_metrics_can_be_drawn(metrics, tmp_path):
    found = planned()
    weighed = weigh(found.panel, found.configurations, metrics=parse_metrics(metrics))
    save_frontier([weighed], "A stream", None, tmp_path / "one.svg")
    text = (tmp_path / "one.svg").read_text()
    assert "<svg" in text


def _csv(found: Frontier) -> io.StringIO:
    file = io.StringIO()
    write_csv([found], file)
    file.seek(0)
    return file
