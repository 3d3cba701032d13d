"""The words that give a picture's category and subjects away. English, with the words of receipts in a few more.

Small on purpose: a word is here when its presence is evidence, and what is not here is not claimed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A category known by its form: `needed` different `words`, one of them among the `telling`; or two words more."""

    category: str
    needed: int
    telling: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Subject:
    """A subcategory: what it belongs to among `CATEGORIES` (None: to none), its theme, and the words that show it."""

    name: str
    category: str | None
    theme: str
    words: frozenset[str]


def _kind(category: str, needed: int, telling: str, others: str) -> Kind:
    return Kind(category, needed, _words(telling), _words(telling) | _words(others))


def _subject(name: str, category: str | None, theme: str, words: str) -> Subject:
    return Subject(name, category, theme, _words(words))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


RECEIPT = _kind(
    "receipt",
    2,
    "receipt, subtotal, total, invoice, amount due, balance due, summe, gesamt, rechnung, mwst, kassenbon, tva, iva,"
    " importe, montant, zu zahlen, kvittering, paragon, 合計, 小計, 領収書",
    "tax, vat, cash, change, card, visa, mastercard, qty, cashier, tip, thank you, bar, vielen dank, merci, gracias,"
    " discount, items, till, terminal, paid, ust, eur",
)
RECIPE = _kind(
    "recipe",
    3,
    "ingredients, tbsp, tsp, tablespoon, tablespoons, teaspoon, teaspoons, preheat, servings, serves, recipe, zutaten,"
    " ingrédients, ingredientes",
    "cup, cups, oven, bake, simmer, stir, whisk, chop, chopped, mix, prep, cook, flour, butter, garlic, salt, sugar,"
    " onion, olive oil, pepper, minutes, min, method, directions, pan, dough, egg, eggs, milk",
)
TICKET = _kind(
    "ticket",
    3,
    "boarding, boarding pass, seat, passenger, ticket, e-ticket, flight, pnr, admit one, admit, booking reference,"
    " sitzplatz, fahrkarte, billet",
    "gate, departure, departs, depart, arrival, arrives, arrive, row, platform, coach, carriage, terminal, section,"
    " wagen, gleis, adult, valid, train, ferry, barcode, pier",
)
POSTER = _kind(
    "poster",
    2,
    "lost, missing, wanted, reward, concert, festival,"
    " live music, doors, doors open, presents, exhibition, tour, admission, free entry, gig,"
    " open air, vernissage, fair, flea market, market, workshop, screening, premiere, party, parade, jazz night,"
    " tickets, flohmarkt, konzert, ausstellung",
    "music, live, band, dj, orchestra, jazz, theatre, theater, film, art, stage, hall, park, night, entry, free, club,"
    " gallery, summer, spring, autumn, winter, saturday, sunday, friday",
)
DOCUMENT = _kind(
    "document",
    2,
    "dear, sincerely, regards, contract, agreement, abstract, certificate, hereby, terms and conditions, signature,"
    " minutes of, memo, tenant, landlord, policy, clause, warranty, manual, report, form, statement, agenda, notes",
    "page, date, section, chapter, reference, subject, name, address, party, parties, table of contents, version,"
    " figure, introduction, summary, deposit, rent, notice, insurance",
)

