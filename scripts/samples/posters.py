"""Posters on walls: a concert, an exhibition, a flea market, a lost cat."""

from __future__ import annotations

import math

from PIL import Image

from scripts.samples.canvas import Canvas, Kit, blend, smooth
from scripts.samples.surfaces import aged, photograph

SIZE = (1000, 1400)


def hung(kit: Kit, canvas: Canvas, wall: str, angle: float) -> Image.Image:
    """The poster on its wall."""
    return photograph(kit, aged(kit, canvas.done(), 0.3), (1200, 1600), wall, angle)


def lantern(canvas: Canvas, x: float, y: float, size: float, colour: str) -> None:
    """A paper lantern, lit from inside."""
    canvas.glow(x, y, size * 2.6, colour, 0.75)
    canvas.line([(x, y - size * 1.5), (x, y - size)], "#00000099", 3)
    canvas.oval(x, y, size * 0.92, size, colour)
    canvas.glow(x, y + size * 0.1, size * 0.9, "#fff6d8", 0.95)
    for share in (-0.66, -0.33, 0, 0.33, 0.66):
        half = size * 0.92 * math.sqrt(1 - share * share)
        canvas.line([(x - half, y + share * size), (x + half, y + share * size)], "#7a2a1050", 2)
    canvas.box(x - size * 0.3, y - size * 1.06, size * 0.6, size * 0.12, "#3a1420")
    canvas.box(x - size * 0.3, y + size * 0.94, size * 0.6, size * 0.12, "#3a1420")


def concert(kit: Kit) -> Image.Image:
    """A night concert among lanterns."""
    canvas = Canvas(kit, *SIZE)
    canvas.fade(0, 0, 1000, 1400, ((0, "#150b2e"), (0.55, "#48185c"), (0.8, "#a8324e"), (1, "#2a0f2e")))
    for _ in range(120):
        x, y = kit.rng.uniform(0, 1000), kit.rng.uniform(0, 700)
        canvas.oval(x, y, 1.6, 1.6, "#ffffff" if kit.rng.random() < 0.5 else "#ffd9a0")
    for x, y, size, colour in (
        (180, 210, 74, "#f08a3c"),
        (470, 150, 52, "#f4b04a"),
        (790, 250, 88, "#ec6a4a"),
        (330, 380, 44, "#f6c25e"),
        (620, 420, 58, "#ef7f45"),
    ):
        lantern(canvas, x, y, size, colour)
    canvas.spaced(500, 600, "THE PAPER", 112, "#fff3da", "serif-narrow-bold", 6)
    canvas.spaced(500, 728, "LANTERNS", 124, "#fff3da", "serif-narrow-bold", 8)
    canvas.text(500, 834, "live with string quartet", 44, "#f7c58a", "serif-italic", "mm")
    canvas.line([(300, 894), (700, 894)], "#f7c58a", 3)
    canvas.text(500, 966, "Saturday 23 May 2026", 60, "#ffffff", "narrow-bold", "mm")
    canvas.text(500, 1046, "Kupferhalle Leipzig", 56, "#ffffff", "narrow-bold", "mm")
    canvas.text(500, 1124, "Doors 19:00 - Concert 20:00", 40, "#ffe2bd", "sans", "mm")
    canvas.text(500, 1214, "Support: Nils Harbour Trio", 38, "#ffe2bd", "sans", "mm")
    canvas.text(500, 1310, "Tickets 28 EUR at kupferhalle.example", 36, "#f7c58a", "bold", "mm")
    return hung(kit, canvas, "bricks", 0.8)


