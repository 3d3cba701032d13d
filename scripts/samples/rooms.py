"""Rooms with furniture: a living room, a kitchen, a bedroom, a desk."""

from __future__ import annotations

from PIL import Image

from scripts.samples.canvas import Canvas, Kit, Point, blend, lit, smooth
from scripts.samples.surfaces import plaster, wood

WIDE, HIGH = 1600, 1200


def room(kit: Kit, wall: str, floor: tuple[str, str], line: float) -> Canvas:
    """Four walls less three: one wall, a skirting board and a floor in perspective."""
    canvas = Canvas(kit, WIDE, HIGH)
    canvas.image.paste(plaster(kit, canvas.image.size, blend(wall, "#000000", 0.09), wall))
    tall = round((HIGH - line) * 2)
    canvas.image.paste(wood(kit, (WIDE * 2, tall), *floor, 9999), (0, round(line * 2)))
    for index in range(-14, 15):
        canvas.line([(800 + index * 105, line), (800 + index * 260, HIGH)], "#2a180c77", 2.5)
    canvas.box(0, line - 34, WIDE, 34, blend(wall, "#ffffff", 0.7))
    canvas.soft_box(0, line, WIDE, 26, "#000000", 0.5, 12)
    return canvas


def window(canvas: Canvas, x: float, y: float, w: float, h: float) -> None:
    """A window with daylight and a tree outside."""
    canvas.soft_box(x - 16, y - 10, w + 32, h + 40, "#000000", 0.25, 14)
    canvas.box(x - 22, y - 22, w + 44, h + 44, "#f5f3ee")
    canvas.fade(x, y, w, h, ((0, "#9cc9ee"), (0.6, "#dff0fa"), (1, "#eef4e6")))
    for _ in range(46):
        rng = canvas.kit.rng
        leaf_x, leaf_y = x + w * rng.uniform(0.08, 0.9), y + h * rng.uniform(0.6, 0.96)
        canvas.oval(leaf_x, leaf_y, w * 0.07, h * 0.035, rng.choice(("#6f9a58", "#83ad68", "#587f49")))
    canvas.box(x + w / 2 - 7, y, 14, h, "#f5f3ee")
    canvas.box(x, y + h * 0.45, w, 12, "#f5f3ee")
    canvas.box(x - 40, y + h + 22, w + 80, 22, "#e7e3da")


def block(canvas: Canvas, x: float, y: float, w: float, h: float, colour: str, radius: float = 20) -> None:
    """An upholstered volume: lighter above, darker below."""
    canvas.box(x, y, w, h, blend(colour, "#000000", 0.28), radius)
    canvas.box(x, y, w, h - min(14, h / 6), colour, radius)
    canvas.soft_box(x + radius, y + 10, w - 2 * radius, h * 0.16, "#ffffff", 0.16, 9)
    canvas.soft_box(x + radius, y + h * 0.76, w - 2 * radius, h * 0.16, "#000000", 0.26, 12)


def picture(canvas: Canvas, x: float, y: float, w: float, h: float, colours: tuple[str, str, str]) -> None:
    """A framed print."""
    canvas.soft_box(x + 6, y + 10, w, h, "#000000", 0.4, 9)
    canvas.box(x, y, w, h, "#2d2a27")
    canvas.box(x + 9, y + 9, w - 18, h - 18, "#faf7f0")
    canvas.fade(x + 32, y + 32, w - 64, h - 64, ((0, colours[0]), (1, colours[1])))
    canvas.oval(x + w / 2, y + h * 0.44, w * 0.16, w * 0.16, colours[2])


def plant(canvas: Canvas, x: float, y: float, size: float, pot: str = "#b5643c") -> None:
    """A big-leaved plant in a pot."""
    canvas.soft_box(x - size * 0.3, y - 8, size * 0.7, 24, "#000000", 0.5, 10)
    for index in range(17):
        side = (index - 8) / 8
        tip = (x + side * size * 0.85, y - size * (1.75 - abs(side) * 0.75) + canvas.kit.rng.uniform(-24, 24))
        mid = (x + side * size * 0.3, y - size * 0.95)
        tone = canvas.kit.rng.choice(("#2f6b3c", "#3f7f49", "#2a5c36", "#4d9157"))
        leaf: list[Point] = [(x, y - size * 0.5), (mid[0] - 20, mid[1]), tip, (mid[0] + 24, mid[1] + 10)]
        canvas.poly(smooth(leaf), tone)
        canvas.line(smooth([(x, y - size * 0.5), mid, tip], closed=False), "#1f4a2a99", 2)
    canvas.poly(
        [
            (x - size * 0.28, y - size * 0.5),
            (x + size * 0.28, y - size * 0.5),
            (x + size * 0.2, y),
            (x - size * 0.2, y),
        ],
        pot,
    )
    canvas.box(x - size * 0.31, y - size * 0.55, size * 0.62, size * 0.12, blend(pot, "#ffffff", 0.12), 4)


