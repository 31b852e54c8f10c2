"""glTF, BVH, Parquet and cycles, read back by programs that are not ours."""

import csv
from dataclasses import replace

import bvhio
import duckdb
import numpy as np
import pygltflib
import pytest

from podium.biomechanics.exports.formats import FORMATS
from podium.biomechanics.exports.markers import BONES, markers_of
from podium.biomechanics.exports.tables import open_tables
from podium.errors import Unprocessable
from tests.support.exported_athlete import GAP, exported_athlete

JOINTS = {"UpLeg": "hip", "Leg": "knee", "Foot": "ankle", "Arm": "shoulder", "ForeArm": "elbow"}


@pytest.fixture
def athlete():
    return exported_athlete()


@pytest.fixture
def gltf(athlete, tmp_path):
    FORMATS["gltf"](tmp_path / "a.gltf", athlete)
    return pygltflib.GLTF2().load(str(tmp_path / "a.gltf"))


def array_of(gltf, number):
    """An accessor as (N, C); the data are packed without strides."""
    accessor = gltf.accessors[number]
    view = gltf.bufferViews[accessor.bufferView]
    data = gltf.get_data_from_buffer_uri(gltf.buffers[view.buffer].uri)
    dtype = {pygltflib.FLOAT: "<f4", pygltflib.UNSIGNED_SHORT: "<u2"}[accessor.componentType]
    assert view.byteOffset % 4 == 0
    assert view.byteOffset + view.byteLength <= gltf.buffers[view.buffer].byteLength == len(data)
    values = np.frombuffer(data[view.byteOffset :][: view.byteLength], dtype)
    values = values.reshape(accessor.count, -1)
    assert values.shape[1] == {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
    np.testing.assert_allclose(values.min(axis=0), accessor.min, rtol=1e-6)
    return values


def channels_of(gltf):
    """(node, path) -> (times, values)."""
    animation = gltf.animations[0]
    found = {}
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        name = gltf.nodes[channel.target.node].name
        found[name, channel.target.path] = (
            array_of(gltf, sampler.input)[:, 0],
            array_of(gltf, sampler.output),
        )
    return found


def turned_up(quaternions):
    """+Y turned by quaternions (T, 4), x y z w."""
    x, y, z, w = quaternions.T
    return np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1)


def test_gltf_moves_its_markers_as_the_athlete_does(athlete, gltf):
    markers, channels = markers_of(athlete.analysis), channels_of(gltf)
    for k, name in enumerate(markers.names):
        times, places = channels[name, "translation"]
        np.testing.assert_allclose(times, markers.time_s - markers.time_s[0], atol=1e-6)
        known = np.isfinite(markers.positions_m[:, k, 0])
        np.testing.assert_allclose(places[known], markers.positions_m[known, k], atol=1e-5)
    sizes = channels["LWrist", "scale"][1]
    assert (sizes[GAP] == 0).all()
    assert (sizes[:20] == 1).all()


def test_gltf_bones_end_at_the_next_marker(athlete, gltf):
    markers, channels = markers_of(athlete.analysis), channels_of(gltf)
    at = dict(zip(markers.names, np.moveaxis(markers.positions_m, 1, 0), strict=True))
    nodes = {node.name: node for node in gltf.nodes}
    drawn = [(a, b) for a, b in BONES if a in at and b in at]
    assert len(drawn) > 15
    for start, end in drawn:
        bone = f"{start}-{end}"
        assert bone in [gltf.nodes[child].name for child in nodes[start].children]
        way = turned_up(channels[bone, "rotation"][1]) * channels[bone, "scale"][1][:, 1:2]
        known = np.isfinite(at[start] + at[end]).all(axis=1)
        np.testing.assert_allclose((at[start] + way)[known], at[end][known], atol=1e-5)
        assert (channels[bone, "scale"][1][~known] == 0).all()


