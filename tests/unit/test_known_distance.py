"""A known distance on the picture: its text, the scale that it gives, and mistakes."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from podium.biomechanics.analysis import analyse
from podium.cli.run import command
from podium.errors import InvalidInput
from podium.postprocess.measured_clip import analysis_options
from podium.schemas.known_distance import KnownDistance
from podium.schemas.postprocess import PostprocessOptions
from podium.skeletons import BLAZEPOSE33
from tests.support.filmed_athlete import PX_PER_M, filmed

CLIP = Path(__file__).parents[2] / "services/podium/lab/athlete/clips/sprint.mp4"


def test_two_points_give_the_scale_in_place_of_the_height():
    """Ten metres are marked beside the lane; the height is wrong by a tenth."""
    gait, trajectory = filmed(seconds=0.1)
    text = f"100,650,{100 + 10 * PX_PER_M},650:10"
    given = PostprocessOptions(known_distance=text, athlete_height_m=gait.height_m * 1.1)
    found = analyse(trajectory, BLAZEPOSE33, analysis_options(given, (2400, 800))).scale
    assert found.source == "known_distance"
    assert found.m_per_px == pytest.approx(1 / PX_PER_M)
    assert found.relative_sd == pytest.approx(0.0101, abs=1e-4)
    wrong = given.model_copy(update={"known_distance": None})
    by_height = analyse(trajectory, BLAZEPOSE33, analysis_options(wrong, (2400, 800))).scale
    assert by_height.m_per_px > 1.05 / PX_PER_M


def test_the_text_comes_back_from_a_document():
    given = PostprocessOptions(known_distance="310,655.5,1540,648:10")
    assert given.known_distance == KnownDistance(310, 655.5, 1540, 648, 10)
    assert PostprocessOptions.model_validate_json(given.model_dump_json()) == given
    assert '"310,655.5,1540,648:10"' in given.model_dump_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("310,655,1540,648", "such as 310,655,1540,648:10"),
        ("310,655,1540:10", "such as 310,655,1540,648:10"),
        ("-1,655,1540,648:10", "such as 310,655,1540,648:10"),
        ("1,1,nan,1:10", "such as 310,655,1540,648:10"),
        ("310,655,312,655:10", "20 pixels or more apart"),
        ("310,655,1540,648:0", "more than 0 and at most 1000 metres"),
        ("310,655,1540,648:5000", "more than 0 and at most 1000 metres"),
    ],
)
def test_mistakes_are_explained(text, message):
    with pytest.raises(ValidationError, match=message):
        PostprocessOptions(known_distance=text)


def test_podium_run_names_the_mistake():
    done = CliRunner().invoke(command, [str(CLIP), "--known-distance", "1,2:3"])
    assert isinstance(done.exception, InvalidInput)
    assert "known_distance" in str(done.exception)
    assert "such as 310,655,1540,648:10" in str(done.exception)
