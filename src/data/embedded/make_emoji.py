"""Makes emoji.png and emoji.csv: 32 x 32 emoji of two designs, by theme.

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
    python3 make_emoji.py emoji-datasource-google-16.0.0.tgz emoji-datasource-twitter-16.0.0.tgz

Needs Pillow and NumPy. See LICENSE.md for what the archives are.

Each theme has 96 training and 40 test pictures, two (one of each design) for every emoji taken. Which emoji, and on which
side of the split, goes by the SHA-256 of its code points; emoji that differ in gender, skin tone or design alone stay on one
side. An emoji that looks like one already taken (many flags do) is left out. The finer groups are Unicode's subgroups, as far
as they have enough pictures here.
"""

import collections
import csv
import hashlib
import io
import json
import sys
import tarfile

import numpy
from PIL import Image

SHA256 = {
    "google": "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    "twitter": "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
}
DESIGNS = {"google": "noto", "twitter": "twemoji"}
SIDE = 32
COLUMNS = 40
TRAIN, TEST = 96, 40
# Fewest pictures of a finer group.
GROUP = {"train": 8, "test": 4}
# Two pictures whose values differ by less than this (root of the mean square, of 255) count as one.
ALIKE = 12

# Theme: which Unicode groups and subgroups it takes.
THEMES = {
    "faces": lambda group, subgroup: subgroup.startswith("face-"),
    "people": lambda group, subgroup: subgroup
    in ("person", "person-gesture", "person-role", "person-fantasy", "person-activity", "person-sport"),
    "hands": lambda group, subgroup: subgroup.startswith("hand"),
    "animals": lambda group, subgroup: subgroup.startswith("animal-"),
    "food": lambda group, subgroup: group == "Food & Drink" and subgroup != "dishware",
    "vehicles": lambda group, subgroup: subgroup in ("transport-ground", "transport-water", "transport-air"),
    "places": lambda group, subgroup: subgroup.startswith("place-") or subgroup == "hotel",
    "objects": lambda group, subgroup: group == "Objects",
    "signs": lambda group, subgroup: group == "Symbols",
    "flags": lambda group, subgroup: group == "Flags",
}

# Not fit for every classroom: the middle finger.
LEFT_OUT = {"1F595"}

# Man, woman, person, the two gender signs, the joiner, the picture selector and the five skin tones.
VARIATIONS = {"1F468", "1F469", "1F9D1", "2640", "2642", "200D", "FE0F", "1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}


def family(unified):
    """What is left of the code points of an emoji without gender and skin tone."""
    return "-".join(point for point in unified.split("-") if point not in VARIATIONS) or unified


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def open_archive(path, design):
    data = open(path, "rb").read()
    assert hashlib.sha256(data).hexdigest() == SHA256[design], f"{path} is not the archive this was made from"
    return tarfile.open(fileobj=io.BytesIO(data))


def picture(archive, design, name):
    """An emoji over white, in 32 x 32 pixels."""
    source = Image.open(archive.extractfile(f"package/img/{design}/64/{name}")).convert("RGBA")
    white = Image.new("RGBA", source.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, source).convert("RGB").resize((SIDE, SIDE), Image.LANCZOS)


def candidates(emoji, theme):
    """Families of a theme, each a list of (name, subgroup, image file): emoji first, then their skin tones."""
    families = {}
    for entry in emoji:
        if entry["unified"] in LEFT_OUT or not (entry["has_img_google"] and entry["has_img_twitter"]):
            continue
        if not THEMES[theme](entry["category"], entry["subcategory"]):
            continue
        tones = sorted(entry.get("skin_variations", {}).values(), key=lambda tone: key(tone["unified"]))
        for rank, one in enumerate([entry] + tones):
            families.setdefault(family(entry["unified"]), []).append(
                (rank, key(one["unified"]), one["unified"], entry["subcategory"], one["image"])
            )
    for name in sorted(families, key=key):
        yield [entry[2:] for entry in sorted(families[name])]


def choose(archives, families):
    """Rows of one theme: (split, subgroup, code points, design, picture)."""
    taken = {design: [] for design in archives}
    chosen = {"test": [], "train": []}
    left = {"test": TEST, "train": TRAIN}
    sides = {}
    # Every family gives one emoji before any gives a second.
    depth = max(map(len, families))
    for rank in range(depth):
        for index, members in enumerate(families):
            if rank >= len(members):
                continue
            unified, subgroup, image = members[rank]
            side = sides.get(index) or ("test" if left["test"] > 0 and index % 10 < 3 else "train")
            if left[side] == 0:
                continue
            pictures = {design: picture(archive, design, image) for design, archive in archives.items()}
            values = {design: numpy.asarray(image, dtype=float) for design, image in pictures.items()}
            alike = any(
                numpy.sqrt(((values[design] - other) ** 2).mean()) < ALIKE and owner != index
                for design in archives
                for owner, other in taken[design]
            )
            if alike:
                continue
            sides[index] = side
            for design in archives:
                taken[design].append((index, values[design]))
                chosen[side].append((side, subgroup, unified, DESIGNS[design], pictures[design]))
            left[side] -= len(archives)
    assert left == {"test": 0, "train": 0}, f"not enough emoji: {left}"
    return chosen["train"] + chosen["test"]


def main(google, twitter):
    archives = {"google": open_archive(google, "google"), "twitter": open_archive(twitter, "twitter")}
    emoji = json.load(archives["google"].extractfile("package/emoji.json"))
    rows = []
    for theme in THEMES:
        for row in choose(archives, list(candidates(emoji, theme))):
            rows.append((theme, *row))
    # Training first; families in an order of their own, so that any range of rows holds every theme.
    rows.sort(key=lambda row: (row[1] != "train", key("order " + family(row[3])), row[3], row[4]))
    sizes = collections.Counter((row[2], row[1]) for row in rows)
    groups = {group for group, _ in sizes if all(sizes[group, split] >= least for split, least in GROUP.items())}
    sheet = Image.new("RGB", (COLUMNS * SIDE, -(-len(rows) // COLUMNS) * SIDE), (255, 255, 255))
    with open("emoji.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["split", "theme", "group", "emoji", "design"])
        for index, (theme, split, subgroup, unified, design, image) in enumerate(rows):
            table.writerow([split, theme, subgroup if subgroup in groups else "", unified, design])
            sheet.paste(image, (index % COLUMNS * SIDE, index // COLUMNS * SIDE))
    sheet.save("emoji.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
