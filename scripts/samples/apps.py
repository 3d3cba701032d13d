"""More telephone screens: settings, a post, a shop, a calendar, music, a boarding pass."""

from __future__ import annotations

from PIL import Image

from scripts.samples.canvas import Canvas, Kit, smooth
from scripts.samples.papers import modules
from scripts.samples.screens import SLIM, TALL, avatar, phone, status


def settings(kit: Kit) -> Image.Image:
    """The storage settings of a telephone."""
    canvas = phone(kit, SLIM, "22:31", "#101216", "#ffffff")
    canvas.text(64, 180, "Storage", 84, "#ffffff", "bold")
    canvas.box(44, 320, 992, 300, "#1d2026", 40)
    canvas.text(90, 360, "112.4 GB of 128 GB used", 50, "#ffffff", "bold")
    x = 90.0
    for wide, colour in ((380, "#4d8df0"), (210, "#e7a33e"), (130, "#d85a6a"), (72, "#58b87a")):
        canvas.box(x, 456, wide, 46, colour)
        x += wide
    canvas.box(x, 456, 992 - x, 46, "#3a3f48")
    canvas.text(90, 538, "Storage almost full", 40, "#f0b45a")
    rows = (
        ("Photos and videos", "52.8 GB", "#4d8df0"),
        ("Apps", "29.1 GB", "#e7a33e"),
        ("Messages", "18.0 GB", "#d85a6a"),
        ("Music", "10.2 GB", "#58b87a"),
        ("System", "2.3 GB", "#8a8f99"),
    )
    canvas.box(44, 670, 992, 760, "#1d2026", 40)
    for index, (label, value, colour) in enumerate(rows):
        y = 744 + index * 150
        canvas.box(90, y - 38, 76, 76, colour, 20)
        canvas.text(206, y, label, 46, "#ffffff", at="lm")
        canvas.text(990, y, value, 44, "#a7adb8", at="rm")
    canvas.text(64, 1490, "Recommendations", 50, "#ffffff", "bold")
    canvas.box(44, 1580, 992, 440, "#1d2026", 40)
    tips = (
        ("Empty the bin", "frees 3.4 GB"),
        ("Review large attachments", "frees 7.9 GB"),
        ("Offload unused apps", "frees 6.2 GB"),
    )
    for index, (label, value) in enumerate(tips):
        canvas.text(90, 1620 + index * 134, label, 44, "#6fa8ff")
        canvas.text(90, 1678 + index * 134, value, 36, "#a7adb8")
    return canvas.done()


def harbour(canvas: Canvas, x: float, y: float, w: float, h: float) -> None:
    """The photograph inside the post: a kayak on a lake at dawn."""
    canvas.fade(x, y, w, h, ((0, "#f4a77a"), (0.42, "#f9d6a8"), (0.5, "#8fa9b8"), (1, "#2f5568")))
    canvas.glow(x + w * 0.64, y + h * 0.4, 260, "#fff3cf", 0.9)
    hills = [
        (x, y + h * 0.42),
        (x + w * 0.2, y + h * 0.3),
        (x + w * 0.42, y + h * 0.43),
        (x + w * 0.7, y + h * 0.34),
        (x + w, y + h * 0.42),
    ]
    canvas.poly([*hills, (x + w, y + h * 0.5), (x, y + h * 0.5)], "#5d6f7f")
    for index in range(26):
        top = y + h * 0.52 + index * h * 0.018
        left = x + w * canvas.kit.rng.uniform(0.1, 0.8)
        canvas.line([(left, top), (left + canvas.kit.rng.uniform(60, 190), top)], "#ffe6bf66", 4)
    hull = [
        (x + w * 0.14, y + h * 0.72),
        (x + w * 0.34, y + h * 0.775),
        (x + w * 0.62, y + h * 0.72),
        (x + w * 0.36, y + h * 0.83),
    ]
    canvas.poly(smooth(hull), "#c9372c")
    canvas.poly(
        smooth([(x + w * 0.33, y + h * 0.74), (x + w * 0.37, y + h * 0.62), (x + w * 0.41, y + h * 0.74)]), "#26313c"
    )
    canvas.oval(x + w * 0.37, y + h * 0.62, 30, 34, "#26313c")
    canvas.line([(x + w * 0.24, y + h * 0.62), (x + w * 0.52, y + h * 0.78)], "#f1e3c6", 8)