def exhibition(kit: Kit) -> Image.Image:
    """An exhibition about one colour."""
    canvas = Canvas(kit, *SIZE, "#f2efe8")
    shades = ("#0b1f5c", "#123a9c", "#1f5fd0", "#4d8fe8", "#9cc4f2", "#0e7c9b", "#2747b8")
    for row in range(6):
        for column in range(5):
            x, y = 70 + column * 172, 70 + row * 122
            colour = kit.rng.choice(shades)
            canvas.box(x, y, 172, 122, colour)
            match kit.rng.randrange(4):
                case 0:
                    canvas.oval(x + 86, y + 61, 56, 56, kit.rng.choice(shades))
                case 1:
                    canvas.poly([(x, y + 122), (x + 172, y), (x + 172, y + 122)], kit.rng.choice(shades))
                case 2:
                    canvas.box(x, y + 61, 172, 61, blend(colour, "#ffffff", 0.25))
                case _:
                    canvas.ring(x + 86, y + 61, 44, blend(colour, "#ffffff", 0.5), 9)
    canvas.text(66, 806, "BLUE", 250, "#0b1f5c", "bold")
    canvas.text(74, 1068, "Six centuries of a colour", 60, "#16203a", "serif-italic")
    canvas.text(74, 1166, "18 April - 30 August 2026", 46, "#16203a", "narrow-bold")
    canvas.text(74, 1228, "Museum am Deich, Bremen", 42, "#16203a", "narrow-bold")
    canvas.text(74, 1296, "Exhibition open Tue - Sun 10 - 18, Thu until 21", 29, "#3c4560")
    canvas.text(74, 1338, "Admission 9 EUR, under 18 free", 29, "#3c4560")
    return hung(kit, canvas, "plaster", -0.9)


def flea_market(kit: Kit) -> Image.Image:
    """A flea market by the river."""
    canvas = Canvas(kit, *SIZE, "#f7c948")
    for index in range(24):
        turn, wide = index * math.tau / 24, math.tau / 48
        far = [
            (500 + 1300 * math.cos(turn + side), 640 + 1300 * math.sin(turn + side)) for side in (-wide / 2, wide / 2)
        ]
        canvas.poly([(500, 640), *far], "#fadb77")
    for row, droop in ((50, 90), (170, 70)):
        for index in range(11):
            x = index * 100 - 20
            y = row + droop * math.sin(math.pi * index / 10)
            colour = ("#d1495b", "#00798c", "#edae49", "#30638e")[index % 4]
            canvas.poly([(x, y), (x + 82, y + 6), (x + 40, y + 92)], colour)
    canvas.text(500, 400, "RIVERSIDE", 116, "#7c1f2d", "narrow-bold", "mm")
    canvas.text(500, 530, "FLEA MARKET", 122, "#7c1f2d", "narrow-bold", "mm")
    canvas.box(170, 624, 660, 92, "#00798c", 46)
    canvas.text(500, 670, "Sunday 7 June, 9 am - 4 pm", 42, "#ffffff", "narrow-bold", "mm")
    canvas.text(500, 782, "Old Tram Depot, Uferweg 21", 48, "#3a1c10", "narrow-bold", "mm")
    stall(canvas)
    canvas.text(500, 1278, "Records - Books - Lamps - Bicycles - Cake", 37, "#3a1c10", "bold", "mm")
    canvas.text(500, 1338, "Stall 15 EUR per metre, register by 31 May", 34, "#3a1c10", "sans", "mm")
    return hung(kit, canvas, "slate", 1.3)


def stall(canvas: Canvas) -> None:
    """A market stall with a striped awning and things to sell."""
    for index in range(10):
        colour = "#d1495b" if index % 2 else "#fff6e0"
        x = 150 + index * 70
        canvas.poly([(190 + index * 62, 850), (252 + index * 62, 850), (x + 70, 950), (x, 950)], colour)
        canvas.oval(x + 35, 950, 35, 24, colour)
    for x in (176, 808):
        canvas.box(x, 950, 16, 260, "#7a4a22")
    canvas.box(160, 1120, 680, 34, "#8f5a2c", 6)
    canvas.box(176, 1154, 648, 70, "#b87a3f")
    for index in range(7):
        canvas.box(
            220 + index * 25,
            1050 - index % 3 * 10,
            22,
            70 + index % 3 * 10,
            ("#30638e", "#7c1f2d", "#3a7d44")[index % 3],
        )
    canvas.poly([(470, 1010), (550, 1010), (576, 1070), (444, 1070)], "#00798c")
    canvas.box(504, 1070, 12, 50, "#3a1c10")
    canvas.oval(690, 1064, 54, 54, "#1d1d20")
    canvas.oval(690, 1064, 18, 18, "#d1495b")
    canvas.oval(690, 1064, 4, 4, "#fff6e0")


