"""Words of other languages that pictures are full of, in English: what is searched for in English is found then.

Signs, menus, tickets, bills and captions use few words, the same ones everywhere. Search stems English only, so a
picture that says "Apotheke" or "温泉" would not be found by "pharmacy" or "hot spring".
"""

import re
from collections.abc import Iterable

# English, then the words for it, lower case. A word is here when it means little else: "Gift", "chef" and "menu" are
# not. Japanese, Chinese and Korean ones are also found inside longer ones, as these scripts have no spaces.
_MEANINGS: dict[str, str] = {
    # Travel and places
    "hot spring bath": "onsen, rotenburo, sento, 温泉, 露天風呂, 銭湯, 온천, therme, thermes, terme, balneario",
    "traditional inn": "ryokan, minshuku, pousada, 旅館, 民宿, hanok, 한옥, riad,"
        " gasthof, auberge, agriturismo, locanda",
    "hotel": "ホテル, 酒店, 호텔, albergo, hôtel, hotell",
    "room, accommodation": "zimmer, unterkunft, camera doppia, habitación, chambre, 宿泊, 客室, 숙소",
    "travel": "旅行, 旅, 旅游, 旅遊, 여행, reise, viaje, viaggio, voyage, viagem, podróż",
    "sightseeing": "観光, 观光, 観光地, 관광, sehenswürdigkeit, sehenswürdigkeiten",
    "superb view": "絶景, 景色, 展望台, 夜景, 風景, 전망대, 야경, mirador, belvedere, aussicht, aussichtspunkt",
    "shrine": "神社, 大社, jinja, jingu",
    "temple": "寺院, 사찰, お寺",
    "castle": "schloss, burg, château, castello, castillo, 城跡, 城堡",
    "church": "kirche, église, chiesa, iglesia, 教会",
    "museum": "博物館, 博物馆, 박물관, musée, museo, muzeum",
    "art museum": "美術館, 美术馆, 미술관, kunsthalle, pinakothek",
    "exhibition": "展示会, 展覧会, 展览, 전시, 전시회, ausstellung, exposition, exposición",
    "park, garden": "公園, 公园, 庭園, 공원, 정원, jardin, jardín, giardino, garten",
    "beach": "plage, playa, spiaggia, praia, ビーチ, 海辺, 해변",
    "mountain": "登山, 등산, gipfel, montagne, montaña, montagna",
    "lake": "lago, 湖畔, 호수",
    "waterfall": "wasserfall, cascade, cascada, cascata, 폭포",
    "flowers": "花畑, お花, 花園, 桜, 꽃, blumen, fleurs, flores, fiori",
    "cherry blossom": "sakura, hanami, 桜, 花見, 벚꽃",
    "tulip": "チューリップ, 튤립, tulpe, tulpen, tulipe, tulipán",
    "lavender": "ラベンダー, 라벤더, lavendel, lavande, lavanda",
    "sunset": "夕日, 夕焼け, 日落, 일몰, 노을, sonnenuntergang, coucher de soleil, tramonto, atardecer, puesta de sol",
    "fireworks": "花火, hanabi, 불꽃놀이, feuerwerk, feu d'artifice",
    "island": "insel, île, isla, isola",
    "Japan": "日本, nihon, nippon, giappone, japón, japon, 일본",
    "Tokyo": "東京, 도쿄",
    "Kyoto": "京都",
    "Osaka": "大阪",
    "Hokkaido": "北海道",
    "Korea": "韓国, 한국",
    "Seoul": "서울, ソウル",
    "Copenhagen": "københavn, kopenhagen, köpenhamn, copenhague",
    "Gothenburg": "göteborg",
    "Helsinki": "helsingfors",
    "Lisbon": "lisboa, lissabon, lisbonne",
    "Vienna": "wien, viena, wiedeń",
    "Munich": "münchen, monaco di baviera",
    "Cologne": "köln",
    "Nuremberg": "nürnberg, norimberga",
    "Zurich": "zürich, zurigo",
    "Geneva": "genf, genève, ginevra, ginebra",
    "Prague": "praha, prag, praga",
    "Warsaw": "warszawa, warschau, varsovie, varsovia, varsavia",
    "Krakow": "kraków, krakau, cracovie, cracovia",
    "Brussels": "brüssel, bruxelles, brussel, bruselas",
    "Milan": "milano, mailand",
    "Florence": "firenze, florenz",
    "Venice": "venezia, venedig, venise, venecia",
    "Turin": "torino",
    "Athens": "athína, αθήνα, athen, athènes, atenas, atene",
    "Moscow": "москва, moskva, moskau",
    "Seville": "sevilla, séville, siviglia",
    "Beijing": "北京, peking, pékin",
    "China": "中国",
    "station": "bahnhof, hauptbahnhof, hbf, gare, stazione, estación, dworzec, 지하철역",
    "train": "zug, treno, tren, 列車, 電車, 新幹線, shinkansen, 기차",
    "airport": "flughafen, aéroport, aeroporto, aeropuerto, lotnisko, 空港, 机场, 공항",
    "ferry, boat": "fähre, traghetto, フェリー, 遊覧船",
    "ticket": "fahrkarte, fahrschein, eintrittskarte, ticketnummer, billet, biglietto, bilet, 切符, チケット, 门票",
    "departure": "abfahrt, abflug, départ, partenza, salida, odjazd, 出発",
    "arrival": "ankunft, arrivée, arrivo, llegada, przyjazd, 到着",
    "platform": "gleis, quai, binario, andén",
    # Food and drink
    "restaurant": "レストラン, 食堂, 餐厅, 餐廳, 식당, 맛집,"
        " ristorante, trattoria, osteria, restaurante, gaststätte, wirtshaus",
    "pub with small dishes": "izakaya, 居酒屋, 이자카야",
    "grilled meat": "yakiniku, 焼肉, bulgogi, 불고기, yakitori, 焼き鳥",
    "noodles": "ramen, ラーメン, udon, うどん, soba, 蕎麦, pho, 국수",
    "sushi": "寿司, 鮨, omakase",
    "cafe, coffee": "カフェ, 喫茶店, kissaten, 咖啡, 카페, 커피, kaffee, caffè, kawiarnia",
    "food stall, street food": "屋台, yatai, 夜市, 포장마차, imbiss",
    "gourmet food": "グルメ, 美食, 먹방",
    "sweets, dessert": "スイーツ, デザート, wagashi, 和菓子, 디저트,"
        " nachtisch, postre, dolci, patisserie, pâtisserie, konditorei",
    "bakery, bread": "bäckerei, brot, brötchen, boulangerie, panetteria, panadería, piekarnia, パン屋",
    "rice wine": "日本酒, nihonshu, 사케",
    "tea": "matcha, 抹茶, お茶, 녹차, thé",
    "breakfast": "frühstück, petit déjeuner, colazione, desayuno, 朝食, 아침",
    "recipe": "rezept, recette, ricetta, receta, przepis, レシピ, 食谱, 레시피",
    "ingredients": "zutaten, ingrédients, ingredienti, ingredientes, składniki, 材料, 재료",
    "tofu, bean curd": "豆腐, とうふ, 두부",
    # Shops, things and free time
    "pharmacy": "apotheke, pharmacie, farmacia, apteka, apotek, 薬局, ドラッグストア, 药店, 약국",
    "supermarket": "スーパー, supermarkt, supermarché, supermercato, supermercado, 超市, 마트",
    "flea market": "flohmarkt, trödelmarkt, marché aux puces, brocante, mercatino, 蚤の市, フリーマーケット",
    "market": "市場, 시장, markthalle, mercado, mercato, marché",
    "shop": "laden, geschäft, negozio, tienda, boutique, sklep, お店, 商店街, 가게",
    "bookshop": "buchhandlung, librairie, libreria, librería, księgarnia, 書店, 本屋, 서점",
    "souvenir": "お土産, 土産, omiyage, 기념품, mitbringsel, recuerdo",
    "perfume, fragrance": "香水, 향수, parfum, profumo, perfumería, parfümerie",
    "watch": "腕時計, armbanduhr, orologio, reloj, 시계",
    "clothes": "kleidung, vêtements, vestiti, ropa, 洋服, 옷",
    "shoes": "schuhe, chaussures, scarpe, zapatos, 신발",
    "furniture": "möbel, meubles, mobili, muebles, 家具, 가구",
    "workshop, craft": "ワークショップ, 手作り, 手作, 工房, 체험, 공방, werkstatt, atelier",
    "hands-on experience": "体験, 体験型",
    "cinema": "kino, lichtspiel, lichtspiele, cinéma, cine, 映画館, 电影院, 영화관",
    "film": "映画, 电影, 영화, película",
    "concert": "konzert, concerto, concierto, koncert, コンサート, ライブ, 콘서트",
    "library": "bibliothek, bücherei, bibliothèque, biblioteca, 図書館, 도서관",
    "anime, comics": "アニメ, 漫画, マンガ, 애니, 만화",
    "date, couple": "デート, カップル, 데이트",
    "hidden gem": "穴場, 隠れ家, geheimtipp",
    "outing": "お出かけ, ausflug, 나들이",
    "recommended": "おすすめ, オススメ, 추천, 推荐, empfehlung",
    # Papers
    "receipt": "quittung, kassenbon, kassenzettel, scontrino, recibo, paragon, kvittering,"
        " 領収書, レシート, 收据, 영수증",
    "invoice": "rechnung, facture, fattura, factura, faktura, 請求書, 发票",
    "total": "summe, gesamtbetrag, totale, 合計, 总计, 합계",
    "letter": "sehr geehrte, sehr geehrter, mit freundlichen grüßen, madame, monsieur, estimado, estimada",
    "contract": "vertrag, mietvertrag, contrat, contratto, contrato, umowa, 契約書",
    "rent": "miete, loyer, alquiler, affitto, czynsz, 家賃",
    "property management": "hausverwaltung",
    "insurance": "versicherung, assurance, assicurazione, seguro, ubezpieczenie, 保険",
    "warranty": "garantie, garantieschein, gewährleistung, garanzia, garantía, gwarancja, 保証書",
    "appointment": "termin, rendez-vous, appuntamento, cita previa, 予約",
    "doctor": "arzt, ärztin, hausarzt, médecin, medico, lekarz, 病院, 医院, 병원",
    "prescription": "rezeptpflichtig, ordonnance, ricetta medica, 処方箋",
    "laboratory": "laboratorium, laboratoire, laboratorio",
    "parcel": "paket, colis, pacco, paquete, paczka, 荷物, 택배",
    "password": "passwort, kennwort, mot de passe, contraseña, hasło, パスワード, 密码, 비밀번호",
    "opening hours": "öffnungszeiten, horaires, orari, horario, 営業時間",
    "free of charge": "kostenlos, eintritt frei, gratuit, gratis, 無料, 무료",
    "sale, reduced": "ausverkauf, soldes, saldi, rebajas, セール, 割引, 할인",
}  # fmt: skip

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Hyphens part words: "Löwen-Apotheke" is a pharmacy.
_WORD = re.compile(r"[\w']+")
_ENGLISH = [
    (" ".join(_WORD.findall(word)), english) for english, words in _MEANINGS.items() for word in words.split(",")
]


def in_english(texts: Iterable[str]) -> list[str]:
    """What the foreign words in `texts` mean, once each, as first seen."""
    text = " ".join(texts).casefold()
    padded = f" {' '.join(_WORD.findall(text))} "
    places = [(_place(word, text, padded), english) for word, english in _ENGLISH]
    return list(dict.fromkeys(english for place, english in sorted(places) if place >= 0))


def _place(word: str, text: str, padded: str) -> int:
    return text.find(word) if _UNSPACED.search(word) else padded.find(f" {word} ")