def post(kit: Kit) -> Image.Image:
    """Somebody's morning on the water."""
    canvas = phone(kit, SLIM, "20:16", "#ffffff")
    canvas.text(540, 180, "Pondside", 60, "#1f2a30", "serif-bold", "mm")
    canvas.line([(0, 240), (1080, 240)], "#e2e4e8", 2)
    avatar(canvas, 110, 324, 56, "LV", "#7c5cc4")
    canvas.text(192, 278, "Lotta Vinter", 44, face="bold")
    canvas.text(192, 334, "@lotta.paddles", 36, "#767c86")
    harbour(canvas, 0, 410, 1080, 1080)
    for index, colour in enumerate(("#d43b4f", "#30343b", "#30343b")):
        x = 90 + index * 120
        if index == 0:
            canvas.poly(
                smooth([(x, 1592), (x - 44, 1546), (x - 22, 1518), (x, 1536), (x + 22, 1518), (x + 44, 1546)]), colour
            )
        elif index == 1:
            canvas.frame(x - 40, 1522, 80, 58, colour, 6, 20)
        else:
            canvas.poly([(x - 40, 1520), (x + 44, 1546), (x - 40, 1586), (x - 20, 1548)], colour)
    canvas.text(64, 1630, "1,284 likes", 42, face="bold")
    words = "Up at five for the first paddle of the year. Water like glass, fingers like ice. Worth every minute!"
    y = canvas.prose(64, 1700, words, 42, 950)
    canvas.text(64, y + 8, "#kayak #goldenhour #plauersee", 42, "#2a5fb0")
    canvas.text(64, y + 70, "#slowmornings", 42, "#2a5fb0")
    canvas.text(64, y + 150, "View all 47 comments", 38, "#767c86")
    canvas.text(64, y + 210, "12 April", 34, "#767c86")
    return canvas.done()


def lamp(canvas: Canvas, x: float, y: float) -> None:
    """A desk lamp on show."""
    canvas.glow(x + 90, y + 260, 420, "#fff0c0", 0.9)
    canvas.oval(x - 60, y + 520, 190, 34, "#00000022")
    canvas.box(x - 190, y + 470, 260, 44, "#b8873b", 20)
    canvas.line([(x - 60, y + 480), (x - 170, y + 180), (x + 40, y - 20)], "#b8873b", 22)
    canvas.oval(x - 170, y + 180, 24, 24, "#8a6226")
    canvas.poly(
        smooth([(x + 10, y - 60), (x + 120, y - 40), (x + 230, y + 130), (x - 20, y + 160), (x - 30, y + 20)]),
        "#2d5f4c",
    )
    canvas.oval(x + 106, y + 146, 126, 30, "#fff6d6")


def product(kit: Kit) -> Image.Image:
    """A lamp in an online shop."""
    canvas = phone(kit, TALL, "12:47", "#ffffff")
    canvas.text(60, 170, "Lampenladen Lumo", 50, "#1f2a30", "serif-bold")
    canvas.fade(0, 270, 1170, 930, ((0, "#efe9df"), (0.75, "#e3d9c9"), (1, "#cdbfa9")))
    lamp(canvas, 560, 520)
    canvas.text(60, 1250, "Desk lamp Kranich, brass", 62, face="bold")
    canvas.text(60, 1340, "Adjustable arm, green shade", 44, "#5d636d")
    for index in range(5):
        canvas.oval(84 + index * 58, 1446, 22, 22, "#e7a33e" if index < 4 else "#d9d9d9")
    canvas.text(380, 1446, "4.3 (212 reviews)", 40, "#5d636d", at="lm")
    canvas.text(60, 1510, "89.00 EUR", 84, "#b3202f", "bold")
    canvas.text(590, 1546, "119.00 EUR", 48, "#8b9098")
    canvas.line([(584, 1574), (872, 1574)], "#8b9098", 4)
    canvas.text(60, 1660, "In stock, delivery in 2 - 4 days", 44, "#1c7a3d")
    details = (
        "Height 52 cm, shade 18 cm",
        "LED 8 W, warm white, dimmable",
        "Cable 1.8 m with switch",
        "Free returns within 30 days",
    )
    for index, words in enumerate(details):
        canvas.oval(76, 1790 + index * 84, 9, 9, "#1f2a30")
        canvas.text(112, 1790 + index * 84, words, 43, "#24272d", at="lm")
    canvas.box(60, 2200, 1050, 140, "#1f2a30", 70)
    canvas.text(585, 2270, "Add to basket", 54, "#ffffff", "bold", "mm")
    return canvas.done()


EVENTS = (
    ("09:00", "Dentist Dr. Amari", "Bahnhofstraße 14, check-up", "#d85a6a"),
    ("11:30", "Team meeting", "Room Elbe, bring the budget", "#4d8df0"),
    ("13:00", "Lunch with Farid", "Noodle bar at the canal", "#e7a33e"),
    ("15:15", "Parent evening prep", "Call Mrs Okafor", "#58b87a"),
    ("17:45", "Piano lesson Nora", "Music school, pick up 18:30", "#9a6fd0"),
    ("20:00", "Choir rehearsal", "St. Jakobi, bring Fauré score", "#3fa7a0"),
)


