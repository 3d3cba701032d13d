"""Telephone screens: messages, maps, weather, settings, a post, a shop, a calendar, music."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image

from scripts.samples.canvas import Canvas, Kit, smooth

TALL = (1170, 2532)
SLIM = (1080, 2340)


def phone(kit: Kit, size: tuple[int, int], clock: str, ground: str, ink: str = "#101114") -> Canvas:
    """An empty screen with its status bar."""
    canvas = Canvas(kit, *size, ground)
    status(canvas, clock, ink)
    return canvas


def status(canvas: Canvas, clock: str, ink: str) -> None:
    """Clock, signal and battery."""
    canvas.text(96, 74, clock, 46, ink, "bold", "lm")
    right = canvas.width - 80
    canvas.frame(right - 76, 54, 70, 36, ink, 4, 10)
    canvas.box(right - 68, 62, 42, 20, ink, 4)
    canvas.box(right - 3, 66, 6, 14, ink, 3)
    for index in range(4):
        canvas.box(right - 190 + index * 20, 84 - index * 10, 12, 8 + index * 10, ink, 3)
    canvas.box(canvas.width / 2 - 190, canvas.height - 30, 380, 12, ink, 6)


def avatar(canvas: Canvas, x: float, y: float, radius: float, letters: str, colour: str) -> None:
    """A round picture with initials."""
    canvas.oval(x, y, radius, radius, colour)
    canvas.text(x, y, letters, radius * 0.8, "#ffffff", "bold", "mm")


def bubble(canvas: Canvas, y: float, words: str, clock: str, mine: bool) -> float:
    """One message; returns where the next one goes."""
    lines = canvas.wrap(words, 42, "sans", 720)
    font = canvas.kit.font("sans", 84)
    wide = max(280, max(font.getlength(line) / 2 for line in lines) + 76)
    tall = len(lines) * 58 + 84
    x = canvas.width - 44 - wide if mine else 44
    canvas.box(x, y, wide, tall, "#2f7d6b" if mine else "#ffffff", 38)
    ink = "#ffffff" if mine else "#17191d"
    for index, line in enumerate(lines):
        canvas.text(x + 38, y + 26 + index * 58, line, 42, ink)
    canvas.text(x + wide - 34, y + tall - 44, clock, 27, "#cfe8e0" if mine else "#8b9098", at="ra")
    return y + tall + 26


Message = tuple[str, str, bool]
PLANS: tuple[Message, ...] = (
    ("Are we still on for climbing on Saturday?", "09:02", False),
    ("Yes! Boulder hall or the quarry?", "09:04", True),
    ("Quarry if it stays dry. Forecast says sun until 5.", "09:05", False),
    ("Great. I bring the rope and the quickdraws, you bring helmets?", "09:07", True),
    ("Deal. Pick you up at 8:30 by the water tower", "09:08", False),
    ("Jonas wants to join, is there room in the car?", "09:10", True),
    ("Sure, three is fine. He needs his own harness though", "09:12", False),
    ("I will tell him. Coffee is on me", "09:13", True),
)
BOILER: tuple[Message, ...] = (
    ("Hello Mr Kröger, the boiler in flat 3 shows error E12 and there is no hot water.", "18:20", True),
    ("Good evening. Since when?", "18:31", False),
    ("Since this morning. Pressure is at 0.4 bar.", "18:33", True),
    ("I have called the plumber, Mr Dahl. He comes tomorrow between 10 and 12.", "18:52", False),
    ("Thank you, I will be at home.", "18:54", True),
    ("Please run the tap once he is done and send me a photo of the display.", "18:55", False),
)


def chat(kit: Kit, name: str, letters: str, day: str, messages: Sequence[Message], clock: str) -> Image.Image:
    """A conversation."""
    canvas = phone(kit, TALL, clock, "#e9e4dc")
    canvas.box(0, 0, canvas.width, 290, "#f8f8f8")
    status(canvas, clock, "#101114")
    canvas.line([(78, 182), (50, 214), (78, 246)], "#2f7d6b", 8)
    avatar(canvas, 166, 214, 52, letters, "#c2643f")
    canvas.text(246, 168, name, 46, face="bold")
    canvas.text(246, 228, "online", 33, "#6d737c")
    canvas.box(canvas.width / 2 - 190, 336, 380, 62, "#d7d0c4", 31)
    canvas.text(canvas.width / 2, 367, day, 33, "#4b4f56", at="mm")
    y = 440.0
    for words, at, mine in messages:
        y = bubble(canvas, y, words, at, mine)
    bottom = canvas.height - 200
    canvas.box(0, bottom, canvas.width, 140, "#f8f8f8")
    canvas.box(44, bottom + 24, canvas.width - 210, 92, "#ffffff", 46)
    canvas.text(88, bottom + 70, "Message", 40, "#9aa0a8", at="lm")
    canvas.oval(canvas.width - 92, bottom + 70, 46, 46, "#2f7d6b")
    canvas.poly(
        [(canvas.width - 110, bottom + 50), (canvas.width - 68, bottom + 70), (canvas.width - 110, bottom + 90)],
        "#ffffff",
    )
    return canvas.done()


def streets(canvas: Canvas) -> None:
    """A town seen from above."""
    canvas.box(0, 0, 1170, 2532, "#eceae4")
    canvas.poly(
        smooth(
            [(-80, 1500), (300, 1380), (620, 1500), (1300, 1260), (1300, 1520), (640, 1720), (300, 1580), (-80, 1720)]
        ),
        "#a9d3ea",
    )
    for x, y, w, h in ((90, 520, 300, 260), (760, 840, 330, 300), (120, 1130, 210, 170), (620, 520, 180, 120)):
        canvas.box(x, y, w, h, "#c5e2b8", 26)
    roads = [[(0, y), (500, y + 50), (1170, y - 40)] for y in (470, 800, 1090, 1330, 1820)]
    roads += [[(x, 300), (x + 40, 1000), (x - 60, 1950)] for x in (60, 430, 700, 1110)]
    for thick, colour in ((40, "#cfcbc2"), (32, "#ffffff")):
        for road in roads:
            canvas.line(smooth(road, closed=False), colour, thick)
    canvas.line(smooth([(0, 980), (420, 920), (1170, 680)], closed=False), "#f3cf73", 44)
    for x, y, name in ((150, 640, "Stadtpark"), (800, 980, "Botanic Garden"), (760, 1540, "Trave")):
        canvas.text(x, y, name, 34, "#4d7a44" if name != "Trave" else "#3f7ea0", "oblique")


def directions(kit: Kit) -> Image.Image:
    """Walking directions on a map."""
    canvas = phone(kit, TALL, "18:02", "#eceae4")
    streets(canvas)
    way = smooth([(430, 1800), (452, 1340), (470, 1080), (690, 1050), (738, 800), (748, 560)], closed=False)
    canvas.line(way, "#1a4fb8", 26)
    canvas.line(way, "#4285e8", 18)
    canvas.oval(430, 1800, 34, 34, "#ffffff")
    canvas.oval(430, 1800, 24, 24, "#2b6fe0")
    canvas.poly(smooth([(748, 560), (690, 470), (720, 400), (776, 400), (806, 470)]), "#d43b33")
    canvas.oval(748, 446, 22, 22, "#ffffff")
    canvas.soft_box(40, 130, 1090, 220, "#000000", 0.3, 12)
    canvas.box(40, 124, 1090, 220, "#ffffff", 34)
    canvas.text(100, 160, "Your location", 42, "#5f656e")
    canvas.line([(100, 232), (1070, 232)], "#d9dce1", 2)
    canvas.text(100, 258, "Kino Lichtspiel Astra, Ringstraße 8", 42, face="bold")
    canvas.box(0, 1930, 1170, 602, "#ffffff", 44)
    canvas.text(70, 1980, "19 min", 76, "#1c7a3d", "bold")
    canvas.text(390, 2000, "(1.5 km) on foot", 52, "#5f656e")
    for index, words in enumerate(
        ("Head north on Puppenbrücke", "Turn right onto Gartenweg, 300 m", "Turn left at the botanic garden")
    ):
        canvas.oval(96, 2140 + index * 92, 14, 14, "#4285e8")
        canvas.text(146, 2114 + index * 92, words, 42)
    canvas.box(70, 2392, 320, 100, "#2b6fe0", 50)
    canvas.text(230, 2442, "Start", 46, "#ffffff", "bold", "mm")
    status(canvas, "18:02", "#101114")
    return canvas.done()


def sun(canvas: Canvas, x: float, y: float, size: float) -> None:
    """The weather is fine."""
    for index in range(12):
        turn = index * math.tau / 12
        inner = (x + size * 1.25 * math.cos(turn), y + size * 1.25 * math.sin(turn))
        outer = (x + size * 1.65 * math.cos(turn), y + size * 1.65 * math.sin(turn))
        canvas.line([inner, outer], "#ffd34d", size * 0.16)
    canvas.oval(x, y, size, size, "#ffd34d")


def cloud(canvas: Canvas, x: float, y: float, size: float, drops: int = 0) -> None:
    """A cloud, with rain if asked."""
    for dx, dy, share in ((-0.9, 0.2, 0.62), (0, -0.2, 0.92), (0.9, 0.18, 0.66)):
        canvas.oval(x + dx * size, y + dy * size, size * share, size * share, "#f1f5fa")
    canvas.box(x - size * 1.3, y + size * 0.15, size * 2.6, size * 0.68, "#f1f5fa", size * 0.34)
    for index in range(drops):
        left = x - size * 0.8 + index * size * 0.8
        canvas.line([(left, y + size * 1.1), (left - size * 0.24, y + size * 1.65)], "#8fd0ff", size * 0.15)


WEEK = (
    ("Friday", 3, "6°", "13°"),
    ("Saturday", 3, "5°", "10°"),
    ("Sunday", 2, "4°", "11°"),
    ("Monday", 0, "3°", "14°"),
    ("Tuesday", -1, "5°", "17°"),
    ("Wednesday", -1, "7°", "19°"),
    ("Thursday", 0, "8°", "18°"),
)


def weather(kit: Kit) -> Image.Image:
    """The forecast of a week."""
    canvas = Canvas(kit, *SLIM)
    canvas.fade(0, 0, 1080, 2340, ((0, "#2f6fb5"), (0.5, "#5b93cb"), (1, "#9fbfdd")))
    status(canvas, "07:05", "#ffffff")
    canvas.text(540, 250, "Rostock", 84, "#ffffff", at="mm")
    canvas.text(540, 430, "11°", 210, "#ffffff", "light", "mm")
    canvas.text(540, 586, "Rain from noon, strong wind", 48, "#eaf3fc", at="mm")
    canvas.text(540, 654, "High 13°  Low 6°", 44, "#eaf3fc", at="mm")
    canvas.box(50, 730, 980, 290, "#1f4f8566", 36)
    for index, (hour, heat) in enumerate(
        (("Now", "11°"), ("10", "12°"), ("12", "13°"), ("14", "11°"), ("16", "10°"), ("18", "9°"))
    ):
        x = 130 + index * 164
        canvas.text(x, 776, hour, 38, "#ffffff", at="mm")
        if index < 2:
            sun(canvas, x, 866, 26)
        else:
            cloud(canvas, x, 856, 34, 3)
        canvas.text(x, 972, heat, 44, "#ffffff", "bold", "mm")
    canvas.box(50, 1060, 980, 1080, "#1f4f8566", 36)
    canvas.text(92, 1092, "7-DAY FORECAST", 34, "#cfe2f5", "bold")
    for index, (day, drops, low, high) in enumerate(WEEK):
        y = 1220 + index * 132
        canvas.line([(92, y - 62), (988, y - 62)], "#ffffff55", 2)
        canvas.text(92, y, day, 44, "#ffffff", at="lm")
        if drops < 0:
            sun(canvas, 480, y, 28)
        else:
            cloud(canvas, 480, y - 8, 32, drops)
        canvas.text(640, y, low, 44, "#d5e6f7", at="lm")
        canvas.box(730, y - 6, 160, 12, "#ffd34d", 6)
        canvas.text(988, y, high, 44, "#ffffff", at="rm")
    return canvas.done()
