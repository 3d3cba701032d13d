"""Till receipts: one drawing, many shops."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from scripts.samples.canvas import Canvas, Kit
from scripts.samples.surfaces import aged, creased, outline, photograph

WIDTH = 640


@dataclass(frozen=True)
class Receipt:
    """What a till printed."""

    shop: str
    under: tuple[str, ...]
    when: str
    items: tuple[tuple[str, int], ...]
    paid: str
    footer: tuple[str, ...]
    vat: int = 19
    sign: str = "EUR"
    ground: str = "wood"
    angle: float = 1.6

    @property
    def total(self) -> int:
        """The sum of the items, in cents."""
        return sum(price for _, price in self.items)


BAKERY = Receipt(
    "KRUME & KORN",
    ("Bakery and coffee", "Lindenweg 12, 20255 Hamburg"),
    "14.03.2026  08:12   No. 4471",
    (
        ("Sourdough loaf 1 kg", 540),
        ("Butter croissant x2", 380),
        ("Poppy seed roll x4", 280),
        ("Cinnamon bun", 290),
        ("Flat white, oat", 390),
    ),
    "Card, contactless",
    ("Bread from yesterday: half price", "Thank you, see you tomorrow!"),
    vat=7,
)
HARDWARE = Receipt(
    "NORDBOHR",
    ("Tools - Paint - Timber", "Werftstraße 88, 24143 Kiel", "Tel. 040 66969 214"),
    "21.02.2026  16:47   Till 3",
    (
        ("Wall paint matt white 5 L", 3490),
        ("Paint roller set", 1250),
        ("Masking tape 50 m", 420),
        ("Wood screws 4x40 (200)", 680),
        ("Drill bit 8 mm", 560),
        ("Dust sheet 4x5 m", 300),
    ),
    "Debit card",
    ("Exchange within 30 days", "only with this receipt.", "Mixed paint cannot be returned."),
    ground="slate",
    angle=-2.1,
)
GROCERIES = Receipt(
    "HAFENMARKT",
    ("Fresh every day", "Am Kai 3, 20457 Hamburg"),
    "02.04.2026  18:31   Till 5",
    (
        ("Bananas 1.2 kg", 215),
        ("Oat milk 1 L x3", 567),
        ("Spaghetti 500 g", 129),
        ("Cherry tomatoes", 249),
        ("Parmesan 200 g", 459),
        ("Olive oil 0.75 L", 899),
        ("Eggs, free range x10", 329),
        ("Dish soap", 165),
        ("Deposit bottle x6", 150),
    ),
    "Cash 40.00   Change 8.38",
    ("You collected 31 points.", "Open until 10 pm."),
    vat=7,
    ground="stone",
    angle=0.9,
)
CAFE = Receipt(
    "CAFÉ ALBATROS",
    ("Breakfast all day", "Deichstraße 40, Hamburg", "Table 7 - served by Jonna"),
    "28.03.2026  11:26",
    (
        ("2 Cappuccino", 840),
        ("1 Shakshuka", 1190),
        ("1 Avocado toast", 1050),
        ("1 Carrot cake", 460),
        ("1 Sparkling water", 350),
    ),
    "Card",
    ("Tip is not included.", "WiFi: albatros-guest"),
    ground="walnut",
    angle=-1.2,
)
PHARMACY = Receipt(
    "MÖWEN APOTHEKE",
    ("Pharmacy at the fish market", "Große Elbstraße 5, Hamburg"),
    "09.01.2026  17:58",
    (
        ("Ibuprofen 400 mg, 20 tabl.", 595),
        ("Nasal spray 10 ml", 449),
        ("Throat lozenges honey", 679),
        ("Vitamin D3 drops", 895),
        ("Plasters, assorted", 325),
    ),
    "Card",
    ("Get well soon!",),
    ground="linen",
    angle=2.4,
)
BICYCLE = Receipt(
    "SPOKE & CHAIN",
    ("Bicycle workshop", "14 Mill Lane, Bristol", "020 7946 0318"),
    "17 Apr 2026   Job 2093",
    (
        ("Brake pads, front + rear", 2400),
        ("Chain 11-speed", 3150),
        ("Inner tube 28 in", 750),
        ("Gear adjustment", 1800),
        ("Labour 1.5 h", 5250),
    ),
    "Paid by card",
    ("Bike: green Larkspur tourer", "Next service due October 2026"),
    vat=20,
    sign="GBP",
    ground="plaster",
    angle=-0.8,
)


def barcode(canvas: Canvas, x: float, y: float, w: float, h: float, colour: str = "#1b1b1b") -> None:
    """Bars of chance, for looks."""
    at = x
    while at < x + w:
        bar = canvas.kit.rng.choice((2, 2, 3, 5))
        canvas.box(at, y, min(bar, x + w - at), h, colour)
        at += bar + canvas.kit.rng.choice((2, 3, 4))


def row(canvas: Canvas, y: float, left: str, right: str, size: float = 28, face: str = "mono") -> None:
    """A label on the left, its figure on the right."""
    canvas.text(44, y, left, size, "#26262a", face)
    canvas.text(WIDTH - 44, y, right, size, "#26262a", face, "ra")


def money(cents: int) -> str:
    """A price as tills write it."""
    return f"{cents / 100:.2f}"


def head(canvas: Canvas, slip: Receipt) -> float:
    """The shop's name and address."""
    middle = WIDTH / 2
    canvas.text(middle, 92, slip.shop, 54 if len(slip.shop) < 13 else 46, "#1d1d20", "narrow-bold", "mm")
    y = 146.0
    for line in slip.under:
        canvas.text(middle, y, line, 27, "#333338", "mono", "mm")
        y += 40
    canvas.text(middle, y + 34, slip.when, 27, "#26262a", "mono", "mm")
    canvas.dashes((40, y + 74), (WIDTH - 40, y + 74), "#55555a", 2)
    return y + 100


def sums(canvas: Canvas, slip: Receipt, y: float) -> float:
    """Total, tax and how it was paid."""
    canvas.dashes((40, y + 8), (WIDTH - 40, y + 8), "#55555a", 2)
    row(canvas, y + 32, f"TOTAL {slip.sign}", money(slip.total), 42, "mono-bold")
    tax = round(slip.total * slip.vat / (100 + slip.vat))
    row(canvas, y + 104, f"incl. VAT {slip.vat}%", money(tax), 25)
    row(canvas, y + 146, slip.paid, "", 25)
    canvas.dashes((40, y + 202), (WIDTH - 40, y + 202), "#55555a", 2)
    return y + 246


def receipt(kit: Kit, slip: Receipt) -> Image.Image:
    """A photograph of the slip on a table."""
    height = 1500 if len(slip.items) > 6 else 1330
    canvas = Canvas(kit, WIDTH, height, "#fbfaf6")
    y = head(canvas, slip)
    for name, price in slip.items:
        row(canvas, y, name, money(price))
        y += 52
    y = sums(canvas, slip, y + 6)
    for line in slip.footer:
        canvas.text(WIDTH / 2, y, line, 26, "#333338", "mono", "mm")
        y += 42
    barcode(canvas, 130, y + 16, WIDTH - 260, 90)
    sheet = canvas.done().crop((0, 0, WIDTH, round(y + 160)))
    sheet = creased(aged(kit, sheet, 0.4), (kit.rng.uniform(0.3, 0.36), kit.rng.uniform(0.64, 0.7)))
    size = (900, 1800) if sheet.height > 1380 else (900, 1600)
    return photograph(kit, sheet, size, slip.ground, slip.angle, outline(sheet.size, torn=True))