SUBJECTS = (
    _subject("restaurant", "food", "food",
        "restaurant, menu, dining, bistro, ramen, sushi, omakase, yakiniku, pizza, burger, dumplings, noodles,"
        " tapas, curry, brunch, yatai, izakaya, food stall, food hall, eatery"),
    _subject("meal", "food", "food",
        "breakfast, lunch, dinner, supper, snack, picnic"),
    _subject("cafe", "food", "food",
        "cafe, café, coffee, espresso, latte, cappuccino, matcha, tea room, bakery, croissant, coffee shop,"
        " coffee shops, teahouse"),
    _subject("dessert", "food", "food",
        "cake, ice cream, dessert, chocolate, toast, brulee, pastry, cookies, gelato, pancake"),
    _subject("drinks", "food", "food",
        "cocktail, wine, beer, sake, brewery, whisky, gin, cocktail bar"),
    _subject("accommodation", "place", "travel",
        "hotel, hostel, ryokan, airbnb, onsen, guesthouse, rotenburo, check-in, hot spring, hot springs, suite,"
        " resort, private onsen, open-air bath"),
    _subject("sightseeing", "place", "travel",
        "temple, shrine, tower, castle, viewpoint, view point, observation deck, landmark, skyline, palace,"
        " cathedral, bridge, monument, night view, tourist, sightseeing, must visit, sky bridge"),
    _subject("itinerary", "place", "travel",
        "itinerary, day trip, day 1, day 2, day 3, travel guide, travel tips, trip, travel, hidden gem, visit,"
        " traveltiktok, places to visit, travelhacks, hours in"),
    _subject("nature", "place", "nature",
        "park, waterfall, falls, lake, mountain, hiking, hike, trail, island, cape, beach, forest, garden,"
        " flower, lavender, tulip, sunset, cave, national park, geyser, sea, valley, river"),
    _subject("museum", "place", "art",
        "museum, gallery, exhibition, art museum, design exhibition, digital art, teamlab"),
    _subject("neighbourhood", "place", "travel",
        "neighborhood, neighbourhood, district, street, ginza, alley, old town, area of"),
    _subject("workshop", "place", "crafts",
        "workshop, hand made, handmade, diy, pottery, carve, make your own, learn to, sewing,"
        " knitting, craft"),
    _subject("transport", None, "travel",
        "train, station, metro, bus, tram, railway, shinkansen, airport, ferry, subway, line to"),
    _subject("shopping", None, "shopping",
        "shop, shopping, store, market, mall, souvenir, vintage, second hand, sale, secondhand"),
    _subject("fragrance", "product", "beauty",
        "perfume, fragrance, scent, eau de parfum, eau de toilette, tester"),
    _subject("beauty", "product", "beauty",
        "skincare, makeup, lipstick, serum, moisturizer, shampoo, cosmetics, sunscreen"),
    _subject("electronics", "product", "technology",
        "laptop, headphones, smartphone, keyboard, camera, charger, bluetooth, usb-c, speaker, battery"
        " life, tablet"),
    _subject("watch", "product", "fashion",
        "wristwatch, watches, automatic movement, sapphire"),
    _subject("online shop", "product", "shopping",
        "add to cart, add to bag, buy now, in stock, free shipping, add to basket, wishlist, customer reviews,"
        " out of stock, sold by, free delivery, shop now, delivery"),
    _subject("toys", "product", "play",
        "toy, board game, puzzle, lego, plush"),
    _subject("book", "product", "reading",
        "books, bookstore, novel, paperback, hardcover, author"),
    _subject("shoes", "clothing", "fashion",
        "shoes, boots, sandals, heels, loafers, sneaker"),
    _subject("clothes", "clothing", "fashion",
        "dress, jacket, coat, shirt, t-shirt, jeans, trousers, skirt, sweater, hoodie, cotton, outfit, linen,"
        " wool, cardigan, blouse, scarf, size guide, size chart, kimono, clothes"),
    _subject("furniture", "interior", "home",
        "sofa, furniture, armchair, table, shelf, shelves, chair, desk, wardrobe, bed, cabinet, bookcase, rug,"
        " couch"),
    _subject("lighting", "interior", "home",
        "lamp, lighting, floor lamp, pendant, sconce"),
    _subject("rooms", "interior", "home",
        "living room, bedroom, kitchen, bathroom, interior, interior design, apartment, home decor, wallpaper,"
        " curtains, paint, floor plan, hallway, room, tiles, decor"),
    _subject("parcel delivery", None, "post, package",
        "parcel, package, parcel shop, parcel locker, courier, tracking number, shipment, pick up, missed you"),
    _subject("artificial intelligence", None, "technology",
        "ai, chatgpt, claude, deepseek, gpt, llm, machine learning, ai agent, agentic, hugging face, openai,"
        " prompt, ai tools"),
    _subject("software", None, "technology",
        "github, code, coding, api, python, javascript, app, browser, open source, software, terminal, developer,"
        " html, website, coder, ide, programming, docker"),
    _subject("anime", None, "entertainment",
        "anime, manga, aot, attack on titan, cosplay, otaku, ghibli"),
    _subject("games", None, "entertainment",
        "video game, video games, gaming, squid game, playstation, nintendo"),
    _subject("music", None, "music",
        "concert, album, band, playlist, song, festival, vinyl, jazz, guitar, piano"),
    _subject("cars", None, "cars",
        "car, jdm, car culture, motorcycle"),
    _subject("fitness", None, "health",
        "workout, reps, gym, yoga, protein, calories, stretch"),
    _subject("health", None, "health",
        "doctor, prescription, vaccine, appointment, clinic, dosage, pharmacy"),
    _subject("money", None, "money",
        "bank, account balance, transfer, iban, invoice, budget, salary, mortgage, tax return"),
    _subject("weather", None, "weather",
        "forecast, humidity, rain, sunny, cloudy, °c, weather"),
    _subject("garden", None, "garden",
        "plant, seeds, soil, watering, seedlings, compost, garden centre"),
    _subject("animals", None, "animals",
        "dog, cat, puppy, kitten, zoo, bear, aquarium, bird, horse"),
)  # fmt: skip

# Things a person names a file after and that can be seen in the picture: the only objects claimed without vision.
OBJECTS = _words(
    "lamp, sofa, chair, table, desk, shelf, bed, rug, mirror, plant, flower, tree, dog, cat, bird, horse, car,"
    " bicycle, bike, train, boat, house, bridge, tower, mountain, lake, beach, river, sunset, moon, dress, jacket,"
    " coat, shirt, shoes, sneakers, boots, bag, backpack, hat, scarf, watch, ring, necklace, phone, laptop,"
    " keyboard, camera, headphones, book, cup, mug, bottle, plate, bowl, cake, bread, pizza, soup, coffee, tea,"
    " wine, salad, pasta, guitar, piano, painting, poster, ticket, receipt, map, letter, umbrella, kettle, teapot,"
    " vase, clock, curtain, window, door, stairs, garden"
)


class Words:
    """Which words and phrases a text holds, in lower case; a plain plural also counts as its singular."""

    def __init__(self, texts: Iterable[str]) -> None:
        words = [word for text in texts for word in re.findall(r"°c|[\w'’]+(?:-\w+)*", text.casefold())]
        self._text = f" {' '.join(words)} "
        singulars = {word[:-1] for word in words if len(word) > 3 and word.endswith("s") and not word.endswith("ss")}
        self._words = frozenset(words) | singulars

    def count(self, vocabulary: frozenset[str]) -> int:
        """How many different entries of `vocabulary` occur."""
        return len(self.found(vocabulary))

    def found(self, vocabulary: frozenset[str]) -> list[str]:
        """The entries of `vocabulary` that occur, sorted."""
        phrases = (entry for entry in vocabulary if " " in entry and f" {entry} " in self._text)
        return sorted({*(vocabulary & self._words), *phrases})