def lost_cat(kit: Kit) -> Image.Image:
    """A notice about a missing cat."""
    canvas = Canvas(kit, *SIZE, "#fcfcfa")
    canvas.text(500, 130, "LOST CAT", 150, "#b3202f", "bold", "mm")
    canvas.box(150, 240, 700, 560, "#c9d6bf", 8)
    canvas.fade(150, 240, 700, 560, ((0, "#b8cfd8"), (0.6, "#c3d3b0"), (1, "#8ea873")))
    cat(canvas, 500, 560)
    canvas.text(500, 872, "Miso, grey tabby, 4 years", 56, "#16181c", "narrow-bold", "mm")
    text = "Missing since Monday 9 March near Rosengarten. White paws, green collar with a bell, very shy. Check sheds."
    y = 930.0
    for line in canvas.wrap(text, 36, "sans", 820):
        canvas.text(500, y, line, 36, "#2a2d33", at="ma")
        y += 52
    canvas.text(500, y + 74, "040 66969 342", 86, "#b3202f", "bold", "mm")
    canvas.text(500, y + 160, "Reward 100 EUR - ask for Tilda", 40, "#16181c", "sans", "mm")
    return hung(kit, canvas, "wood", -1.8)


def cat(canvas: Canvas, x: float, y: float) -> None:
    """A grey cat looking out of the picture."""
    fur, dark = "#8b8f94", "#5a5e64"
    body = smooth(
        [
            (x - 60, y + 60),
            (x + 60, y + 60),
            (x + 170, y + 180),
            (x + 180, y + 250),
            (x - 180, y + 250),
            (x - 170, y + 180),
        ]
    )
    canvas.poly([(px, min(py, y + 239)) for px, py in body], fur)
    for side in (-1, 1):
        canvas.poly([(x + side * 150, y - 190), (x + side * 40, y - 120), (x + side * 142, y - 20)], fur)
        canvas.poly([(x + side * 136, y - 156), (x + side * 70, y - 110), (x + side * 128, y - 50)], "#d7a9a4")
    canvas.oval(x, y, 158, 132, fur)
    for shift in (-50, 0, 50):
        canvas.line([(x + shift, y - 124), (x + shift * 0.7, y - 66)], dark, 13)
    for side in (-1, 1):
        for lift in (0, 30):
            canvas.line([(x + side * 152, y + 4 + lift), (x + side * 100, y + 10 + lift)], dark, 11)
        canvas.oval(x + side * 64, y - 14, 37, 32, "#d9d46a")
        canvas.oval(x + side * 64, y - 14, 12, 29, "#15171a")
        canvas.oval(x + side * 60, y - 26, 6, 6, "#ffffff")
        for lift in (-12, 4, 20):
            canvas.line([(x + side * 40, y + 58), (x + side * 190, y + 50 + lift * 2)], "#ffffffaa", 2)
    canvas.oval(x - 30, y + 66, 36, 28, "#d9dbdd")
    canvas.oval(x + 30, y + 66, 36, 28, "#d9dbdd")
    canvas.poly([(x - 18, y + 36), (x + 18, y + 36), (x, y + 56)], "#c9767a")
    canvas.line([(x - 94, y + 126), (x, y + 146), (x + 94, y + 126)], "#2f8f5b", 18)
    canvas.oval(x, y + 162, 15, 15, "#e3b341")
