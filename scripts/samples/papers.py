"""Paper on tables: recipe cards, notes, tickets."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from scripts.samples.canvas import Canvas, Kit
from scripts.samples.receipts import barcode
from scripts.samples.surfaces import aged, creased, outline, photograph

INK = "#23356e"
SOUP = (
    "Red lentil soup",
    "for 4 - 30 minutes",
    (
        "250 g red lentils",
        "1 onion, 2 carrots",
        "1 tin coconut milk",
        "2 tsp cumin, 1 tsp turmeric",
        "juice of 1 lemon",
    ),
    (
        "Fry onion and carrots in oil until soft,",
        "add the spices, then lentils and 1 litre of",
        "stock. Simmer 20 min. Stir in coconut milk",
        "and lemon. Serve with flat bread.",
    ),
)
CRUMBLE = (
    "Apple crumble",
    "from Grandma Edda",
    ("6 sour apples", "150 g flour", "100 g cold butter", "90 g brown sugar", "a handful of oats, cinnamon"),
    (
        "Peel and slice the apples into the dish.",
        "Rub butter, flour, sugar and oats to crumbs",
        "and strew on top. Bake 35 min at 190 C.",
        "Best warm, with vanilla custard!",
    ),
)
PANCAKES = (
    "Sunday pancakes",
    "makes about 12",
    ("300 g flour", "3 eggs", "400 ml milk", "1 tsp baking powder", "pinch of salt, butter to fry"),
    (
        "Whisk everything and let it rest 15 min.",
        "Fry on medium heat, flip when bubbles",
        "come up. Blueberries and maple syrup.",
    ),
)
Recipe = tuple[str, str, Sequence[str], Sequence[str]]


def recipe(kit: Kit, card: Recipe, paper: str, ink: str, ground: str, angle: float) -> Image.Image:
    """A recipe written by hand on a ruled card."""
    title, under, needs, steps = card
    canvas = Canvas(kit, 1180, 900, paper)
    for y in range(210, 900, 62):
        canvas.line([(0, y), (1180, y)], "#8fb0cf88", 2)
    canvas.line([(0, 148), (1180, 148)], "#d4686888", 3)
    canvas.hand(70, 116, title, 66, ink, 4)
    canvas.hand(820, 120, under, 34, ink)
    for index, need in enumerate(needs):
        canvas.hand(90, 200 + index * 62, "- " + need, 40, ink)
    for index, step in enumerate(steps):
        canvas.hand(90, 572 + index * 62, step, 42, ink)
    for _ in range(3):
        spot_x, spot_y = kit.rng.uniform(700, 1100), kit.rng.uniform(220, 480)
        canvas.glow(spot_x, spot_y, kit.rng.uniform(20, 70), "#a86a2a", 0.3)
    canvas.ring(1010, 345, 88, "#9a6a3a30", 6)
    sheet = aged(kit, canvas.done(), 0.7)
    return photograph(kit, sheet, (1600, 1200), ground, angle, outline(sheet.size, 14))


def field(canvas: Canvas, x: float, y: float, label: str, value: str, size: float = 34, face: str = "bold") -> None:
    """A small label with its value underneath."""
    canvas.text(x, y, label.upper(), size * 0.58, "#6a6f78", "sans")
    canvas.text(x, y + size * 0.8, value, size, "#16181d", face)


def modules(canvas: Canvas, x: float, y: float, side: float, ink: str = "#111111") -> None:
    """A square code that means nothing."""
    count, cell = 25, side / 25
    for row in range(count):
        for column in range(count):
            if canvas.kit.rng.random() < 0.48:
                canvas.box(x + column * cell, y + row * cell, cell + 0.5, cell + 0.5, ink)
    for left, top in ((0, 0), (18, 0), (0, 18)):
        canvas.box(x + (left - 0.5) * cell, y + (top - 0.5) * cell, cell * 8, cell * 8, "#ffffff")
        canvas.box(x + left * cell, y + top * cell, cell * 7, cell * 7, ink)
        canvas.box(x + (left + 1) * cell, y + (top + 1) * cell, cell * 5, cell * 5, "#ffffff")
        canvas.box(x + (left + 2) * cell, y + (top + 2) * cell, cell * 3, cell * 3, ink)


def train_ticket(kit: Kit) -> Image.Image:
    """A printed railway ticket."""
    canvas = Canvas(kit, 1300, 620, "#f6f1e2")
    for index in range(0, 1300, 26):
        canvas.line([(index, 110), (index + 340, 620)], "#e4d6b055", 5)
    canvas.box(0, 0, 1300, 112, "#0d5c63")
    canvas.text(48, 56, "NORDLINIE", 54, "#ffffff", "bold", "lm")
    canvas.text(1252, 56, "Train ticket - 2nd class", 34, "#dff3f0", "sans", "rm")
    canvas.text(48, 150, "Hamburg Hbf", 56, "#16181d", "narrow-bold")
    canvas.text(580, 150, "København H", 56, "#16181d", "narrow-bold")
    canvas.line([(458, 186), (532, 186)], "#0d5c63", 6)
    canvas.poly([(528, 172), (554, 186), (528, 200)], "#0d5c63")
    field(canvas, 48, 260, "Date", "Fri 08 May 2026")
    field(canvas, 400, 260, "Departs", "07:53")
    field(canvas, 600, 260, "Arrives", "12:34")
    field(canvas, 48, 360, "Train", "NL 381")
    field(canvas, 280, 360, "Coach", "22")
    field(canvas, 430, 360, "Seat", "64 window")
    field(canvas, 700, 360, "Price", "49.90 EUR")
    field(canvas, 48, 460, "Passenger", "Mira Solberg")
    field(canvas, 430, 460, "Booking", "K7QX2M")
    canvas.text(48, 566, "Not refundable. Seat reservation included. Carry identification.", 24, "#55585f")
    modules(canvas, 972, 238, 276)
    sheet = creased(aged(kit, canvas.done(), 0.4), (0.52,))
    return photograph(kit, sheet, (1600, 1100), "birch", 2.2, outline(sheet.size, 22))


def cinema_stub(kit: Kit) -> Image.Image:
    """A cinema ticket with its stub still on."""
    canvas = Canvas(kit, 1200, 520, "#e9b44c")
    canvas.frame(22, 22, 1156, 476, "#8c2f1b", 5, 18)
    canvas.frame(34, 34, 1132, 452, "#8c2f1b", 2, 14)
    canvas.text(440, 92, "LICHTSPIEL ASTRA", 46, "#8c2f1b", "serif-narrow-bold", "mm")
    canvas.text(440, 178, "The Lighthouse Keeper's Map", 47, "#2a1209", "serif-narrow-bold", "mm")
    canvas.text(440, 234, "English with German subtitles", 28, "#5a2a15", "serif-italic", "mm")
    for x, label, value in (
        (84, "DATE", "19 Mar 2026"),
        (360, "TIME", "20:15"),
        (560, "SCREEN", "2"),
        (700, "ROW", "G"),
    ):
        canvas.text(x, 296, label, 22, "#8c2f1b", "bold")
        canvas.text(x, 326, value, 38, "#2a1209", "narrow-bold")
    canvas.text(84, 408, "Seat 11   Adult   11.50 EUR", 32, "#2a1209", "mono-bold")
    canvas.dashes((850, 26), (850, 496), "#8c2f1b", 5, 11)
    canvas.text(1012, 130, "ADMIT", 62, "#8c2f1b", "serif-narrow-bold", "mm")
    canvas.text(1012, 204, "ONE", 62, "#8c2f1b", "serif-narrow-bold", "mm")
    canvas.text(1012, 290, "G 11", 58, "#2a1209", "mono-bold", "mm")
    barcode(canvas, 900, 350, 226, 84, "#2a1209")
    sheet = aged(kit, canvas.done(), 0.7)
    return photograph(kit, sheet, (1600, 1200), "walnut", -7.5, outline(sheet.size, 20))


def ferry_ticket(kit: Kit) -> Image.Image:
    """A ferry ticket for two people and two bicycles."""
    canvas = Canvas(kit, 760, 1240, "#fbfbf8")
    canvas.box(0, 0, 760, 210, "#1b3a6b")
    for index in range(4):
        wave = [(x, 178 + index * 13 + (7 if (x // 38 + index) % 2 else -7)) for x in range(0, 799, 38)]
        canvas.line(wave, "#7fb2e0", 4)
    canvas.text(44, 84, "INSELFÄHRE AMRA", 58, "#ffffff", "narrow-bold", "lm")
    canvas.text(44, 142, "Return ferry ticket", 34, "#cfe2f6", "sans", "lm")
    canvas.text(44, 250, "Dagebüll  -  Wyk auf Föhr", 44, "#14161b", "narrow-bold")
    field(canvas, 44, 340, "Outward", "Sat 25 July 2026, 10:20", 38)
    field(canvas, 44, 444, "Return", "Sun 2 August 2026, 16:05", 38)
    for index, (what, cost) in enumerate((("2 Adults", "33.80"), ("2 Bicycles", "18.40"), ("1 Dog", "6.50"))):
        canvas.text(44, 570 + index * 54, what, 36)
        canvas.text(716, 570 + index * 54, cost, 36, at="ra")
    canvas.line([(44, 742), (716, 742)], "#777c85", 2)
    canvas.text(44, 764, "Total", 42, face="bold")
    canvas.text(716, 764, "58.70 EUR", 42, face="bold", at="ra")
    canvas.prose(44, 850, "Be at the pier 20 minutes before departure. Valid on deck 1 and 2.", 27, 660, "#4a4e57")
    modules(canvas, 260, 956, 240)
    sheet = creased(aged(kit, canvas.done(), 0.4), (0.33, 0.66))
    return photograph(kit, sheet, (1080, 1500), "linen", -3.0, outline(sheet.size, 6))


def wifi_note(kit: Kit) -> Image.Image:
    """A sticky note with the password of the network."""
    canvas = Canvas(kit, 760, 760, "#f7e06a")
    canvas.fade(0, 0, 760, 760, ((0, "#ecd257"), (0.18, "#f7e270"), (1, "#fae987")))
    for index, words in enumerate(("WiFi guest room", "Network: Birkenhof 5G", "Password:", "tall-otter-82-plum")):
        canvas.hand(60, 170 + index * 116, words, 56 if index != 3 else 60, "#1c2a3a", 3)
    canvas.line([(58, 546), (640, 538)], "#1c2a3a", 4)
    canvas.hand(60, 660, "router is in the hall :)", 44, "#1c2a3a")
    sheet = aged(kit, canvas.done(), 0.3)
    return photograph(kit, sheet, (1200, 1200), "birch", 5.0)


def shopping_list(kit: Kit) -> Image.Image:
    """A torn page with things to buy."""
    canvas = Canvas(kit, 700, 1060, "#fdfcf7")
    for x in range(0, 700, 36):
        canvas.line([(x, 0), (x, 1060)], "#b9cfe466", 1)
    for y in range(0, 1060, 36):
        canvas.line([(0, y), (700, y)], "#b9cfe466", 1)
    canvas.hand(56, 120, "To buy for the party", 54, "#7a1f2b", 3)
    wanted = (
        "paper cups, 30",
        "lemonade x6",
        "ice cubes!",
        "tea lights",
        "balloons (silver)",
        "crisps + olives",
        "cake candles",
    )
    for index, words in enumerate(wanted):
        y = 226 + index * 104
        canvas.frame(58, y - 36, 38, 38, "#23356e", 3, 4)
        canvas.hand(124, y, words, 48, INK)
        if index in {1, 3}:
            canvas.line([(62, y - 22), (74, y - 6), (106, y - 52)], "#b3202f", 6)
    sheet = aged(kit, canvas.done(), 0.3)
    return photograph(kit, sheet, (1050, 1400), "wood", -4.0)
