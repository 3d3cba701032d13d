"""Documents: warranty, business card, timetable, letters, parcel slip."""

from __future__ import annotations

from PIL import Image

from scripts.samples.canvas import Canvas, Kit
from scripts.samples.papers import field, modules
from scripts.samples.receipts import barcode
from scripts.samples.surfaces import aged, creased, outline, photograph

PAGE = (1000, 1400)


def warranty(kit: Kit) -> Image.Image:
    """The warranty card of a washing machine."""
    canvas = Canvas(kit, 1240, 840, "#fdfdfb")
    canvas.box(0, 0, 1240, 128, "#20457a")
    canvas.text(52, 64, "WARRANTY CARD", 52, "#ffffff", "bold", "lm")
    canvas.text(1188, 64, "Wellenberg", 48, "#bcd4f0", "serif-italic", "rm")
    rows = (
        ("Product", "Washing machine AquaSilent 7 kg"),
        ("Model number", "WB-7420 S"),
        ("Serial number", "2511-084-77193"),
        ("Date of purchase", "3 November 2025"),
        ("Dealer", "Elektro Petersen, Flensburg"),
        ("Guarantee period", "5 years, motor 10 years"),
    )
    for index, (label, value) in enumerate(rows):
        y = 172 + index * 82
        canvas.text(52, y, label, 30, "#5a606b")
        canvas.text(420, y - 4, value, 36, "#14171c", "bold")
        canvas.line([(52, y + 56), (1188, y + 56)], "#c9cfd8", 2)
    canvas.prose(52, 680, "Keep this card with the proof of purchase. Repairs: 040 66969 530", 27, 640, "#444a54")
    canvas.ring(1010, 720, 86, "#b0273a99", 6)
    canvas.text(1010, 704, "ELEKTRO", 26, "#b0273abb", "bold", "mm")
    canvas.text(1010, 738, "PETERSEN", 26, "#b0273abb", "bold", "mm")
    sheet = aged(kit, canvas.done(), 0.4)
    return photograph(kit, sheet, (1600, 1200), "stone", -2.6, outline(sheet.size, 16))


def business_card(kit: Kit) -> Image.Image:
    """The card of a furniture maker."""
    canvas = Canvas(kit, 1050, 620, "#f7f3ea")
    canvas.box(0, 0, 36, 620, "#2f5d46")
    canvas.poly([(860, 74), (950, 230), (770, 230)], "#2f5d46")
    canvas.poly([(860, 136), (970, 310), (750, 310)], "#2f5d46dd")
    canvas.box(846, 308, 28, 50, "#7a5230")
    canvas.text(92, 96, "Ilse Brandvik", 62, "#1f2a24", "serif-bold")
    canvas.text(92, 182, "Furniture maker and restorer", 34, "#2f5d46", "serif-italic")
    canvas.line([(92, 268), (560, 268)], "#b99a63", 3)
    for index, words in enumerate(
        ("Workshop Tannenhof, Alte Mühle 4", "23966 Wismar", "040 66969 777", "ilse@brandvik-wood.example")
    ):
        canvas.text(92, 316 + index * 58, words, 35, "#2b302d")
    sheet = aged(kit, canvas.done(), 0.45)
    return photograph(kit, sheet, (1600, 1200), "slate", 6.5, outline(sheet.size, 10))


def timetable(kit: Kit) -> Image.Image:
    """The timetable at a bus stop."""
    canvas = Canvas(kit, 1000, 1420, "#fefefe")
    canvas.box(0, 0, 1000, 170, "#f2c414")
    canvas.box(46, 36, 128, 98, "#1b1b1d", 14)
    canvas.text(110, 86, "17", 68, "#f2c414", "bold", "mm")
    canvas.text(206, 52, "Bus timetable", 36, "#1b1b1d")
    canvas.text(206, 94, "Mühlenplatz - Seebad", 46, "#1b1b1d", "narrow-bold")
    canvas.text(48, 200, "Stop: Alte Post     valid from 1 March 2026", 31, "#33363c")
    for x, label in ((48, "Hour"), (200, "Mon - Fri"), (570, "Saturday"), (790, "Sunday")):
        canvas.text(x, 264, label, 31, "#1b1b1d", "bold")
    for index, hour in enumerate(range(5, 23)):
        y = 316 + index * 55
        if index % 2 == 0:
            canvas.box(40, y - 8, 920, 54, "#f1f2f4")
        canvas.text(60, y, f"{hour:02d}", 33, "#111111", "bold")
        canvas.text(200, y, "08  23  38  53" if 6 <= hour <= 19 else "15  45", 33, "#22252a", "mono")
        canvas.text(570, y, "20  50" if hour >= 6 else "-", 33, "#22252a", "mono")
        canvas.text(790, y, "35" if hour >= 7 else "-", 33, "#22252a", "mono")
    canvas.text(48, 1324, "Last bus to Seebad 22:45. Night bus N3 stops opposite.", 28, "#444850")
    canvas.text(48, 1366, "No service on 24 December after 4 pm.", 28, "#444850")
    sheet = canvas.done()
    return photograph(kit, sheet, (1200, 1600), "bricks", 0.7)