def floor_lamp(canvas: Canvas, x: float, top: float, bottom: float) -> None:
    """A standing lamp, switched on."""
    canvas.box(x - 5, top + 100, 10, bottom - top - 100, "#2b2b2d")
    canvas.oval(x, bottom, 62, 13, "#2b2b2d")
    canvas.glow(x, top + 60, 330, "#ffe9b5", 0.75)
    canvas.poly([(x - 62, top), (x + 62, top), (x + 100, top + 130), (x - 100, top + 130)], "#f6e4bd")
    canvas.soft([(x - 30, top + 20), (x + 30, top + 20), (x + 50, top + 120), (x - 50, top + 120)], "#fffbe8", 0.8, 14)


def finish(canvas: Canvas, corners: tuple[int, int, int, int]) -> Image.Image:
    """Daylight from one side, and the grain of an indoor photograph."""
    return canvas.kit.grain(lit(canvas.done(), corners), 0.09)


def living_room(kit: Kit) -> Image.Image:
    """A living room with a green sofa."""
    canvas = room(kit, "#e9e0d0", ("#7a5533", "#b98757"), 830)
    window(canvas, 110, 140, 330, 440)
    picture(canvas, 640, 170, 230, 290, ("#e8b07a", "#c0573f", "#f7e3b8"))
    picture(canvas, 910, 210, 190, 240, ("#28445c", "#7fa6b8", "#f2efe6"))
    floor_lamp(canvas, 1370, 330, 880)
    canvas.poly([(300, 1010), (1300, 1010), (1480, 1170), (120, 1170)], "#c9b89a")
    canvas.poly([(340, 1026), (1260, 1026), (1410, 1154), (190, 1154)], "#a3483a")
    canvas.poly([(390, 1040), (1210, 1040), (1330, 1140), (270, 1140)], "#d9c7a4")
    canvas.soft_box(390, 955, 830, 50, "#000000", 0.7, 16)
    for x in (450, 1150):
        canvas.box(x, 930, 22, 66, "#4a2f1a")
    green = "#3f7a57"
    block(canvas, 400, 560, 820, 270, green, 44)
    for x in (476, 810):
        block(canvas, x, 610, 326, 200, blend(green, "#ffffff", 0.06), 30)
        block(canvas, x, 780, 326, 110, blend(green, "#ffffff", 0.1), 24)
    block(canvas, 430, 860, 760, 90, blend(green, "#000000", 0.12), 16)
    for x in (370, 1130):
        block(canvas, x, 680, 116, 276, blend(green, "#000000", 0.06), 44)
    cushion = smooth([(500, 660), (640, 640), (650, 770), (510, 790)])
    canvas.poly(cushion, "#e2b04a")
    canvas.poly(smooth([(980, 650), (1110, 670), (1096, 796), (964, 776)]), "#f0e8d8")
    canvas.oval(800, 1086, 210, 44, "#00000055")
    canvas.box(640, 1050, 14, 110, "#5a3a20")
    canvas.box(946, 1050, 14, 110, "#5a3a20")
    canvas.oval(800, 1052, 220, 48, "#5a3a20")
    canvas.oval(800, 1044, 220, 48, "#a8764a")
    canvas.box(730, 1012, 120, 26, "#2f5d8a", 4)
    canvas.box(740, 994, 104, 18, "#e9e2d3", 4)
    plant(canvas, 180, 960, 190)
    return finish(canvas, (255, 240, 236, 205))


def drawers(canvas: Canvas, x: float, y: float, w: float, h: float, colour: str, rows: int) -> None:
    """A cabinet front with handles."""
    canvas.box(x, y, w, h, blend(colour, "#000000", 0.25))
    for index in range(rows):
        top = y + index * h / rows
        canvas.box(x + 4, top + 4, w - 8, h / rows - 8, colour, 4)
        canvas.soft_box(x + 10, top + h / rows - 26, w - 20, 14, "#000000", 0.16, 7)
        canvas.box(x + w / 2 - 38, top + 26, 76, 9, "#c9a24d", 4)


