"""Clothes: on hangers, on a hook, folded, and a pair of shoes. No words in these."""

from __future__ import annotations

import math
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw

from scripts.samples.canvas import SCALE, Canvas, Kit, Point, levels, lit, mirrored, smooth, tinted
from scripts.samples.surfaces import Size, cloth, linen, plaster, wood

MIDDLE = 600.0


def studio(kit: Kit, dark: str = "#b9b3a8", light: str = "#e6e1d8") -> Canvas:
    """A wall with a rail along it."""
    canvas = Canvas(kit, 1200, 1600)
    canvas.image.paste(plaster(kit, canvas.image.size, dark, light))
    return canvas


def hanger(canvas: Canvas, y: float, wide: float = 250) -> None:
    """A wooden hanger on a rail."""
    canvas.soft_box(0, 104, 1200, 26, "#000000", 0.35, 12)
    canvas.box(0, 84, 1200, 26, "#4a4d52")
    canvas.box(0, 88, 1200, 6, "#8d9299")
    hook = [(MIDDLE + 30 * math.cos(t / 6), 92 + 32 * math.sin(t / 6)) for t in range(-24, 9)]
    canvas.line([*hook, (MIDDLE, 150), (MIDDLE, y)], "#9a9ea5", 8)
    half = [(MIDDLE, y - 22), (MIDDLE + wide, y + 80), (MIDDLE + wide, y + 106), (MIDDLE, y + 14)]
    canvas.poly(mirrored(smooth(half, closed=False), MIDDLE), "#9b6b3d")


def stripes(kit: Kit, size: Size, ground: str, stripe: str, pitch: int, thick: int) -> Image.Image:
    """Knitted stripes."""
    sheet = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(sheet)
    for top in range(0, size[1], pitch):
        pen.rectangle((0, top, size[0], top + thick), fill=stripe)
    knit = Image.blend(kit.noise(size, (2, 4), 0.5), kit.noise(size, (60, 60), 0.3), 0.4)
    return ImageChops.soft_light(sheet, Image.merge("RGB", (knit, knit, knit)))


def weave(kit: Kit, size: Size, dark: str, light: str, cell: tuple[float, float] = (2, 5)) -> Image.Image:
    """Plain cloth with a thread to it."""
    thread = Image.blend(kit.noise(size, cell), kit.clouds(size, 220), 0.45)
    return tinted(levels(thread, 60, 195), dark, light)


def draped(kit: Kit, x: float, top: float, bottom: float, lean: float, count: int) -> list[list[Point]]:
    """Folds that hang from the middle outwards."""
    folds: list[list[Point]] = []
    for index in range(count):
        share = (index + 0.5) / count - 0.5
        start = (x + share * 180 + kit.rng.uniform(-14, 14), top + kit.rng.uniform(0, 70))
        end = (x + share * lean + kit.rng.uniform(-20, 20), bottom - kit.rng.uniform(0, 60))
        bend = ((start[0] + end[0]) / 2 + kit.rng.uniform(-16, 16), (start[1] + end[1]) / 2)
        folds.append(smooth([start, bend, end], closed=False))
    return folds


def striped_shirt(kit: Kit) -> Image.Image:
    """A long-sleeved shirt, cream with navy stripes."""
    canvas = studio(kit)
    hanger(canvas, 250, 190)
    knit = stripes(kit, canvas.image.size, "#f3eee2", "#22335c", 92, 42)
    sleeve = [(776, 306), (880, 390), (1000, 980), (1010, 1090), (900, 1110), (860, 960), (770, 600)]
    for side in (1, -1):
        points = [(MIDDLE + side * (x - MIDDLE), y) for x, y in sleeve]
        turned = knit.rotate(side * 12, Image.Resampling.BICUBIC, expand=False, fillcolor="#f3eee2")
        cloth(canvas, smooth(points), turned, [[points[0], points[6]]], 0.7)
    body = [(690, 262), (760, 292), (822, 326), (842, 500), (826, 760), (836, 1120), (832, 1200), (600, 1210)]
    cloth(canvas, mirrored(smooth(body, closed=False), MIDDLE), knit, draped(kit, MIDDLE, 640, 1190, 330, 4), 0.45)
    neck = mirrored(smooth([(600, 252), (668, 258), (700, 272), (668, 326), (600, 344)], closed=False), MIDDLE)
    canvas.poly(neck, "#8e8878")
    canvas.line(smooth([(500, 268), (532, 326), (600, 346), (668, 326), (700, 268)], closed=False), "#22335c", 16)
    return kit.grain(lit(canvas.done(), (255, 242, 224, 205)), 0.08)


