"""Pictures of places and a plate of food: no words in these either."""

from __future__ import annotations

import math
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scripts.samples.canvas import Canvas, Kit, Point, blend, levels, lit, smooth
from scripts.samples.surfaces import linen

WIDE, HIGH = 1600, 1200


def ridge(kit: Kit, base: float, height: float, rough: float, steps: int = 8) -> list[Point]:
    """A mountain line by midpoint displacement."""
    line = [base - height * kit.rng.uniform(0.2, 0.6), base - height, base - height * kit.rng.uniform(0.2, 0.7)]
    swing = height * rough
    for _ in range(steps):
        finer: list[float] = []
        for left, right in pairwise(line):
            finer += [left, (left + right) / 2 + kit.rng.uniform(-swing, swing)]
        line = [*finer, line[-1]]
        swing *= 0.52
    return [(index * WIDE / (len(line) - 1), y) for index, y in enumerate(line)]


def sunset(kit: Kit) -> Image.Image:
    """The sun going down over the sea."""
    canvas = Canvas(kit, WIDE, HIGH)
    canvas.fade(0, 0, WIDE, 700, ((0, "#35386b"), (0.4, "#a34f76"), (0.72, "#ee7f4b"), (1, "#fdc669")))
    canvas.glow(820, 610, 760, "#ffd27a", 0.85, 0.7)
    for left, top, w, h, low in ((0, 40, WIDE, 420, 138), (0, 330, WIDE, 240, 142)):
        sky = levels(kit.noise((w // 2, h // 2), (210, 22)), low, 225, 190)
        edge = Image.linear_gradient("L").resize(sky.size)
        sky = ImageChops.multiply(sky, edge.point([round(255 * math.sin(math.pi * v / 255)) for v in range(256)]))
        canvas.veil(sky.resize((w, h)), "#5a2d58" if top < 100 else "#ffb070", left, top)
    canvas.oval(820, 600, 92, 92, "#fff1b8")
    canvas.glow(820, 600, 210, "#fff6d0", 0.8)
    canvas.fade(0, 690, WIDE, 510, ((0, "#f0a05c"), (0.14, "#a8607a"), (0.6, "#3d3a68"), (1, "#1a1e3f")))
    for _ in range(1500):
        depth = kit.rng.random() ** 1.7
        y = 694 + depth * 500
        x, half = kit.rng.uniform(-50, WIDE), 14 + depth * 90
        tone = kit.rng.choice(("#2a2a5540", "#ffb87a30", "#7d4f7a40"))
        canvas.line(smooth([(x - half, y), (x, y - 2 - depth * 5), (x + half, y)], False, 4), tone, 1.5 + depth * 4)
    for _ in range(520):
        depth = kit.rng.random() ** 1.3
        x, half = 820 + kit.rng.gauss(0, 34 + depth * 110), 8 + depth * 46
        canvas.line([(x - half, 694 + depth * 470), (x + half, 694 + depth * 470)], "#ffe3a0a0", 1.5 + depth * 3.5)
    canvas.poly([(1180, 692), (1226, 692), (1218, 706), (1188, 706)], "#1b1830")
    canvas.poly([(1202, 690), (1202, 628), (1234, 684)], "#221d38")
    for x, y in ((420, 300), (480, 336), (372, 352)):
        canvas.line(
            smooth([(x - 26, y - 8), (x - 10, y - 14), (x, y), (x + 10, y - 14), (x + 26, y - 8)], False), "#231a35", 4
        )
    return kit.grain(canvas.done(), 0.07)


def snow(canvas: Canvas, line: list[Point], base: float, colour: str) -> None:
    """A ridge filled with rock, snow lying on its upper part."""
    canvas.poly([*line, (WIDE, base), (0, base)], colour)
    highest = min(y for _, y in line)
    limit = highest + (base - highest) * 0.5
    for (x, y), (next_x, next_y) in pairwise(line):
        if y < limit:
            reach = (limit - y) * canvas.kit.rng.uniform(0.35, 0.95)
            tone = "#f7fafd" if next_y < y else "#c3d2e4"
            lean = -0.25 * reach if next_y < y else 0.25 * reach
            canvas.poly(
                [(x, y), (next_x + 1, next_y), (next_x + lean, next_y + reach), (x + lean, y + reach * 0.9)], tone
            )


def firs(canvas: Canvas, base: float, size: float, colour: str, count: int) -> None:
    """A row of fir trees."""
    for _ in range(count):
        x = canvas.kit.rng.uniform(-20, WIDE + 20)
        tall = size * canvas.kit.rng.uniform(0.6, 1.2)
        for tier in range(4):
            top, half = base - tall + tier * tall * 0.2, tall * (0.1 + tier * 0.05)
            canvas.poly([(x, top), (x + half, top + tall * 0.36), (x - half, top + tall * 0.36)], colour)


def mountains(kit: Kit) -> Image.Image:
    """Snowy mountains above a lake."""
    canvas = Canvas(kit, WIDE, HIGH)
    canvas.fade(0, 0, WIDE, 800, ((0, "#3f7fc4"), (0.6, "#9fcbee"), (1, "#e3f0f6")))
    canvas.veil(levels(kit.clouds((WIDE // 2, 200), 170, 0.4), 132, 190, 225).resize((WIDE, 400)), "#ffffff", 0, 20)
    snow(canvas, ridge(kit, 720, 430, 0.3), 800, "#7d93ad")
    canvas.soft_box(-60, 640, WIDE + 120, 120, "#dbe9f2", 0.6, 40)
    snow(canvas, ridge(kit, 780, 360, 0.42), 810, "#566b82")
    for base, tone, rough in ((800, "#4c6f5d", 0.3), (816, "#375a48", 0.2)):
        canvas.poly([*ridge(kit, base, 90, rough, 6), (WIDE, 830), (0, 830)], tone)
    firs(canvas, 826, 66, "#27473a", 170)
    land = canvas.image.crop((0, 400 * 2, WIDE * 2, 826 * 2)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    land = land.filter(ImageFilter.GaussianBlur(5)).resize((WIDE * 2, 374 * 2))
    canvas.image.paste(Image.blend(land, Image.new("RGB", land.size, "#2f5f78"), 0.42), (0, 826 * 2))
    for _ in range(420):
        depth = kit.rng.random()
        x, y, half = kit.rng.uniform(0, WIDE), 830 + depth * 366, 10 + depth * 60
        canvas.line([(x - half, y), (x + half, y)], kit.rng.choice(("#ffffff30", "#1d455a30")), 1 + depth * 2)
    canvas.poly(smooth([(-60, 1120), (260, 1070), (620, 1150), (700, 1230), (-60, 1260)]), "#4d6b3a")
    for _ in range(900):
        x = kit.rng.uniform(0, 640)
        y = 1230 - kit.rng.random() * (120 - x * 0.12)
        canvas.line(
            [(x, y), (x + kit.rng.uniform(-8, 8), y - 22)], kit.rng.choice(("#6b8a4a", "#3d5a2e", "#8aa55c")), 2
        )
    return kit.grain(canvas.done(), 0.08)


def tower(canvas: Canvas, x: float, w: float, top: float, colour: str, base: float) -> None:
    """A building with some of its windows lit."""
    canvas.box(x, top, w, base - top, colour)
    canvas.box(x, top, 5, base - top, blend(colour, "#ffffff", 0.12))
    rng = canvas.kit.rng
    for row in range(int((base - top - 24) // 24)):
        for column in range(int((w - 18) // 18)):
            if rng.random() < 0.42:
                tone = rng.choice(("#ffd98a", "#ffe9b8", "#f7b95c", "#bfe0ff"))
                canvas.box(x + 12 + column * 18, top + 16 + row * 24, 9, 13, tone)


def city(kit: Kit) -> Image.Image:
    """A city at night, mirrored in its river."""
    canvas = Canvas(kit, WIDE, HIGH)
    canvas.fade(0, 0, WIDE, 800, ((0, "#060a1c"), (0.6, "#16214a"), (1, "#4a3b66")))
    for _ in range(160):
        canvas.oval(kit.rng.uniform(0, WIDE), kit.rng.uniform(0, 420), 1.3, 1.3, "#ffffffb0")
    canvas.glow(1260, 170, 200, "#cfd8ff", 0.5)
    canvas.oval(1260, 170, 52, 52, "#f4f1de")
    canvas.oval(1244, 158, 12, 10, "#d9d5c0")
    for colour, low, high in (("#1d2748", 380, 620), ("#121a35", 300, 660), ("#0b1124", 480, 700)):
        x = -30.0
        while x < WIDE:
            wide = kit.rng.uniform(80, 170)
            tower(canvas, x, wide, kit.rng.uniform(low, high), colour, 790)
            x += wide + kit.rng.uniform(-6, 30)
    canvas.box(620, 240, 16, 80, "#0b1124")
    tower(canvas, 560, 136, 320, "#0e1530", 790)
    canvas.oval(628, 238, 7, 7, "#ff4a3d")
    canvas.glow(628, 238, 50, "#ff4a3d", 0.7)
    canvas.box(0, 780, WIDE, 20, "#0a0d18")
    for x in range(40, WIDE, 104):
        canvas.glow(x, 772, 50, "#ffc46b", 0.8)
        canvas.oval(x, 772, 5, 5, "#fff2cf")
    shore = canvas.image.crop((0, 400 * 2, WIDE * 2, 800 * 2)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    small = shore.resize((WIDE // 2, 40)).resize((WIDE * 2, 800), Image.Resampling.BICUBIC)
    mirror = Image.blend(shore.filter(ImageFilter.GaussianBlur(7)), small, 0.6)
    canvas.image.paste(Image.blend(mirror, Image.new("RGB", mirror.size, "#0a1230"), 0.3), (0, 1600))
    for _ in range(700):
        depth = kit.rng.random()
        x, y, half = kit.rng.uniform(0, WIDE), 804 + depth * 392, 8 + depth * 60
        canvas.line(
            [(x - half, y), (x + half, y)], kit.rng.choice(("#05081880", "#ffcf8a28", "#05081860")), 1.5 + depth * 3
        )
    return kit.grain(canvas.done(), 0.1)


def trunk(canvas: Canvas, x: float, base: float, wide: float, colour: str) -> None:
    """A birch or beech stem going out of the picture."""
    sway = canvas.kit.rng.uniform(-40, 40)
    left = smooth(
        [
            (x - wide * 0.9, base),
            (x - wide * 0.5, base - 90),
            (x - wide * 0.4 + sway, 300),
            (x - wide * 0.3 + sway, -20),
        ],
        False,
    )
    right = smooth(
        [(x + wide * 0.3 + sway, -20), (x + wide * 0.4 + sway, 300), (x + wide * 0.5, base - 90), (x + wide, base)],
        False,
    )
    canvas.poly([*left, *right], colour)
    canvas.line(right, blend(colour, "#000000", 0.35), wide * 0.16)
    canvas.line(left, blend(colour, "#ffffff", 0.22), wide * 0.1)


def leaves(canvas: Canvas, count: int, top: float, bottom: float, size: float, tones: tuple[str, ...]) -> None:
    """Many leaves, or blots of them."""
    rng = canvas.kit.rng
    for _ in range(count):
        share = rng.random()
        x, y = rng.uniform(-20, WIDE + 20), top + (bottom - top) * share
        grow = size * rng.uniform(0.5, 1.3)
        canvas.oval(x, y, grow, grow * 0.62, rng.choice(tones))


def forest(kit: Kit) -> Image.Image:
    """An autumn forest with a path."""
    canvas = Canvas(kit, WIDE, HIGH)
    canvas.fade(0, 0, WIDE, HIGH, ((0, "#e9b653"), (0.5, "#f4dfa8"), (0.66, "#c98a3f"), (1, "#6a3a17")))
    tones = (("#e8a33a", "#f0c05a", "#d98a2e"), ("#d9762a", "#e8992f", "#c4551f"), ("#b8451c", "#d9682a", "#8f3317"))
    for layer, (colour, wide, base, count) in enumerate(
        (("#b99a6a", 18, 760, 22), ("#7d5f3f", 32, 830, 13), ("#4a3424", 62, 960, 6))
    ):
        for index in range(count):
            trunk(canvas, (index + kit.rng.uniform(0.1, 0.9)) * WIDE / count, base, wide, colour)
        leaves(canvas, 1000, -20, 420 - layer * 70, 26 + layer * 5, tones[layer])
        canvas.soft_box(-80, 560, WIDE + 160, 220, "#f9e3b0", 0.3 - layer * 0.09, 70)
    floor = Canvas(kit, WIDE, HIGH)
    floor.fade(0, 700, WIDE, 500, ((0, "#c98a3f"), (1, "#5f3415")))
    for step in range(12):
        leaves(
            floor, 420, 740 + step * 38, 790 + step * 38, 5 + step * 1.5, (*tones[1], *tones[2], "#f0c05a", "#6a3a17")
        )
    mask = Image.new("L", (WIDE, HIGH), 0)
    ImageDraw.Draw(mask).rectangle((0, 800, WIDE, HIGH), fill=255)
    canvas.image.paste(floor.image, (0, 0), mask.filter(ImageFilter.GaussianBlur(22)).resize(canvas.image.size))
    canvas.soft(
        smooth([(760, 790), (850, 790), (980, 960), (1240, 1230), (420, 1230), (700, 960)]), "#d9b98a", 0.55, 26
    )
    for x, wide in ((130, 92), (1450, 104)):
        trunk(canvas, x, 1120, wide, "#33241a")
    leaves(canvas, 300, -20, 210, 34, tones[2])
    for index in range(5):
        x = 500 + index * 150
        canvas.soft([(x, -20), (x + 60, -20), (x - 160, 900), (x - 320, 900)], "#fff3c4", 0.22, 24)
    return kit.grain(lit(canvas.done(), (236, 244, 210, 205)), 0.08)


def strand(canvas: Canvas, x: float, y: float, reach: float) -> None:
    """One piece of pasta, curled."""
    rng = canvas.kit.rng
    turn, radius = rng.uniform(0, math.tau), reach * rng.uniform(0.3, 0.95)
    points = []
    for step in range(14):
        angle = turn + step * 0.2
        far = radius + rng.uniform(-6, 6) - step * 2
        points.append((x + far * math.cos(angle), y + far * math.sin(angle) * 0.96))
    curve = smooth(points, closed=False, steps=5)
    canvas.line([(px + 3, py + 5) for px, py in curve], "#7a4a1c70", 13)
    canvas.line(curve, "#cf9a45", 13)
    canvas.line(curve, rng.choice(("#edc878", "#f2d48c", "#e6bb66")), 8)


def plate(kit: Kit) -> Image.Image:
    """A plate of pasta with tomatoes and basil."""
    canvas = Canvas(kit, WIDE, HIGH)
    canvas.image.paste(linen(kit, canvas.image.size, "#54707c", "#86a2ac"))
    canvas.soft([(820 + 480 * math.cos(t / 9), 640 + 480 * math.sin(t / 9)) for t in range(57)], "#0d1a20", 0.6, 24)
    for radius, colour in ((476, "#e4e1da"), (468, "#fbfaf7"), (346, "#dedad2"), (338, "#f4f2ed")):
        canvas.oval(800, 600, radius, radius, colour)
    canvas.ring(800, 600, 440, "#5b86a3", 8)
    canvas.glow(800, 610, 330, "#b8862f", 0.8)
    for _ in range(190):
        strand(canvas, 800, 600, 270)
    for _ in range(13):
        turn, far = kit.rng.uniform(0, math.tau), kit.rng.uniform(20, 225)
        x, y = 800 + far * math.cos(turn), 600 + far * math.sin(turn)
        canvas.soft([(x - 30, y - 10), (x + 40, y), (x + 34, y + 44), (x - 24, y + 40)], "#3a1008", 0.6, 8)
        canvas.oval(x, y, 40, 37, "#b3241a")
        canvas.oval(x - 2, y - 3, 36, 32, "#dd4030")
        canvas.oval(x - 12, y - 14, 10, 7, "#ffc9bd")
    for _ in range(11):
        turn, far = kit.rng.uniform(0, math.tau), kit.rng.uniform(0, 210)
        x, y, lean = 800 + far * math.cos(turn), 600 + far * math.sin(turn), kit.rng.uniform(0, math.tau)
        leaf = [(1, 0), (0.2, 0.42), (-0.7, 0.3), (-1, 0), (-0.7, -0.3), (0.2, -0.42)]
        shape = [
            (x + 54 * (a * math.cos(lean) - b * math.sin(lean)), y + 54 * (a * math.sin(lean) + b * math.cos(lean)))
            for a, b in leaf
        ]
        canvas.soft([(px + 5, py + 8) for px, py in shape], "#12240c", 0.5, 6)
        canvas.poly(smooth(shape), kit.rng.choice(("#3f8a3a", "#2f7330", "#56a04a")))
        canvas.line([shape[0], shape[3]], "#1d5522", 3)
    for _ in range(240):
        turn, far = kit.rng.uniform(0, math.tau), abs(kit.rng.gauss(0, 130))
        canvas.oval(800 + far * math.cos(turn), 600 + far * math.sin(turn), 4, 2.5, "#fff8e2")
    cutlery(canvas)
    return kit.grain(lit(canvas.done(), (255, 250, 226, 208)), 0.08)


def cutlery(canvas: Canvas) -> None:
    """A fork to the left, a knife to the right."""
    canvas.soft_box(160, 330, 50, 640, "#0d1a20", 0.45, 12)
    canvas.soft_box(1424, 330, 50, 640, "#0d1a20", 0.45, 12)
    canvas.box(160, 560, 28, 410, "#c9ced3", 14)
    canvas.poly(smooth([(130, 440), (218, 440), (210, 540), (186, 580), (162, 580), (138, 540)]), "#c9ced3")
    for index in range(4):
        canvas.box(130 + index * 25, 300, 13, 170, "#d8dce0", 6)
    canvas.box(1430, 640, 32, 330, "#b9bfc5", 14)
    canvas.poly(smooth([(1430, 660), (1428, 300), (1450, 280), (1478, 380), (1476, 620), (1462, 660)]), "#d8dce0")
    canvas.line([(168, 600), (168, 950)], "#f1f4f6", 5)
    canvas.line([(1440, 670), (1440, 950)], "#e6eaed", 5)