def letterhead(canvas: Canvas, name: str, under: str, colour: str) -> None:
    """The sender, at the top of a letter."""
    canvas.box(80, 78, 62, 62, colour, 12)
    canvas.box(105, 88, 12, 42, "#ffffff")
    canvas.box(90, 103, 42, 12, "#ffffff")
    canvas.text(166, 78, name, 36, colour, "bold")
    canvas.text(166, 122, under, 22, "#5b626c")
    canvas.line([(80, 176), (920, 176)], colour, 3)


def lab_letter(kit: Kit) -> Image.Image:
    """An appointment for a blood test."""
    canvas = Canvas(kit, *PAGE)
    letterhead(canvas, "Labor am Stadtwall", "Medical laboratory - Stadtwall 19, Lübeck", "#14746f")
    canvas.text(80, 226, "Mr Anton Reimers", 29)
    canvas.text(80, 266, "Fischergrube 60, 23552 Lübeck", 29)
    canvas.text(920, 330, "Lübeck, 20 April 2026", 27, "#333333", at="ra")
    canvas.text(80, 402, "Your appointment for a blood test", 40, "#101214", "bold")
    y = canvas.prose(80, 486, "Dear Mr Reimers, we confirm the appointment your doctor arranged for you:", 30, 840)
    canvas.box(80, y + 16, 840, 176, "#e6f2f1", 14)
    canvas.text(116, y + 42, "Tuesday, 5 May 2026, 7:40 am", 42, "#0e4f4b", "bold")
    canvas.text(116, y + 112, "Room 2.08, second floor", 34, "#0e4f4b")
    text = "Please come fasting: nothing to eat after 10 pm the evening before. Water is allowed."
    y = canvas.prose(80, y + 236, text, 30, 840)
    text = "Bring your insurance card and the list of medicines you take. Results follow within three working days."
    y = canvas.prose(80, y + 22, text, 30, 840)
    text = "If you cannot come, call 040 66969 118 at least one day ahead."
    y = canvas.prose(80, y + 22, text, 30, 840)
    canvas.text(80, y + 40, "Kind regards", 30)
    canvas.hand(96, y + 136, "H. Lindqvist", 52, "#1f2f7a", 3)
    sheet = creased(aged(kit, canvas.done(), 0.25), (0.34, 0.67))
    return photograph(kit, sheet, (1200, 1600), "linen", -1.4)


def rent_letter(kit: Kit) -> Image.Image:
    """A scan of a landlord's letter."""
    canvas = Canvas(kit, 1240, 1754, "#fefefe")
    canvas.text(120, 130, "Hausverwaltung Kröger", 46, "#222222", "serif-bold")
    canvas.text(120, 196, "Property management - Marktstieg 2, 24103 Kiel", 26, "#555555", "serif")
    canvas.line([(120, 250), (1120, 250)], "#222222", 2)
    canvas.text(120, 330, "Ms Mira Solberg, Flat 3 left", 30, face="serif")
    canvas.text(1120, 330, "12 January 2026", 30, face="serif", at="ra")
    canvas.text(120, 450, "Rent adjustment from 1 April 2026", 40, "#111111", "serif-bold")
    y = canvas.prose(
        120, 540, "Dear Ms Solberg, as agreed in your lease your rent changes as follows:", 31, 1000, face="serif"
    )
    for label, value in (("Basic rent", "742.00"), ("Heating and water", "118.00"), ("Cellar storage", "15.00")):
        y += 62
        canvas.text(160, y, label, 31, face="serif")
        canvas.text(1060, y, value, 31, face="serif", at="ra")
    canvas.line([(160, y + 58), (1060, y + 58)], "#222222", 2)
    canvas.text(160, y + 74, "New monthly rent", 33, face="serif-bold")
    canvas.text(1060, y + 74, "875.00 EUR", 33, face="serif-bold", at="ra")
    text = "The deposit stays unchanged. The chimney sweep comes on 26 January between 9 and 11 am; please give access."
    y = canvas.prose(120, y + 180, text, 31, 1000, face="serif")
    canvas.text(120, y + 60, "Yours sincerely", 31, face="serif")
    canvas.hand(140, y + 176, "B. Kröger", 58, "#1b2c66", 3)
    return canvas.done()


def parcel_slip(kit: Kit) -> Image.Image:
    """The note that a parcel waits elsewhere."""
    canvas = Canvas(kit, 760, 1080, "#fff3c9")
    canvas.box(0, 0, 760, 140, "#c8501e")
    canvas.text(40, 70, "PAKETWIESEL", 54, "#fff3c9", "bold", "lm")
    canvas.text(40, 180, "Sorry we missed you!", 46, "#3a1a0c", "bold")
    canvas.prose(40, 256, "Your parcel could not be delivered and waits for you here:", 30, 680, "#3a1a0c")
    field(canvas, 40, 372, "Pick up at", "Kiosk Amselweg 9", 40)
    field(canvas, 40, 478, "From", "Thu 16 April 2026, 2 pm", 38)
    field(canvas, 40, 584, "Kept until", "Thu 23 April 2026", 38)
    field(canvas, 40, 690, "Sender", "Lampenladen Lumo", 38)
    barcode(canvas, 40, 822, 400, 130, "#2a1209")
    canvas.text(40, 972, "PW 5530 1187 42", 30, "#2a1209", "mono-bold")
    modules(canvas, 510, 812, 200, "#2a1209")
    sheet = creased(aged(kit, canvas.done(), 0.5), (0.5,))
    return photograph(kit, sheet, (1080, 1440), "walnut", 3.4, outline(sheet.size, 4))