def red_dress(kit: Kit) -> Image.Image:
    """A red summer dress."""
    canvas = studio(kit, "#b7b9b4", "#e9e9e4")
    hanger(canvas, 230, 190)
    red = weave(kit, canvas.image.size, "#a3121f", "#d42a35")
    half = [
        (700, 262),
        (736, 300),
        (752, 400),
        (720, 540),
        (700, 640),
        (760, 860),
        (850, 1140),
        (920, 1420),
        (780, 1462),
        (600, 1474),
    ]
    outline = mirrored([(640, 400), (668, 300), *smooth(half, closed=False)], MIDDLE)
    cloth(canvas, outline, red, draped(kit, MIDDLE, 690, 1450, 620, 9), 0.75)
    band = mirrored(smooth([(600, 610), (702, 604), (706, 660), (600, 668)], closed=False), MIDDLE)
    cloth(canvas, band, weave(kit, canvas.image.size, "#7d0c17", "#a91a26"), depth=0.4, drop=0.2)
    canvas.oval(690, 640, 20, 24, "#7d0c17")
    for shift in (-22, 26):
        canvas.poly(smooth([(690, 640), (700 + shift, 760), (694 + shift, 830), (678 + shift, 760)]), "#8d101c")
    return kit.grain(lit(canvas.done(), (250, 255, 220, 210)), 0.08)


def stitch(canvas: Canvas, points: list[Point]) -> None:
    """Orange seams, on both sides of the jacket."""
    for side in (1, -1):
        at = [(MIDDLE + side * (x - MIDDLE), y) for x, y in points]
        for start, end in pairwise(at):
            canvas.dashes(start, end, "#d99a4e", 3, 9)


def jacket_trim(canvas: Canvas) -> None:
    """Pockets, seams and copper buttons."""
    for side in (1, -1):
        pocket = [(MIDDLE + side * dx, y) for dx, y in ((60, 600), (200, 600), (200, 740), (130, 770), (60, 740))]
        flap = [(MIDDLE + side * dx, y) for dx, y in ((54, 590), (206, 590), (206, 640), (130, 668), (54, 640))]
        canvas.soft(pocket, "#0c1830", 0.35, 5)
        canvas.poly(pocket, "#3c6093")
        canvas.poly(flap, "#45699d")
        canvas.oval(MIDDLE + side * 130, 646, 10, 10, "#b8733a")
    stitch(canvas, [(806, 596), (806, 642), (730, 670), (654, 642), (654, 596)])
    stitch(canvas, [(660, 780), (690, 1150)])
    stitch(canvas, [(820, 560), (640, 560)])
    canvas.line([(600, 400), (600, 1200)], "#1c3157", 5)
    canvas.dashes((624, 420), (624, 1120), "#d99a4e", 3, 9)
    for index in range(6):
        canvas.oval(612, 440 + index * 126, 13, 13, "#8a4f22")
        canvas.oval(610, 437 + index * 126, 9, 9, "#d08a4d")


def denim_jacket(kit: Kit) -> Image.Image:
    """A blue denim jacket with copper buttons."""
    canvas = studio(kit, "#c0b39d", "#eadfcb")
    hanger(canvas, 250)
    denim = weave(kit, canvas.image.size, "#274a7c", "#6f95c2", (3, 7))
    sleeve = [(830, 340), (930, 440), (1010, 900), (1030, 1090), (890, 1120), (850, 900), (810, 600)]
    for side in (1, -1):
        points = [(MIDDLE + side * (x - MIDDLE), y) for x, y in sleeve]
        folds = [[(points[0][0], 620 + shift), (points[1][0], 660 + shift)] for shift in (0, 60, 130)]
        cloth(canvas, smooth(points), denim, [*folds, [points[0], points[6]]], 0.7)
        cuff = [(MIDDLE + side * dx, y) for dx, y in ((286, 1062), (438, 1032), (446, 1110), (296, 1140))]
        cloth(canvas, cuff, denim, depth=0.6)
    body = [(690, 270), (770, 300), (850, 344), (862, 560), (836, 800), (824, 1130), (600, 1140)]
    cloth(canvas, mirrored(smooth(body, closed=False), MIDDLE), denim, draped(kit, MIDDLE, 820, 1120, 360, 4), 0.6)
    cloth(canvas, [(372, 1120), (828, 1120), (824, 1212), (376, 1212)], denim, depth=0.6)
    jacket_trim(canvas)
    for side in (1, -1):
        collar = [(MIDDLE + side * dx, y) for dx, y in ((4, 346), (96, 236), (180, 300), (126, 440))]
        cloth(canvas, collar, denim, depth=0.7)
    return kit.grain(lit(canvas.done(), (255, 240, 222, 205)), 0.08)


