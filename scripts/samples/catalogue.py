"""The table of samples: which file is drawn how, and what its camera wrote into it."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from scripts.samples import apps, documents, garments, papers, posters, receipts, rooms, scenes, screens
from scripts.samples.canvas import Kit

EXIF_IFD, ORIENTATION, MAKE, MODEL, DATE_TIME_ORIGINAL = 0x8769, 0x0112, 0x010F, 0x0110, 0x9003
SIDEWAYS = 6


@dataclass(frozen=True)
class Sample:
    """One file: its name decides the format and seeds the chance in the drawing."""

    name: str
    what: str
    draw: Callable[[Kit], Image.Image]
    taken: str = ""
    orientation: int = 1
    quality: int = 79


def till(slip: receipts.Receipt) -> Callable[[Kit], Image.Image]:
    """A receipt of that shop."""
    return partial(receipts.receipt, slip=slip)


def card(content: papers.Recipe, paper: str, ink: str, ground: str, angle: float) -> Callable[[Kit], Image.Image]:
    """A recipe card."""
    return partial(papers.recipe, card=content, paper=paper, ink=ink, ground=ground, angle=angle)


PLANS = partial(screens.chat, name="Karla", letters="K", day="Thursday 12 March", messages=screens.PLANS, clock="09:14")
BOILER = partial(
    screens.chat, name="Mr Kröger (landlord)", letters="BK", day="Today", messages=screens.BOILER, clock="19:03"
)

SAMPLES: tuple[Sample, ...] = (
    Sample("receipt-bakery.jpg", "bakery receipt", till(receipts.BAKERY), "2026:03:14 08:15:22"),
    Sample("receipt-0221.jpg", "DIY shop receipt", till(receipts.HARDWARE), "2026:02:21 17:20:05"),
    Sample("receipt-groceries.jpg", "supermarket receipt", till(receipts.GROCERIES)),
    Sample("IMG_1187.jpg", "café receipt, stored sideways", till(receipts.CAFE), "2026:03:28 11:41:09", SIDEWAYS),
    Sample("pharmacy-bill.webp", "pharmacy receipt", till(receipts.PHARMACY)),
    Sample("IMG_1190.jpg", "bicycle workshop receipt", till(receipts.BICYCLE), "2026:04:17 16:02:44"),
    Sample("poster-kupferhalle.jpg", "concert poster", posters.concert, "2026:04:03 19:12:31"),
    Sample("IMG_2041.jpg", "museum exhibition poster", posters.exhibition, "2026:04:19 12:33:10"),
    Sample("riverside.webp", "flea market poster", posters.flea_market),
    Sample("IMG_2063.jpg", "lost cat notice", posters.lost_cat, "2026:03:11 15:47:58"),
    Sample("recipe-soup.jpg", "lentil soup recipe card", card(papers.SOUP, "#fbf6e6", papers.INK, "wood", -2.2)),
    Sample(
        "grandma-card.jpg",
        "apple crumble recipe card",
        card(papers.CRUMBLE, "#f3e6c8", "#4a2b1a", "linen", 3.1),
        "2026:01:18 14:05:00",
    ),
    Sample("sunday.webp", "pancake recipe card", card(papers.PANCAKES, "#fdfbf4", "#7a1f2b", "stone", -1.1)),
    Sample("ticket-nordlinie.jpg", "train ticket", papers.train_ticket, "2026:05:02 10:21:47"),
    Sample("IMG_1733.jpg", "cinema ticket", papers.cinema_stub, "2026:03:19 20:04:11"),
    Sample("ferry.jpg", "ferry ticket", papers.ferry_ticket),
    Sample("wifi-note.jpg", "sticky note with a WiFi password", papers.wifi_note, "2026:02:14 18:30:27"),
    Sample("IMG_1801.jpg", "shopping list for a party", papers.shopping_list, "2026:04:24 09:58:13"),
    Sample("warranty-card.jpg", "warranty of a washing machine", documents.warranty, "2025:11:03 13:17:36"),
    Sample("IMG_1612.jpg", "business card of a furniture maker", documents.business_card, "2026:02:08 11:09:55"),
    Sample("bus-stop.jpg", "bus timetable", documents.timetable, "2026:03:05 07:31:02"),
    Sample("letter-2026-04.jpg", "appointment letter of a laboratory", documents.lab_letter),
    Sample("scan0007.png", "scan of a letter about the rent", documents.rent_letter),
    Sample("IMG_1822.jpg", "slip for a parcel to pick up", documents.parcel_slip, "2026:04:16 08:44:29"),
    Sample("Screenshot_20260312-0914.png", "chat about climbing", PLANS),
    Sample("Screenshot_20260126-1903.png", "chat about a broken boiler", BOILER),
    Sample("Screenshot_20260319-1802.png", "walking directions to a cinema", screens.directions),
    Sample("Screenshot_20260320-0705.webp", "weather forecast", screens.weather),
    Sample("Screenshot_20260402-2231.png", "storage settings", apps.settings),
    Sample("IMG_3310.jpg", "social post about a kayak tour", apps.post),
    Sample("Screenshot_20260405-1247.png", "desk lamp in an online shop", apps.product),
    Sample("Screenshot_20260422-0658.png", "calendar of one day", apps.calendar),
    Sample("Screenshot_20260430-2348.webp", "music player", apps.music),
    Sample("wallet-pass.png", "boarding pass", apps.boarding),
    Sample("IMG_2207.jpg", "striped shirt", garments.striped_shirt, "2026:04:26 10:12:40"),
    Sample("IMG_2208.jpg", "red dress", garments.red_dress, "2026:04:26 10:14:03"),
    Sample("IMG_2209.jpg", "denim jacket", garments.denim_jacket, "2026:04:26 10:15:51", SIDEWAYS),
    Sample("scarf.webp", "green wool scarf", garments.scarf),
    Sample("IMG_2214.jpg", "yellow raincoat", garments.raincoat, "2026:04:26 10:21:18"),
    Sample("sneakers-for-sale.jpg", "teal sneakers", garments.sneakers),
    Sample("IMG_1502.jpg", "living room with a green sofa", rooms.living_room, "2026:01:31 15:20:00"),
    Sample("kitchen.jpg", "blue kitchen", rooms.kitchen, "2026:01:31 15:24:12"),
    Sample("IMG_1505.webp", "bedroom", rooms.bedroom),
    Sample("desk-setup.jpg", "home office", rooms.home_office),
    Sample("IMG_0931.jpg", "sunset over the sea", scenes.sunset, "2025:08:22 20:31:45"),
    Sample("IMG_0944.jpg", "mountains above a lake", scenes.mountains, "2025:09:02 11:02:17"),
    Sample("night-walk.jpg", "city at night", scenes.city, "2025:12:06 21:48:33"),
    Sample("IMG_1012.webp", "autumn forest", scenes.forest),
    Sample("lunch.jpg", "plate of pasta", scenes.plate, "2026:05:01 13:07:29", quality=76),
)


def draw(sample: Sample, font_dir: Path) -> Image.Image:
    """The upright picture."""
    return sample.draw(Kit(font_dir, random.Random(sample.name)))  # noqa: S311 - repeatable, not secret


def exif(sample: Sample) -> Image.Exif:
    """What a camera would have written."""
    data = Image.Exif()
    if sample.taken:
        data[MAKE], data[MODEL] = "Larkspur", "Pocket 3"
        data[ORIENTATION] = sample.orientation
        data.get_ifd(EXIF_IFD)[DATE_TIME_ORIGINAL] = sample.taken
    return data


def encode(sample: Sample, image: Image.Image) -> bytes:
    """The bytes of the file."""
    out = io.BytesIO()
    if sample.orientation == SIDEWAYS:
        image = image.transpose(Image.Transpose.ROTATE_90)
    match Path(sample.name).suffix:
        case ".png":
            image.save(out, "PNG", optimize=True)
        case ".webp":
            image.save(out, "WEBP", quality=sample.quality, method=5, exif=exif(sample))
        case _:
            image.save(out, "JPEG", quality=sample.quality, optimize=True, exif=exif(sample))
    return out.getvalue()


def render(sample: Sample, font_dir: Path) -> bytes:
    """Draw and encode: the same bytes every time with the same Pillow and fonts."""
    return encode(sample, draw(sample, font_dir))