def calendar(kit: Kit) -> Image.Image:
    """A full day in the calendar."""
    canvas = phone(kit, SLIM, "06:58", "#fbfbfd")
    canvas.text(64, 160, "Wednesday", 84, face="bold")
    canvas.text(64, 268, "22 April 2026", 52, "#d43b4f")
    for index, day in enumerate("MTWTFSS"):
        x = 110 + index * 144
        canvas.text(x, 396, day, 36, "#8b9098", at="mm")
        if index == 2:
            canvas.oval(x, 470, 46, 46, "#d43b4f")
        canvas.text(x, 470, str(20 + index), 44, "#ffffff" if index == 2 else "#17191d", at="mm")
    for index, (hour, title, where, colour) in enumerate(EVENTS):
        y = 590 + index * 262
        canvas.text(64, y + 20, hour, 40, "#5d636d")
        canvas.box(230, y, 790, 220, "#ffffff", 28)
        canvas.frame(230, y, 790, 220, "#e3e5ea", 2, 28)
        canvas.box(230, y, 18, 220, colour, 9)
        canvas.text(286, y + 46, title, 48, face="bold")
        canvas.text(286, y + 126, where, 38, "#5d636d")
    return canvas.done()


def music(kit: Kit) -> Image.Image:
    """A song being played."""
    canvas = Canvas(kit, *SLIM)
    canvas.fade(0, 0, 1080, 2340, ((0, "#4a2748"), (0.6, "#221626"), (1, "#100c14")))
    status(canvas, "23:48", "#ffffff")
    canvas.text(540, 220, "PLAYING FROM PLAYLIST", 32, "#d8c3d6", at="mm")
    canvas.text(540, 276, "Rainy train rides", 42, "#ffffff", "bold", "mm")
    canvas.soft_box(110, 400, 860, 860, "#000000", 0.6, 30)
    canvas.fade(110, 400, 860, 860, ((0, "#1e3c72"), (0.55, "#e0708a"), (1, "#f7b267")))
    canvas.oval(540, 900, 210, 210, "#fbe3b5")
    for index in range(9):
        canvas.box(110, 940 + index * 36, 860, 8 + index * 3, "#2a1a4a")
    canvas.text(110, 1360, "Slow Harbour Lights", 66, "#ffffff", "bold")
    canvas.text(110, 1452, "Ada Wren and the Tides", 46, "#cbb8ca")
    canvas.box(110, 1590, 860, 10, "#ffffff44", 5)
    canvas.box(110, 1590, 330, 10, "#ffffff", 5)
    canvas.oval(440, 1595, 20, 20, "#ffffff")
    canvas.text(110, 1624, "1:37", 34, "#cbb8ca")
    canvas.text(970, 1624, "4:12", 34, "#cbb8ca", at="ra")
    canvas.oval(540, 1830, 96, 96, "#ffffff")
    for x in (506, 552):
        canvas.box(x, 1786, 24, 88, "#221626", 6)
    for side in (-1, 1):
        x = 540 + side * 250
        canvas.poly([(x - side * 36, 1790), (x + side * 30, 1830), (x - side * 36, 1870)], "#ffffff")
        canvas.box(x + side * 34 - 6, 1790, 12, 80, "#ffffff", 4)
    canvas.text(540, 2080, "Lyrics", 42, "#cbb8ca", at="mm")
    return canvas.done()


def boarding(kit: Kit) -> Image.Image:
    """A boarding pass in the wallet."""
    canvas = phone(kit, TALL, "05:36", "#0f1114", "#ffffff")
    canvas.box(50, 200, 1070, 2080, "#16437e", 54)
    canvas.text(110, 262, "POLARIS AIR", 56, "#ffffff", "bold")
    canvas.text(1060, 270, "Boarding pass", 44, "#cfe0f5", at="ra")
    for x, code, town, at in ((110, "HAM", "Hamburg", "la"), (1060, "LIS", "Lisbon", "ra")):
        canvas.text(x, 420, town, 48, "#cfe0f5", at=at)
        canvas.text(x, 490, code, 150, "#ffffff", "bold", at)
    canvas.line([(560, 575), (660, 575)], "#ffffff", 10)
    canvas.poly([(652, 542), (710, 575), (652, 608)], "#ffffff")
    facts = (
        (110, 800, "PASSENGER", "SOLBERG / MIRA"),
        (810, 800, "FLIGHT", "PA 2217"),
        (110, 990, "DATE", "11 JUN 2026"),
        (510, 990, "BOARDING", "06:10"),
        (810, 990, "DEPARTS", "06:45"),
        (110, 1180, "GATE", "B14"),
        (510, 1180, "SEAT", "23A"),
        (810, 1180, "GROUP", "3"),
    )
    for x, y, label, value in facts:
        canvas.text(x, y, label, 34, "#a9c4e6", "bold")
        canvas.text(x, y + 50, value, 56, "#ffffff", "narrow-bold")
    canvas.dashes((50, 1390), (1120, 1390), "#0f1114", 8, 22)
    canvas.box(275, 1460, 620, 680, "#ffffff", 36)
    modules(canvas, 325, 1510, 520)
    canvas.text(585, 2090, "Hand baggage 8 kg", 40, "#16437e", at="mm")
    canvas.text(585, 2210, "Gate closes 15 minutes before departure", 38, "#cfe0f5", at="mm")
    return canvas.done()