def ribs(kit: Kit, size: Size, dark: str, light: str, pitch: int = 46) -> Image.Image:
    """Knitted wool: columns of small v."""
    sheet = Image.new("RGB", size, dark)
    pen = ImageDraw.Draw(sheet)
    for left in range(0, size[0], pitch):
        for top in range(-pitch, size[1], pitch * 2 // 3):
            for side in (0.04, 0.96):
                outer = (left + pitch * side, top)
                pen.line((*outer, left + pitch * 0.5, top + pitch * 0.62), fill=light, width=pitch // 3)
    fuzz = Image.blend(kit.noise(size, (2, 2), 0.8), kit.noise(size, (70, 70), 0.4), 0.4)
    return ImageChops.soft_light(sheet, Image.merge("RGB", (fuzz, fuzz, fuzz)))


def fringe(canvas: Canvas, left: float, right: float, y: float, colour: str) -> None:
    """Threads at the end of a scarf."""
    at = left
    while at < right:
        sway = canvas.kit.rng.uniform(-14, 14)
        end = y + canvas.kit.rng.uniform(84, 112)
        for shift in (-4, 0, 4):
            canvas.line(
                smooth([(at + shift, y - 6), (at + sway * 0.4, y + 50), (at + sway + shift * 1.4, end)], False),
                colour,
                4,
            )
        at += 19


def scarf(kit: Kit) -> Image.Image:
    """A thick knitted scarf in two colours, folded on a bench."""
    canvas = Canvas(kit, 1600, 1200)
    canvas.image.paste(wood(kit, canvas.image.size, "#8f7048", "#d9bd8d", 520))
    wool = ribs(kit, canvas.image.size, "#43603f", "#7f9f74")
    pen = ImageDraw.Draw(wool, "RGBA")
    for top in range(100 * SCALE, 1200 * SCALE, 260 * SCALE):
        pen.rectangle((0, top, 1600 * SCALE, top + 84 * SCALE), fill=(236, 226, 200, 150))
    fringe(canvas, 356, 620, 1010, "#567650")
    fringe(canvas, 930, 1190, 1062, "#567650")
    cloth(
        canvas,
        smooth([(346, 1014), (330, 700), (340, 330), (480, 250), (630, 330), (640, 700), (628, 1014)], False),
        wool,
    )
    tail = [(918, 1066), (908, 760), (900, 380), (1080, 300), (1210, 420), (1200, 760), (1204, 1066)]
    cloth(canvas, smooth(tail, False), wool)
    loop = [(300, 330), (420, 190), (780, 130), (1130, 180), (1270, 330), (1190, 470), (800, 520), (420, 470)]
    across = wool.rotate(90, Image.Resampling.BICUBIC, expand=True).resize(wool.size)
    folds = [smooth([(360, 300 + s), (780, 230 + s), (1200, 310 + s)], closed=False) for s in (0, 90, 160)]
    cloth(canvas, smooth(loop), across, folds, 0.75, 0.5)
    return kit.grain(lit(canvas.done(), (255, 246, 228, 200)), 0.08)


def raincoat(kit: Kit) -> Image.Image:
    """A yellow raincoat on a hook."""
    canvas = studio(kit, "#8fa3ab", "#bccbd0")
    canvas.image.paste(wood(kit, (2400, 300), "#d8d2c6", "#f1ece2", 900), (0, 170))
    canvas.oval(600, 170, 30, 30, "#3b3d42")
    coat = tinted(kit.clouds(canvas.image.size, 420), "#efbd12", "#ffdc3f")
    sleeve = [(770, 420), (880, 520), (950, 940), (966, 1090), (826, 1116), (800, 900), (760, 640)]
    for side in (1, -1):
        points = [(MIDDLE + side * (x - MIDDLE), y) for x, y in sleeve]
        cloth(canvas, smooth(points), coat, [[points[0], points[6]], [(points[1][0], 700), (points[2][0], 860)]], 0.75)
    body = [(650, 350), (770, 410), (810, 600), (850, 1000), (886, 1370), (760, 1400), (600, 1406)]
    cloth(canvas, mirrored(smooth(body, closed=False), MIDDLE), coat, draped(kit, MIDDLE, 700, 1390, 480, 5), 0.5)
    hood = mirrored(smooth([(600, 176), (700, 220), (760, 340), (720, 440), (600, 476)], closed=False), MIDDLE)
    cloth(canvas, hood, coat, depth=0.75)
    canvas.poly(
        mirrored(smooth([(600, 262), (664, 290), (690, 360), (650, 424), (600, 440)], closed=False), MIDDLE), "#7a5c06"
    )
    canvas.line([(600, 470), (600, 1404)], "#b98d06", 5)
    for index in range(6):
        canvas.oval(622, 540 + index * 140, 13, 13, "#8d949b")
        canvas.oval(619, 537 + index * 140, 8, 8, "#e8ecef")
    for side in (1, -1):
        flap = [(MIDDLE + side * dx, y) for dx, y in ((70, 1010), (220, 990), (226, 1060), (74, 1082))]
        canvas.soft([(x, y + 8) for x, y in flap], "#5a4300", 0.7, 6)
        canvas.poly(flap, "#f5cb2b")
        canvas.line([flap[2], flap[3]], "#b98d06", 4)
        shine = [(MIDDLE + side * dx, y) for dx, y in ((150, 560), (176, 560), (196, 940), (176, 940))]
        canvas.soft(shine, "#fffbe0", 0.55, 9)
    return kit.grain(lit(canvas.done(), (255, 246, 226, 208)), 0.07)


def laces(canvas: Canvas, x: float, y: float) -> None:
    """White laces with their loop."""
    for index in range(5):
        left, top = x + 330 + index * 44, y + 44 + index * 32
        canvas.line([(left - 34, top + 40), (left + 40, top - 4)], "#ffffff", 13)
        canvas.oval(left - 34, top + 40, 7, 7, "#20343a")
    canvas.line(
        smooth([(x + 326, y + 30), (x + 400, y - 20), (x + 440, y + 20), (x + 360, y + 40)], False), "#ffffff", 8
    )


def shoe(canvas: Canvas, x: float, y: float, upper: Image.Image) -> None:
    """One sneaker seen from the side."""
    sole = [
        (x, y + 300),
        (x + 10, y + 250),
        (x + 200, y + 262),
        (x + 480, y + 258),
        (x + 760, y + 262),
        (x + 812, y + 290),
    ]
    sole += [(x + 790, y + 340), (x + 500, y + 350), (x + 40, y + 350)]
    canvas.soft_box(x + 10, y + 330, 800, 40, "#000000", 0.6, 16)
    body = [
        (x + 14, y + 270),
        (x + 6, y + 120),
        (x + 40, y + 20),
        (x + 120, y + 26),
        (x + 230, y + 60),
        (x + 300, y + 24),
    ]
    body += [
        (x + 360, y + 30),
        (x + 520, y + 150),
        (x + 690, y + 190),
        (x + 760, y + 240),
        (x + 740, y + 284),
        (x + 300, y + 290),
    ]
    cloth(canvas, smooth(body), upper, [[(x + 120, y + 90), (x + 150, y + 250)]], 0.7)
    toe = smooth([(x + 640, y + 186), (x + 740, y + 210), (x + 800, y + 262), (x + 780, y + 286), (x + 620, y + 284)])
    canvas.poly(toe, "#f3efe6")
    canvas.poly(smooth(sole), "#fbf8f1")
    canvas.line([(x + 24, y + 312), (x + 790, y + 312)], "#d9482f", 9)
    canvas.poly(
        smooth([(x + 6, y + 120), (x + 30, y + 70), (x + 84, y + 100), (x + 90, y + 250), (x + 14, y + 256)]), "#124f52"
    )
    swoop = smooth([(x + 150, y + 240), (x + 300, y + 190), (x + 440, y + 120), (x + 350, y + 200), (x + 210, y + 262)])
    canvas.poly(swoop, "#f3efe6")
    laces(canvas, x, y)


def sneakers(kit: Kit) -> Image.Image:
    """A pair of teal sneakers on floorboards."""
    canvas = Canvas(kit, 1600, 1200)
    canvas.image.paste(wood(kit, canvas.image.size, "#8f8375", "#c9bdae", 620))
    canvas.image.paste(linen(kit, (3200, 640), "#c9cdc9", "#eceeea"))
    canvas.soft_box(0, 316, 1600, 30, "#000000", 0.4, 12)
    teal = weave(kit, canvas.image.size, "#15696c", "#3fa6a3", (5, 5))
    shoe(canvas, 520, 330, teal)
    shoe(canvas, 250, 640, teal)
    return kit.grain(lit(canvas.done(), (250, 255, 214, 222)), 0.08)