def kitchen(kit: Kit) -> Image.Image:
    """A kitchen in blue with white tiles."""
    canvas = room(kit, "#ece9e1", ("#8d8378", "#bfb5a8"), 1010)
    for row in range(6):
        for column in range(21):
            shade = kit.rng.choice(("#f7f7f4", "#eff0ee", "#fbfbf9"))
            canvas.box(column * 80 - (row % 2) * 40 + 2, 330 + row * 44 + 2, 76, 40, shade, 3)
    window(canvas, 630, 90, 330, 330)
    for x, w in ((40, 250), (300, 250), (1050, 250), (1310, 250)):
        canvas.soft_box(x, 330, w, 40, "#000000", 0.35, 12)
        canvas.box(x, 50, w, 290, "#31577d", 4)
        canvas.frame(x + 24, 74, w - 48, 242, "#244464", 4)
        canvas.oval(x + w - 36, 300, 9, 9, "#c9a24d")
    canvas.soft_box(0, 640, WIDE, 30, "#000000", 0.45, 12)
    for index in range(6):
        drawers(canvas, index * 268 - 4, 640, 266, 340, "#31577d", 3 if index % 2 else 2)
    canvas.image.paste(wood(kit, (WIDE * 2, 88), "#8a5f38", "#c89a66", 9999), (0, 598 * 2))
    canvas.box(536, 700, 268, 270, "#26282c", 8)
    canvas.box(560, 770, 220, 160, "#101214", 8)
    canvas.box(570, 738, 200, 12, "#b9bdc4", 6)
    for x in (590, 640, 700, 750):
        canvas.oval(x, 720, 10, 10, "#d7dade")
    canvas.box(560, 586, 220, 14, "#15171a", 4)
    canvas.box(600, 508, 130, 78, "#c43d2f", 12)
    canvas.box(580, 526, 170, 14, "#a83023", 6)
    canvas.oval(665, 504, 66, 12, "#dc5a48")
    canvas.poly([(150, 596), (180, 470), (236, 470), (268, 596)], "#d9dde1")
    canvas.line(smooth([(252, 500), (316, 510), (280, 570)], closed=False), "#33363b", 11)
    for index, colour in enumerate(("#e0b14b", "#7f9a5a", "#b5563c")):
        canvas.box(1060 + index * 92, 500, 74, 98, colour, 12)
        canvas.box(1056 + index * 92, 490, 82, 18, "#8a5f38", 6)
    canvas.poly(smooth([(1390, 560), (1560, 560), (1530, 598), (1420, 598)]), "#f2efe8")
    for x, y, colour in ((1436, 548, "#e58a2c"), (1480, 538, "#d63c2f"), (1516, 550, "#8fb33f")):
        canvas.oval(x, y, 26, 26, colour)
    canvas.line([(830, 596), (830, 500), (872, 470), (900, 500)], "#b9bdc4", 13)
    return finish(canvas, (246, 255, 224, 215))


def bedroom(kit: Kit) -> Image.Image:
    """A bedroom in dusky pink with a grey bed."""
    canvas = room(kit, "#e3c3bb", ("#a58a6c", "#d8bf9e"), 860)
    window(canvas, 1130, 130, 320, 430)
    for x in (1060, 1440):
        curtain = [(x, 96), (x + 96, 96), (x + 110, 400), (x + 100, 846), (x - 14, 846), (x - 6, 400)]
        canvas.poly(curtain, "#f4efe8")
        for shift in (22, 48, 76):
            canvas.soft_box(x + shift, 110, 10, 730, "#6b5a52", 0.3, 6)
    picture(canvas, 400, 150, 320, 220, ("#f3d9b1", "#9fb7a4", "#d9795d"))
    canvas.soft_box(180, 1080, 830, 60, "#000000", 0.6, 20)
    block(canvas, 200, 430, 780, 460, "#7d8088", 36)
    for x in (330, 460, 590, 720, 850):
        canvas.soft_box(x - 3, 460, 6, 300, "#000000", 0.35, 4)
    block(canvas, 190, 800, 800, 320, "#f3f0ea", 36)
    for x in (250, 610):
        canvas.soft(smooth([(x, 660), (x + 320, 650), (x + 330, 820), (x - 6, 826)]), "#000000", 0.35, 14)
        canvas.poly(
            smooth([(x, 664), (x + 160, 644), (x + 316, 660), (x + 322, 808), (x + 160, 824), (x - 4, 812)]), "#fbf9f5"
        )
    blanket = [(176, 890), (580, 866), (1000, 884), (1030, 1120), (600, 1150), (150, 1122)]
    canvas.poly(smooth(blanket), "#5b6f8f")
    for index in range(7):
        x = 240 + index * 116
        canvas.soft([(x, 900), (x + 16, 900), (x - 6, 1120), (x - 24, 1120)], "#1e2a40", 0.45, 8)
    canvas.soft_box(30, 1030, 140, 24, "#000000", 0.5, 10)
    canvas.box(30, 800, 136, 236, "#9b7148", 6)
    canvas.box(38, 860, 120, 74, "#b88a5c", 4)
    canvas.oval(98, 897, 9, 9, "#4a3320")
    canvas.glow(98, 660, 260, "#fff0c9", 0.8)
    canvas.poly([(58, 620), (138, 620), (160, 710), (36, 710)], "#fbe7bd")
    canvas.box(90, 710, 16, 70, "#6b4a2b")
    canvas.oval(98, 792, 42, 12, "#6b4a2b")
    plant(canvas, 1320, 1050, 150, "#e9e5dd")
    return finish(canvas, (238, 255, 214, 226))