def test_gltf_has_meshes_that_face_outwards(gltf):
    scene = gltf.scenes[gltf.scene]
    assert len(scene.nodes) == len(gltf.nodes) - sum(len(n.children) for n in gltf.nodes)
    for mesh in gltf.meshes:
        corners = array_of(gltf, mesh.primitives[0].attributes.POSITION)
        faces = array_of(gltf, mesh.primitives[0].indices).reshape(-1, 3)
        a, b, c = (corners[faces[:, k]] for k in range(3))
        outwards = np.einsum("fc,fc->f", np.cross(b - a, c - a), a - corners.mean(axis=0))
        assert (outwards > 0).all()


def test_bvh_stands_where_the_fitted_body_does(athlete, tmp_path):
    FORMATS["bvh"](tmp_path / "a.bvh", athlete)
    fit = athlete.analysis.fit
    file = bvhio.readAsBvh(str(tmp_path / "a.bvh"))
    assert file.FrameCount == len(fit.time_s)
    assert file.FrameTime == pytest.approx(1 / 60)
    root = bvhio.convertBvhToHierarchy(file.Root)
    for frame in range(0, len(fit.time_s), 17):
        root.loadPose(frame)
        found = {joint.Name: np.array(joint.PositionWorld) / 100 for joint, *_ in root.layout()}
        for side in ("left", "right"):
            for name, joint in JOINTS.items():
                np.testing.assert_allclose(
                    found[side.capitalize() + name],
                    fit.positions_m[frame, fit.points.index(f"{side}_{joint}")],
                    atol=1e-5,
                )


def test_parquet_is_the_wide_table(athlete, tmp_path):
    FORMATS["parquet"](tmp_path / "a.parquet", athlete)
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(tmp_path / "a.parquet"))
        columns, table = rows.columns, rows.fetchnumpy()
    series = [m for m in athlete.measures if m.is_series]
    assert columns == ["frame", "time_s", *(m.name for m in series)]
    np.testing.assert_array_equal(table["time_s"], athlete.analysis.trajectory.time_s)
    for m in series:
        values = np.ma.filled(np.ma.asarray(table[m.name], float), np.nan)
        np.testing.assert_array_equal(values, m.values, err_msg=m.name)


def test_cycles_have_every_stride_with_mean_and_spread(athlete, tmp_path):
    with open_tables(tmp_path, athlete.measures) as tables:
        for table in tables:
            table.add(athlete)
    with (tmp_path / "cycles.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["angle"] == "left_knee_flexion"]
    strides = {}
    for row in rows:
        strides.setdefault(row["stride"], []).append(row)
    contacts = [c.on_s for c in athlete.movement.gait.contacts if c.side == "left"]
    assert list(strides) == ["mean", *(str(k + 1) for k in range(len(contacts) - 1))]
    assert all([int(r["percent"]) for r in stride] == [*range(101)] for stride in strides.values())
    assert [float(strides[k][0]["start_s"]) for k in list(strides)[1:]] == pytest.approx(
        contacts[:-1], abs=1e-4
    )
    degrees = {k: np.array([float(row["deg"]) for row in s]) for k, s in strides.items()}
    mean = degrees.pop("mean")
    table = np.stack(list(degrees.values()))
    np.testing.assert_allclose(mean, table.mean(axis=0), atol=1e-3)
    sd = [float(row["sd_deg"]) for row in strides["mean"]]
    np.testing.assert_allclose(sd, table.std(axis=0, ddof=1), atol=2e-3)
    knee = next(m for m in athlete.measures if m.name == "left_knee_flexion_deg")
    at_start = np.interp(contacts[0], athlete.analysis.trajectory.time_s, knee.values)
    assert degrees["1"][0] == pytest.approx(at_start, abs=1e-3)


def test_nobody_who_was_fitted_is_no_bvh(athlete, tmp_path):
    fit = replace(athlete.analysis.fit, converged=False, notes=("The fit did not converge.",))
    unfitted = replace(athlete.movement, analysis=replace(athlete.analysis, fit=fit))
    with pytest.raises(Unprocessable, match="did not converge"):
        FORMATS["bvh"](tmp_path / "a.bvh", replace(athlete, movement=unfitted))
    assert not (tmp_path / "a.bvh").exists()
