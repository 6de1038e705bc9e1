"""The simulator: statistics against theory, exact boxes, physical sense, and trees that survive being stopped."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sarlang_hf.cli.simulate import simulate
from sarlang_hf.errors import OutputError, UsageError
from sarlang_hf.imaging.simulate import plan_scene, render, write_tree
from sarlang_hf.imaging.simulate.clutter import gamma_from_normal, k_clutter, normal_field, speckle
from sarlang_hf.imaging.simulate.geometry import disc, footprint, overlap, rectangle, turned
from sarlang_hf.imaging.simulate.radar import stretched
from sarlang_hf.imaging.simulate.render import footprints
from sarlang_hf.imaging.simulate.response import Scatterers, echo
from sarlang_hf.imaging.simulate.waters import Waters, Wave
from sarlang_hf.schema import CATEGORIES


@pytest.fixture(scope="module")
def scenes():
    return [plan_scene(np.random.default_rng([11, index]), 512) for index in range(600)]


@pytest.fixture(scope="module")
def small_scenes():
    return [plan_scene(np.random.default_rng([12, index]), 64) for index in range(300)]


# Statistics


@pytest.mark.parametrize("looks", [1, 2, 4, 8])
def test_speckle_has_mean_one_and_as_many_equivalent_looks_as_asked(looks):
    patch = speckle(np.random.default_rng(looks), (400, 400), looks=looks).astype(np.float64)
    assert patch.mean() == pytest.approx(1, rel=0.015)
    assert patch.mean() ** 2 / patch.var() == pytest.approx(looks, rel=0.04)


@pytest.mark.parametrize(("order", "looks"), [(6.0, 1), (6.0, 4), (24.0, 2)])
def test_k_clutter_has_the_second_moment_of_the_product_model(order, looks):
    patch = k_clutter(np.random.default_rng(5), (600, 600), mean=0.3, order=order, looks=looks, correlation=1.0)
    intensity = patch.astype(np.float64)
    assert intensity.mean() == pytest.approx(0.3, rel=0.02)
    second = (intensity**2).mean() / intensity.mean() ** 2
    assert second == pytest.approx((1 + 1 / order) * (1 + 1 / looks), rel=0.03)


@pytest.mark.parametrize("shape", [(256, 256), (255, 257)])
def test_normal_field_has_unit_variance_and_the_asked_correlation(shape):
    length = 2.0
    fields = [normal_field(np.random.default_rng(seed), shape, correlation=length).astype(np.float64) for seed in range(4)]
    assert np.mean([(f**2).mean() for f in fields]) == pytest.approx(1, abs=0.04)
    # A Gaussian filter exp(-(pi c f)^2) has the autocorrelation exp(-(d / c)^2 / 2) at distance d.
    for lag in (1, 2, 4):
        found = np.mean([(f * np.roll(f, lag, axis=1)).mean() for f in fields])
        assert found == pytest.approx(np.exp(-((lag / length) ** 2) / 2), abs=0.04)


def test_gamma_texture_keeps_the_order_of_the_normal_field_and_stays_positive():
    normal = np.linspace(-6, 6, 2001, dtype=np.float32)[None, :]
    texture = gamma_from_normal(normal, order=5.0)
    assert (np.diff(texture[0]) >= 0).all()
    assert texture.min() > 0


def test_a_point_scatterer_peaks_where_it_is_with_side_lobes_along_the_axes_only():
    one = Scatterers(np.array([[50.5, 40.5]]), np.array([100.0]), np.full((1, 2), 1.4))
    image = echo(one, np.random.default_rng(0), 101)
    assert np.unravel_index(image.argmax(), image.shape) == (40, 50)
    assert image.max() == pytest.approx(100, rel=1e-4)
    assert image[40, 53:70].max() > 50 * image[43:60, 53:70].max()
    assert 10 * np.log10(image[40, 52:60].max() / 100) < -15


def test_scatterers_outside_the_image_answer_nothing():
    outside = Scatterers(np.array([[-3.0, 5.0], [5.0, 64.0]]), np.array([1e3, 1e3]), np.ones((2, 2)))
    assert echo(outside, np.random.default_rng(0), 64).max() == 0


def test_stretch_of_an_image_with_exactly_black_pixels_is_finite():
    power = np.zeros((64, 64), dtype=np.float32)
    power[10:20] = 1.0
    for seed in range(12):
        assert stretched(power, np.random.default_rng(seed), water=0.0)[15, 15] > 180


# Geometry


def test_footprint_of_a_grid_aligned_rectangle_is_that_rectangle():
    pixels = footprint([rectangle(6, 4, x=10, y=20)])
    assert pixels is not None
    assert pixels.rect == (7, 18, 6, 4)
    assert pixels.mask.all()


@given(x=st.floats(20, 40), y=st.floats(20, 40), heading=st.floats(0, 6.3), length=st.floats(6, 30), width=st.floats(6, 20))
@settings(max_examples=60)
def test_footprint_is_the_set_of_pixel_centres_inside_the_turned_rectangle(x, y, heading, length, width):
    pixels = footprint([turned(rectangle(length, width), x=x, y=y, heading=heading)])
    rows, columns = np.mgrid[0:64, 0:64] + 0.5
    along = (columns - x) * np.cos(heading) + (rows - y) * np.sin(heading)
    across = (rows - y) * np.cos(heading) - (columns - x) * np.sin(heading)
    slack = np.minimum(length / 2 - np.abs(along), width / 2 - np.abs(across))
    full = np.zeros((64, 64), dtype=bool)
    assert pixels is not None
    full[pixels.window] = pixels.mask
    assert full[slack > 1e-6].all()
    assert not full[slack < -1e-6].any()
    assert all(edge.any() for edge in (pixels.mask[0], pixels.mask[-1], pixels.mask[:, 0], pixels.mask[:, -1]))


def test_footprint_of_a_disc_has_the_disc_s_area():
    pixels = footprint([turned(disc(20, sides=64), x=40.3, y=41.7, heading=0.1)])
    assert pixels is not None
    assert pixels.mask.sum() == pytest.approx(np.pi * 20**2, rel=0.01)


def test_overlap_of_touching_boxes_is_zero():
    assert overlap((0, 0, 5, 5), (5, 0, 5, 5)) == 0
    assert overlap((0, 0, 5, 5), (3, 4, 5, 5)) == 2


def test_water_lies_on_the_left_hand_of_a_shore_and_between_the_banks_of_a_river():
    shore = Waters("shore", x=30, y=40, angle=0.0)
    assert shore.depth(100.0, 47.0) == pytest.approx(7)
    assert shore.depth(-5.0, 33.0) == pytest.approx(-7)
    river = Waters("river", x=30, y=40, angle=np.pi / 2, half_width=6)
    np.testing.assert_allclose(river.depth(np.array([30, 35, 37]), np.array([0, 90, 90])), [6, 1, -1], atol=1e-9)


def test_a_bending_shoreline_passes_through_its_own_points():
    shore = Waters("shore", 30, 40, 0.7, waves=(Wave(9.0, 70.0, 1.1), Wave(3.0, 25.0, 0.3)))
    for along in (-40.0, 0.0, 55.0):
        x, y, _ = shore.line_at(along)
        assert shore.depth(x, y) == pytest.approx(0, abs=1e-9)
    assert shore.line_at(0.0)[:2] == pytest.approx((30, 40))


# Layouts


def test_every_box_is_the_tight_box_of_its_pixels_and_lies_inside_with_a_pixel_to_spare(scenes, small_scenes):
    for scene in (*scenes, *small_scenes):
        for box, pixels in zip(scene.boxes, footprints(scene), strict=True):
            rows, columns = np.nonzero(pixels.mask)
            found = (pixels.left + columns.min(), pixels.top + rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
            assert box.bbox == found
            assert min(box.x, box.y) >= 1
            assert max(box.x + box.width, box.y + box.height) <= scene.size - 1
            assert min(box.width, box.height) >= 5


def test_tiles_hold_about_three_boxes_mostly_of_one_or_two_classes_and_ships_most_often(scenes):
    counts = [len(scene.boxes) for scene in scenes]
    assert 2.4 < np.mean(counts) < 3.6
    assert max(counts) <= 12
    assert 0.01 < counts.count(0) / len(counts) < 0.06
    classes = Counter(len({box.category for box in scene.boxes}) for scene in scenes)
    assert classes[1] + classes[2] > 0.9 * len(scenes)
    assert classes[3] > 0
    boxes = Counter(box.category for scene in scenes for box in scene.boxes)
    assert set(boxes) == set(CATEGORIES)
    assert boxes.most_common(1)[0][0] == "ship"
    assert min(boxes.values()) > 0.03 * sum(boxes.values())


def test_objects_shrink_with_the_image_but_slower():
    big = [plan_scene(np.random.default_rng([3, i]), 1024) for i in range(80)]
    small = [plan_scene(np.random.default_rng([3, i]), 128) for i in range(80)]

    def typical(scenes):
        return np.median([max(box.width, box.height) for scene in scenes for box in scene.boxes])

    assert 2.5 < typical(big) / typical(small) < 8


def test_ships_float_and_cars_aircraft_and_tanks_stand_on_land(scenes, small_scenes):
    for scene in (*scenes, *small_scenes):
        for thing, pixels in zip(scene.objects, footprints(scene), strict=True):
            rows, columns = np.nonzero(pixels.mask)
            wet = scene.waters.depth(columns + pixels.left + 0.5, rows + pixels.top + 0.5) > 0
            if thing.category == "ship":
                assert wet.all()
            elif thing.category in ("car", "aircraft", "tank"):
                assert not wet.any()


def test_bridges_span_water_from_land_to_land_and_harbours_lie_at_the_shore(scenes):
    for scene in scenes:
        for thing, pixels in zip(scene.objects, footprints(scene), strict=True):
            rows, columns = np.nonzero(pixels.mask)
            wet = scene.waters.depth(columns + pixels.left + 0.5, rows + pixels.top + 0.5) > 0
            if thing.category == "bridge":
                step = np.array([np.cos(thing.heading), np.sin(thing.heading)]) * thing.length * 0.49
                ends = np.array([thing.x, thing.y]) + np.outer([1, -1], step)
                assert wet.mean() > 0.4
                assert (scene.waters.depth(ends[:, 0], ends[:, 1]) < 0).all()
            elif thing.category == "harbor":
                assert 0.1 < wet.mean() < 0.9


def test_boxes_of_other_classes_stay_clear_of_each_other_but_for_a_few_berthed_ships(scenes):
    berthed = pairs = 0
    for scene in scenes:
        for index, one in enumerate(scene.objects):
            for two in scene.objects[:index]:
                if {one.category, two.category} == {"ship", "harbor"}:
                    pairs += 1
                    berthed += overlap(one.rect, two.rect) > 0
                elif one.category != two.category:
                    assert overlap(one.rect, two.rect) == 0
    assert pairs > 50
    assert berthed < 0.15 * pairs


def test_no_class_prefers_a_side_of_the_image_or_its_middle():
    side: dict[str, Counter[str]] = {name: Counter() for name in CATEGORIES}
    for index in range(2500):
        scene = plan_scene(np.random.default_rng([21, index]), 256)
        # One vote a class and scene: objects of one cluster are not independent.
        for box in {box.category: box for box in scene.boxes}.values():
            du, dv = (box.x + box.width / 2) / 256 - 0.5, (box.y + box.height / 2) / 256 - 0.5
            horizontal = abs(du) > abs(dv)
            name = ("right" if du > 0 else "left") if horizontal else ("bottom" if dv > 0 else "top")
            side[box.category]["center" if max(abs(du), abs(dv)) <= 1 / 6 else name] += 1
    for votes in side.values():
        n = votes.total()
        spread = 4 * np.sqrt(0.22 * 0.78 / n)
        for name in ("left", "right", "top", "bottom"):
            assert votes[name] / n == pytest.approx((n - votes["center"]) / n / 4, abs=spread)
        assert votes["center"] / n < 0.22 + spread


# Pixels


def test_the_same_plan_and_seed_give_the_same_pixels_and_another_seed_others(small_scenes):
    scene = next(scene for scene in small_scenes if scene.kind == "port")
    one, two, other = (render(scene, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (one.sar == two.sar).all()
    assert (one.optical == two.optical).all()
    assert (one.sar != other.sar).any()


@pytest.mark.parametrize("size", [64, 97, 200])
def test_the_optical_twin_has_the_size_of_the_radar_image(size):
    rendered = render(plan_scene(np.random.default_rng(3), size), np.random.default_rng(3))
    assert (rendered.sar.shape, rendered.sar.dtype) == ((size, size), np.uint8)
    assert (rendered.optical.shape, rendered.optical.dtype) == ((size, size, 3), np.uint8)


def test_water_is_darker_than_land_for_the_radar_and_bluer_for_the_camera(scenes):
    for scene in [s for s in scenes if s.waters.kind == "shore"][:4]:
        rendered = render(scene, np.random.default_rng(9))
        rows, columns = np.mgrid[0:512, 0:512] + 0.5
        depth = scene.waters.depth(columns, rows)
        for thing in scene.objects:
            x, y, width, height = thing.rect
            depth[max(y - 30, 0) : y + height + 30, max(x - 30, 0) : x + width + 30] = 0
        wet, dry = depth > 3, depth < -3
        assert rendered.sar[wet].mean() < 0.7 * rendered.sar[dry].mean()
        blue = rendered.optical[..., 2].astype(float) - rendered.optical[..., 0]
        assert blue[wet].min() > 20
        assert blue[dry].mean() < 20


@pytest.mark.parametrize("kind", ["sea", "river", "airfield", "parking"])
def test_objects_are_brighter_than_their_surroundings(scenes, kind):
    inside, around = [], []
    for scene in [s for s in scenes if s.kind == kind and s.objects][:4]:
        sar = render(scene, np.random.default_rng(1)).sar
        for thing, pixels in zip(scene.objects, footprints(scene), strict=True):
            if thing.category == {"sea": "ship", "river": "bridge", "airfield": "aircraft", "parking": "car"}[kind]:
                x, y, width, height = thing.rect
                ring = np.zeros(sar.shape, dtype=bool)
                ring[max(y - 6, 0) : y + height + 6, max(x - 6, 0) : x + width + 6] = True
                ring[y : y + height, x : x + width] = False
                inside.append(sar[pixels.window][pixels.mask].mean())
                around.append(sar[ring].mean())
    assert np.mean(inside) > 1.5 * np.mean(around)


def test_tanks_have_a_bright_rim_towards_the_radar_and_a_darker_middle(scenes):
    front, middle, back = [], [], []
    for scene in [s for s in scenes if s.kind == "tank_farm"][:6]:
        sar = render(scene, np.random.default_rng(2)).sar.astype(float)
        for tank in (thing for thing in scene.objects if thing.category == "tank"):
            rows, columns = np.mgrid[0:512, 0:512] + 0.5
            dx, dy = columns - tank.x, rows - tank.y
            radius, ahead = np.hypot(dx, dy) / (tank.length / 2), (dx * scene.look[0] + dy * scene.look[1]) / tank.length
            rim = (radius > 0.8) & (radius <= 1.0)
            front.append(sar[rim & (ahead < -0.3)].mean())
            back.append(sar[rim & (ahead > 0.3)].mean())
            middle.append(sar[radius < 0.4].mean())
    assert np.mean(front) > 1.5 * np.mean(middle)
    assert np.mean(front) > 1.5 * np.mean(back)


# Trees


NUMBERS = {"layout": "sardet", "train": 3, "val": 2, "size": 64, "seed": 5}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulated") / "tree"
    assert write_tree(out, **NUMBERS) == 5
    return out


def test_the_tree_is_sardet_s_with_twins_and_a_marker(tree):
    names = {"train": ["0000001.png", "0000002.png", "0000003.png"], "val": ["0000004.png", "0000005.png"]}
    expected = {"Annotations/train.json", "Annotations/val.json", "simulated.json", "simulated_captions.jsonl"}
    expected |= {f"{kind}/{split}/{name}" for kind in ("JPEGImages", "Optical") for split in names for name in names[split]}
    assert set(contents(tree)) == expected
    for split, own in names.items():
        coco = json.loads((tree / "Annotations" / f"{split}.json").read_text())
        assert coco["categories"] == [{"id": n, "name": name} for n, name in enumerate(CATEGORIES)]
        assert [image["file_name"] for image in coco["images"]] == own
        assert all((image["width"], image["height"]) == (64, 64) for image in coco["images"])
        assert [note["id"] for note in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
        for note in coco["annotations"]:
            x, y, width, height = note["bbox"]
            assert (note["area"], note["iscrowd"]) == (width * height, 0)
            assert {image["id"] for image in coco["images"]} >= {note["image_id"]}
            assert min(x, y) >= 1
            assert max(x + width, y + height) <= 63
        for name in own:
            assert Image.open(tree / "JPEGImages" / split / name).mode == "L"
            assert Image.open(tree / "Optical" / split / name).mode == "RGB"


def test_the_marker_says_what_was_asked_for(tree):
    assert json.loads((tree / "simulated.json").read_text()) == {
        "generator": "sarlang simulate",
        "generator_version": 1,
        **NUMBERS,
    }


def test_two_runs_give_the_same_bytes(tree, tmp_path):
    write_tree(tmp_path / "again", **NUMBERS)
    assert contents(tmp_path / "again") == contents(tree)


def test_an_image_depends_on_its_own_number_alone_not_on_how_many_there_are(tree, tmp_path):
    write_tree(tmp_path, **{**NUMBERS, "train": 1})
    one, many = contents(tmp_path), contents(tree)
    assert one["JPEGImages/train/0000001.png"] == many["JPEGImages/train/0000001.png"]
    assert one["JPEGImages/val/0000002.png"] == many["JPEGImages/val/0000004.png"]
    assert one["Optical/val/0000003.png"] == many["Optical/val/0000005.png"]


class Stopped(BaseException):
    pass


def test_a_run_that_was_stopped_continues_and_the_result_does_not_tell(tree, tmp_path):
    def stop(done):
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        write_tree(tmp_path, **NUMBERS, progress=stop)
    assert not (tmp_path / "simulated.json").exists()
    assert not list((tmp_path / "Annotations").iterdir())
    (tmp_path / "Optical" / "train" / "0000002.png").unlink()
    (tmp_path / "JPEGImages" / "train" / "0000003.png.part").write_bytes(b"half an image")
    kept = (tmp_path / "JPEGImages" / "train" / "0000001.png").stat().st_ino
    seen: list[int] = []
    assert write_tree(tmp_path, **NUMBERS, progress=seen.append) == 4
    assert seen == [1, 2, 3, 4, 5]
    assert (tmp_path / "JPEGImages" / "train" / "0000001.png").stat().st_ino == kept
    assert contents(tmp_path) == contents(tree)


def test_a_finished_tree_that_lost_files_is_made_whole(tree, tmp_path):
    write_tree(tmp_path, **NUMBERS)
    for lost in ("JPEGImages/val/0000005.png", "Annotations/train.json"):
        (tmp_path / lost).unlink()
        write_tree(tmp_path, **NUMBERS)
    assert contents(tmp_path) == contents(tree)


def test_a_finished_tree_is_left_alone(tree):
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    assert write_tree(tree, **NUMBERS) == 0
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


@pytest.mark.parametrize("marker", ["simulated.json", "simulating.json"])
def test_other_parameters_for_a_folder_in_use_are_named(tree, tmp_path, marker):
    (tmp_path / marker).write_bytes((tree / "simulated.json").read_bytes())
    with pytest.raises(UsageError, match=r"seed 5, asked for 6") as caught:
        write_tree(tmp_path, **{**NUMBERS, "seed": 6})
    assert "size" not in caught.value.problem
    assert caught.value.place.endswith(marker)
    assert [path.name for path in tmp_path.iterdir()] == [marker]


def test_a_foreign_folder_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        write_tree(tmp_path, **NUMBERS)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_a_marker_that_is_no_json_and_an_output_that_is_a_file_are_refused(tmp_path):
    (tmp_path / "simulated.json").write_text("{")
    with pytest.raises(UsageError, match="not a marker"):
        write_tree(tmp_path, **NUMBERS)
    with pytest.raises(UsageError, match="is a file"):
        write_tree(tmp_path / "simulated.json", **NUMBERS)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"layout": "coco"}, "layout is 'coco'"),
        ({"size": 63}, "size is 63"),
        ({"size": 2049}, "size is 2049"),
        ({"train": -1}, "train is -1"),
        ({"train": 0, "val": 0}, r"train \+ val is 0"),
        ({"train": 9_999_999, "val": 1}, "10000000"),  # seven digits of file names
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_numbers_out_of_range_are_named_before_anything_is_written(tmp_path, wrong, named):
    with pytest.raises(UsageError, match=named):
        write_tree(tmp_path / "tree", **{**NUMBERS, **wrong})
    assert not (tmp_path / "tree").exists()


def test_a_folder_that_cannot_be_made_is_an_output_error_with_its_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file") as caught:
        write_tree(tmp_path / "file" / "tree", **NUMBERS)
    assert "continues" in caught.value.remedy


def test_the_command_writes_a_tree_and_says_so_and_then_that_nothing_is_left_to_do(tree, tmp_path):
    command = [str(tmp_path / "t"), "--train", "3", "--val", "2", "--size", "64", "--seed", "5"]
    first_run = CliRunner().invoke(simulate, command)
    assert first_run.exit_code == 0, first_run.output
    assert len(first_run.stdout.strip().splitlines()) == 1
    assert "5 drawn now" in first_run.stdout
    assert contents(tmp_path / "t") == contents(tree)
    second = CliRunner().invoke(simulate, command)
    assert "already complete" in second.stdout


def test_the_command_s_help_shows_an_example_and_refuses_other_layouts(tmp_path):
    assert "sarlang simulate runs/scenes --train 200" in CliRunner().invoke(simulate, ["--help"]).output
    refused = CliRunner().invoke(simulate, [str(tmp_path), "--layout", "coco", "--train", "1", "--val", "1"])
    assert refused.exit_code == 2
    assert "sardet" in refused.output
