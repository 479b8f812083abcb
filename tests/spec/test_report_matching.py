"""Sections and figures of matched comparisons and synthetic controls, on the two samples that have them."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from evaltool.language.words import LANGUAGES, Voice
from evaltool.numerics.score_bins import SMALLEST, score_bins
from evaltool.pipeline import evaluate
from evaltool.plotting._canvas import BLUE, VERMILLION, Drawing
from evaltool.plotting.flow_people import PeopleFlow, Stage, draw_people_flow
from evaltool.plotting.love import LovePicture, LoveRow, draw_love
from evaltool.plotting.scores import ScorePicture, draw_scores
from evaltool.plotting.synthetic import PathsPicture, draw_gaps, draw_paths
from evaltool.plotting.synthetic_donors import DonorsPicture, draw_donors
from evaltool.plotting.synthetic_placebos import PlaceboLine, PlacebosPicture, draw_placebos, draw_ratios, drawn
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.design import ScoreBin
from evaltool.records.gate import GateResult
from evaltool.records.plan.data import Disclosure
from evaltool.records.run import Run
from evaltool.report.blocks import Block, Figure, Prose, Table
from evaltool.report.section import build_section
from evaltool.report.telling import Telling

SAMPLES = Path(__file__).resolve().parents[2] / "data_samples"
MATCHED = ("people_flow", "balance", "overlap_scores")
SYNTHETIC = ("synthetic_paths", "donors", "placebos")
SVG = "{http://www.w3.org/2000/svg}"


@cache
def run_of(name: str) -> Run:
    plan = read_plan(SAMPLES / name / "plan.toml")
    return evaluate(plan, read_panel(plan))


def blocks(run: Run, section: str, lang: str = "en") -> tuple[Block, ...]:
    return build_section(section, run, lang).blocks


def figures(run: Run, section: str, lang: str = "en") -> list[Figure]:
    return [block for block in blocks(run, section, lang) if isinstance(block, Figure)]


def prose(run: Run, section: str, lang: str = "en") -> str:
    return " ".join(b.text for b in blocks(run, section, lang) if isinstance(b, Prose)).replace("\\", "")


def everything(run: Run, sections: tuple[str, ...], lang: str = "en") -> str:
    """All text of the sections: prose, tables, captions, alternative texts."""
    return " ".join(block.model_dump_json() for section in sections for block in blocks(run, section, lang))


def public(run: Run, profile: str) -> Run:
    plan = run.plan.model_copy(update={"disclosure": Disclosure.model_validate({"profile": profile})})
    return run.model_copy(update={"plan": plan})


def hiding(run: Run, *names: str) -> Run:
    """The run as if the disclosure gate had withheld these counts."""
    gates = tuple(
        gate.model_copy(update={"evidence": {**gate.evidence, "hidden": list(names)}})
        if gate.name == "disclosure"
        else gate
        for gate in run.gates
    )
    assert any(isinstance(gate, GateResult) and gate.name == "disclosure" for gate in gates)
    return run.model_copy(update={"gates": gates})


# --- which sections speak -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "speaks", "silent"),
    [
        ("into_work", MATCHED, SYNTHETIC),
        ("homelessness", SYNTHETIC, MATCHED),
        ("school_absence", (), (*MATCHED, *SYNTHETIC)),
        ("peterborough/monitoring", (), (*MATCHED, *SYNTHETIC)),
    ],
)
def test_a_section_speaks_where_its_records_are_and_is_silent_elsewhere(
    name: str, speaks: tuple[str, ...], silent: tuple[str, ...], lang: str
) -> None:
    run = run_of(name)
    assert [section for section in (*speaks, *silent) if blocks(run, section, lang)] == list(speaks)
    for section in speaks:
        assert figures(run, section, lang)


def test_nothing_is_drawn_twice() -> None:
    """The general flow, series and event study give way to the figures of the method."""
    assert figures(run_of("into_work"), "flow") == []
    assert figures(run_of("homelessness"), "flow")
    assert blocks(run_of("homelessness"), "series") == ()
    assert blocks(run_of("homelessness"), "event_study") == ()
    assert figures(run_of("school_absence"), "series")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_figure_is_well_formed_and_carries_words_and_numbers(lang: str) -> None:
    for name, sections in (("into_work", MATCHED), ("homelessness", SYNTHETIC)):
        for section in sections:
            for figure in figures(run_of(name), section, lang):
                root = ET.fromstring(figure.svg)  # noqa: S314 - made by this program a moment ago
                assert root.tag == f"{SVG}svg"
                assert "<text" not in figure.svg, "letters are paths, so that no font is needed to read them"
                assert len(figure.alt) > 40
                assert figure.data.rows
                assert all(len(row) == len(figure.data.head) for row in figure.data.rows)
                again = next(f for f in figures(run_of(name), section, lang) if f.name == figure.name)
                assert again.svg == figure.svg


def test_the_two_languages_draw_the_same_numbers_in_their_own_signs() -> None:
    da, en = (figures(run_of("into_work"), "balance", lang)[0].data for lang in ("da", "en"))
    swap = str.maketrans(".,", ",.")
    assert [row[1:] for row in en.rows] == [tuple(cell.translate(swap) for cell in row[1:]) for row in da.rows]
    assert da.rows[1][0] != en.rows[1][0]


# --- people ---------------------------------------------------------------------------------------------------------


def test_the_flow_of_people_adds_up_in_both_groups() -> None:
    """126 offered − 6 not found = 120 matched; 4,060 − 52 = 4,008, of whom 3,648 resemble nobody: 360."""
    (figure,) = figures(run_of("into_work"), "people_flow")
    rows = {row[0]: (row[1], row[2]) for row in figure.data.rows}
    assert rows["Submitted"] == ("126", "4,060")
    assert rows["Left out: not found in the registers"] == ("6", "52")
    assert rows["Found in the registers"] == ("120", "4,008")
    assert rows["Left out: not like anybody treated"] == ("0", "3,648")
    assert rows["Matched"] == rows["Analysed"] == ("120", "360")
    assert "Found in the registers: 120, left out 6 (not found in the registers)" in figure.alt


def test_a_hidden_loss_hides_what_would_give_it_away() -> None:
    """With 6 lost and 120 left, 126 tells 6: the group's earlier counts are withheld together, the other's stay."""
    run = hiding(run_of("into_work"), "dropped:treated")
    (figure,) = figures(run, "people_flow")
    rows = {row[0]: (row[1], row[2]) for row in figure.data.rows}
    assert rows["Submitted"] == ("not shown", "4,060")
    assert rows["Left out: not found in the registers"] == ("not shown", "52")
    assert rows["Found in the registers"][0] == "not shown"
    assert rows["Matched"] == ("120", "360")
    assert "126" not in figure.alt
    assert "withheld" in figure.caption


@pytest.mark.parametrize("section", [*MATCHED])
def test_a_headline_that_may_not_be_shown_takes_its_sections_along(section: str) -> None:
    assert blocks(hiding(run_of("into_work"), "arm:treated"), section) == ()


def test_a_flow_needs_stages() -> None:
    with pytest.raises(ValueError, match="stages"):
        draw_people_flow(PeopleFlow(groups=("A", "B"), stages=()), "en")


def test_a_long_list_of_losses_makes_the_figure_taller() -> None:
    def height(gone: int) -> float:
        lost = tuple((f"reason {n}", "7") for n in range(gone))
        stages = (Stage("one", ("9", "9")), Stage("two", ("9", "9"), (lost, ())))
        drawing = draw_people_flow(PeopleFlow(groups=("A", "B"), stages=stages), "en")
        return _height(drawing)

    assert height(4) > height(1)


# --- balance --------------------------------------------------------------------------------------------------------


def test_the_love_plot_draws_both_limits_and_names_the_denominator() -> None:
    (figure,) = figures(run_of("into_work"), "balance")
    assert figure.svg.count(f"stroke: {VERMILLION}") >= 2
    assert "standard deviation of the treatment group before matching" in figure.caption
    assert "0.05" in figure.caption
    assert "0.25" in figure.caption


def test_the_limits_drawn_are_those_the_check_used() -> None:
    run = run_of("into_work")
    gates = tuple(
        gate.model_copy(update={"evidence": {**gate.evidence, "good": "0.02", "fair": "0.4"}})
        if gate.name == "balance"
        else gate
        for gate in run.gates
    )
    (figure,) = figures(run.model_copy(update={"gates": gates}), "balance")
    assert "0.02" in figure.caption
    assert "0.40" in figure.caption


def test_every_covariate_of_the_design_stands_in_the_balance_table() -> None:
    run = run_of("into_work")
    assert run.design.matching is not None
    (table,) = [block for block in blocks(run, "balance") if isinstance(block, Table)]
    assert len(table.rows) == len(run.design.matching.balance) == 11
    by_name = {row[0]: row[1:] for row in table.rows}
    age = next(row for row in run.design.matching.balance if row.covariate == "alder")
    assert age.mean_treated_after is not None
    assert by_name["Age (years)"][0] == f"{age.mean_treated_after:.2f}"
    assert by_name["Woman"][0].endswith("%")
    assert by_name["Propensity score"][:3] == ("–", "–", "–")


def test_the_means_of_the_balance_table_are_those_of_the_data() -> None:
    """Age of the 120 treated and, weighted, of the 360 matched, from the file and the design's weights."""
    run = run_of("into_work")
    assert run.design.matching is not None
    row = next(row for row in run.design.matching.balance if row.covariate == "alder")
    assert row.mean_treated_before is not None
    assert row.mean_comparison_before is not None
    assert row.smd_before is not None
    ages = _column("alder")
    treated = _column("tilbudt") == 1
    known = np.isfinite(_column("løn_før"))
    assert row.mean_treated_before == pytest.approx(ages[treated & known].mean(), rel=1e-12)
    assert row.mean_comparison_before == pytest.approx(ages[~treated & known].mean(), rel=1e-12)
    sd = ages[treated & known].std(ddof=1)
    gap = (row.mean_treated_before - row.mean_comparison_before) / sd
    assert row.smd_before == pytest.approx(gap, rel=1e-10)