def books(canvas: Canvas, x: float, y: float, w: float) -> None:
    """Spines on a shelf that stands at y."""
    end = x + w
    while x < end - 20:
        wide, tall = canvas.kit.rng.uniform(16, 34), canvas.kit.rng.uniform(86, 128)
        tone = canvas.kit.rng.choice(("#b5443a", "#2f5d7c", "#d9a441", "#4d7a57", "#e8e0d0", "#3a3540"))
        canvas.box(x, y - tall, wide, tall, tone, 2)
        canvas.box(x + 4, y - tall + 16, wide - 8, 6, "#ffffff88")
        x += wide + 2


def home_office(kit: Kit) -> Image.Image:
    """A desk with a screen, shelves and a chair."""
    canvas = room(kit, "#cfd8d3", ("#6b4c30", "#a87c50"), 900)
    for y in (230, 400):
        canvas.soft_box(900, y + 14, 560, 24, "#000000", 0.35, 9)
        books(canvas, 930, y, 330 if y == 230 else 210)
        canvas.box(900, y, 560, 20, "#a3764a")
    plant(canvas, 1390, 232, 74)
    canvas.box(1250, 330, 120, 70, "#e9e2d3", 6)
    canvas.box(1264, 344, 40, 40, "#c96f4a", 20)
    window(canvas, 120, 130, 340, 420)
    canvas.soft_box(300, 1040, 1050, 50, "#000000", 0.45, 20)
    for x in (330, 1280):
        canvas.box(x, 740, 26, 330, "#2b2c2f")
    canvas.image.paste(wood(kit, (1080 * 2, 36 * 2), "#a9794a", "#dcae7a", 9999), (280 * 2, 710 * 2))
    canvas.soft_box(280, 746, 1080, 20, "#000000", 0.5, 9)
    canvas.box(560, 410, 480, 280, "#15171a", 12)
    canvas.fade(572, 422, 456, 250, ((0, "#22314a"), (1, "#3f6487")))
    for index in range(8):
        wide = kit.rng.uniform(90, 330)
        canvas.box(600, 446 + index * 26, wide, 9, kit.rng.choice(("#8fd0b2", "#e0c073", "#d7dde6")), 4)
    canvas.box(780, 690, 40, 18, "#2b2c2f")
    canvas.box(710, 700, 180, 12, "#2b2c2f", 5)
    canvas.poly([(560, 710), (1000, 710), (1010, 724), (550, 724)], "#d7dade")
    canvas.box(1120, 640, 66, 70, "#f4f1ea", 10)
    canvas.ring(1192, 674, 22, "#f4f1ea", 9)
    canvas.line([(430, 706), (400, 540), (520, 470)], "#26282b", 12)
    canvas.poly([(490, 440), (560, 466), (536, 540), (450, 500)], "#d9532f")
    canvas.glow(470, 640, 220, "#ffe9b0", 0.5)
    canvas.oval(430, 708, 60, 10, "#26282b")
    block(canvas, 640, 690, 330, 260, "#34383f", 60)
    block(canvas, 610, 930, 390, 80, "#3d424a", 36)
    canvas.box(790, 1010, 30, 90, "#1d1f22")
    for x in (640, 805, 970):
        canvas.line([(805, 1090), (x, 1140)], "#1d1f22", 18)
        canvas.oval(x, 1146, 18, 18, "#111214")
    return finish(canvas, (255, 238, 226, 200))