def test_a_covariate_that_few_have_is_neither_drawn_nor_told() -> None:
    run = hiding(run_of("into_work"), "covariate:videregående:treated:before")
    (figure,) = figures(run, "balance")
    assert not any(row[0] == "Higher education" for row in figure.data.rows)
    (table,) = [block for block in blocks(run, "balance") if isinstance(block, Table)]
    assert next(row for row in table.rows if row[0] == "Higher education")[1:] == ("not shown",) * 7


def test_an_undefined_difference_is_a_dash_and_no_mark() -> None:
    rows = (LoveRow("defined", 0.3, 0.1, "1"), LoveRow("undefined", None, None, "0"))
    drawing = draw_love(LovePicture(rows=rows, good=0.05, fair=0.25, denominator="x"), "en")
    assert ("undefined", "–", "–", "0") in drawing.rows
    assert "0.300 (defined)" in drawing.alt


# --- scores ---------------------------------------------------------------------------------------------------------


def _random(seed: int, treated: int, others: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.Generator(np.random.PCG64(seed))
    score = np.concatenate([rng.normal(0.5, 1, treated), rng.normal(-0.5, 1, others)])
    mine = np.arange(treated + others) < treated
    matched = mine | (rng.random(treated + others) < 0.2)
    return score, mine, matched


@pytest.mark.parametrize("seed", range(6))
def test_no_bin_counts_between_one_and_nine_of_anybody(seed: int) -> None:
    score, mine, matched = _random(seed, 90 + seed, 1500)
    bins = score_bins(score, mine, matched)
    assert len(bins) > 1
    for one in bins:
        alone, unused = one.treated - one.treated_matched, one.comparison - one.comparison_matched
        for count in (one.treated, one.treated_matched, one.comparison, one.comparison_matched, alone, unused):
            assert count == 0 or count >= SMALLEST
    assert all(a.upper == b.lower for a, b in pairwise(bins))
    assert sum(b.treated for b in bins) == int(mine.sum())
    assert sum(b.comparison for b in bins) == int((~mine).sum())
    assert not {bins[0].lower, *(b.upper for b in bins)} & set(score.tolist())


def test_the_few_who_found_no_match_cannot_be_counted_from_the_bins() -> None:
    """Three unmatched of 90: the bins tell of the 87 only."""
    score, mine, matched = _random(1, 90, 1500)
    matched[:3] = False
    bins = score_bins(score, mine, matched)
    assert sum(b.treated for b in bins) == sum(b.treated_matched for b in bins) == 87


def test_scores_of_too_few_give_no_bins_and_a_sentence() -> None:
    score, mine, matched = _random(2, 5, 1500)
    assert score_bins(score, mine, matched) == ()
    run = run_of("into_work")
    assert run.design.matching is not None
    facts = run.design.matching.model_copy(update={"bins": ()})
    without = run.model_copy(update={"design": run.design.model_copy(update={"matching": facts})})
    assert figures(without, "overlap_scores") == []
    assert "too few" in prose(without, "overlap_scores")


def test_bins_do_not_depend_on_the_order_of_the_units() -> None:
    score, mine, matched = _random(3, 100, 1500)
    order = np.random.Generator(np.random.PCG64(9)).permutation(score.shape[0])
    assert score_bins(score, mine, matched) == score_bins(score[order], mine[order], matched[order])


def test_equal_scores_are_one_bin() -> None:
    mine = np.arange(40) < 20
    (only,) = score_bins(np.zeros(40), mine, np.ones(40, dtype=bool))
    assert (only.treated, only.comparison) == (20, 20)
    assert draw_scores(ScorePicture(bins=(ScoreBin(**_plain(only)),), axis="score"), "en").rows


def test_the_alternative_text_of_the_scores_says_how_far_they_overlap() -> None:
    bins = (
        ScoreBin(lower=0.0, upper=0.5, treated=25, treated_matched=25, comparison=100, comparison_matched=25),
        ScoreBin(lower=0.5, upper=1.0, treated=75, treated_matched=0, comparison=0, comparison_matched=0),
    )
    alt = draw_scores(ScorePicture(bins=bins, axis="score"), "en").alt
    assert "25% of the treatment group" in alt
    assert "Comparison group: from 0 to 0.5" in alt


# --- synthetic control ----------------------------------------------------------------------------------------------


def test_the_paths_and_the_gap_are_the_estimate_s_own() -> None:
    run = run_of("homelessness")
    paths, gaps = figures(run, "synthetic_paths")
    assert len(paths.data.rows) == len(gaps.data.rows) == 40
    assert [row[1] for row in gaps.data.rows] == [row[3] for row in paths.data.rows]
    assert paths.data.head[1] == "Sundvang"
    effect = Telling(run, "en").number(run.estimate.att)
    assert f"{effect} on average" in gaps.alt
    assert effect in prose(run, "synthetic_paths")


def test_the_mean_of_the_gaps_after_the_start_is_the_effect() -> None:
    run = run_of("homelessness")
    after = [element.att for element in run.estimate.path if element.element >= 0]
    assert len(after) == 12
    assert sum(after) / 12 == pytest.approx(run.estimate.att, rel=1e-12)


def test_donor_weights_add_up_to_one_hundred_per_cent() -> None:
    run = run_of("homelessness")
    (figure,) = figures(run, "donors")
    *named, rest = figure.data.rows
    assert sum(float(row[1].removesuffix("%")) for row in named) == pytest.approx(100, abs=0.6)
    assert rest == ("29 other donors", "0%")
    assert "Ulvsbæk" in figure.alt
    assert "2 units were left out of the pool" in prose(run, "donors")


def test_placebos_say_the_rank_and_how_small_p_could_be() -> None:
    text = prose(run_of("homelessness"), "placebos")
    assert "number 1 of 41" in text
    assert "p =\u00a00.024" in text
    assert "With 40 placebos p cannot be smaller than 1/41 = 0.024" in text
    spaghetti, ratios = figures(run_of("homelessness"), "placebos")
    assert len(spaghetti.data.rows) == len(ratios.data.rows) == 41
    assert ratios.data.rows[0][0] == "Sundvang"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_where_data_are_not_public_no_unit_is_named_or_drawn(lang: str) -> None:
    run = public(run_of("homelessness"), "minimum_5")
    told = everything(run, SYNTHETIC, lang)
    units = [*_names(), "Sundvang"]
    assert [name for name in units if re.search(rf"\b{name}\b", told)] == []
    assert figures(run, "placebos", lang) == []
    assert figures(run, "donors", lang)
    assert Voice(lang).say("label.donor_number", {"n": "1"}) in told


def _picture(gaps: tuple[float, ...] = (0.0, 0.1, -2.0, -3.0)) -> PlacebosPicture:
    others = (
        PlaceboLine("close", (0.1, -0.1, 0.5, 0.4), 0.1, 4.5),
        PlaceboLine("far", (9.0, -9.0, 8.0, 7.0), 9.0, 0.8),
        PlaceboLine("tied", (0.1, 0.0, 1.0, 2.0), 0.08, 25.0),
    )
    treated = PlaceboLine("ours", gaps, 0.1, 25.0)
    return PlacebosPicture(treated=treated, others=others, labels=("1", "2", "3", "4"), start=2, unit="points")


def test_a_donor_that_fitted_twenty_times_worse_is_not_drawn_but_listed() -> None:
    """Mean squared error 81 against 0.01: 8,100 times. 0.1² is 20 times 0.1² never, so the others stay."""
    picture = _picture()
    assert [line.name for line in drawn(picture)] == ["close", "tied"]
    drawing = draw_placebos(picture, "en")
    assert any(row[0] == "far" for row in drawing.rows)
    assert "1 whose mean squared error" in drawing.note


def test_a_tie_of_ratios_counts_against_the_treated_unit() -> None:
    drawing = draw_ratios(_picture(), "en")
    assert [row[0] for row in drawing.rows] == ["tied", "ours", "close", "far"]
    assert "number 2 of 4" in drawing.alt


def test_no_two_marks_of_the_ratios_overlap_at_one_height() -> None:
    lines = tuple(PlaceboLine(f"u{n}", (0.0, 1.0), 1.0, 1.0) for n in range(6))
    picture = PlacebosPicture(
        treated=PlaceboLine("ours", (0.0, 1.0), 1.0, 1.0), others=lines, labels=("1", "2"), start=1, unit="x"
    )
    marks = set(re.findall(r'<use [^>]*x="([^"]+)" y="([^"]+)"', draw_ratios(picture, "en").svg))
    assert len(marks) >= 7


@pytest.mark.parametrize("labels", [("2015-01", "2015-04", "2015-07", "2015-10", "2016-01"), ("1", "2", "3", "4", "5")])
def test_paths_are_drawn_for_months_and_for_plain_numbers(labels: tuple[str, ...]) -> None:
    picture = PathsPicture(
        labels=labels,
        observed=(5.0, 6.0, 5.5, 3.0, 2.0),
        synthetic=(5.1, 5.9, 5.5, 6.0, 6.5),
        start=3,
        unit="nights",
        name="ours",
        effect=-3.75,
    )
    paths, gaps = draw_paths(picture, "da"), draw_gaps(picture, "da")
    assert f"stroke: {BLUE}" in paths.svg
    assert f"stroke: {VERMILLION}" in paths.svg
    assert paths.rows[3] == (labels[3], "3,000", "6,000", "−3,000")
    assert "−3,75" in gaps.alt


def test_a_single_donor_is_a_whole_bar() -> None:
    drawing = draw_donors(DonorsPicture(weights=(("only", 1.0),), without=0), "en")
    assert drawing.rows == (("only", "100.0%"),)
    with pytest.raises(ValueError, match="weights"):
        draw_donors(DonorsPicture(weights=(), without=3), "en")


# --- helpers --------------------------------------------------------------------------------------------------------


def _height(drawing: Drawing) -> float:
    found = re.search(r'viewBox="0 0 \S+ (\S+)"', drawing.svg)
    assert found is not None
    return float(found.group(1))


def _plain(one: object) -> dict[str, float]:
    names = ("lower", "upper", "treated", "treated_matched", "comparison", "comparison_matched")
    return {name: getattr(one, name) for name in names}


@cache
def _column(name: str) -> np.ndarray:  # type: ignore[type-arg]
    lines = (SAMPLES / "into_work" / "people.csv").read_text(encoding="cp1252").splitlines()
    place = lines[0].split(";").index(name)
    cells = [line.split(";")[place].replace(",", ".") for line in lines[1:]]
    return np.array([float(cell) if cell else np.nan for cell in cells])


def _names() -> set[str]:
    lines = (SAMPLES / "homelessness" / "shelters.csv").read_text(encoding="utf-8").splitlines()
    return {line.split(";")[0] for line in lines[1:]}
