"""Reads figures out of the JSON lines that the load generators wrote.

  figure.py FILE LABEL KEY            the median of KEY over the rounds of LABEL
  figure.py FILE LABEL KEY BASE       the median over the rounds of LABEL's KEY divided by BASE's in the same round
  figure.py = EXPRESSION              arithmetic, to three significant places

Rounds that something else disturbed count only where fewer than three are left without them.
"""
import json, statistics, sys


def values(path, label, key):
    found = []
    with open(path) as file:
        for line in file:
            if not line.startswith("{"):
                continue
            data = json.loads(line)
            if data.get("label") == label and data.get(key) is not None and not data["bench"].endswith("summary"):
                found.append((data.get("round", len(found)), data.get("disturbed", False), float(data[key])))
    return found


def median(found):
    clean = [value for _, disturbed, value in found if not disturbed]
    return statistics.median(clean if len(clean) >= min(3, len(found)) else [value for _, _, value in found])


def shown(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


if sys.argv[1] == "=":
    print(shown(eval(sys.argv[2], {"__builtins__": {}})))
else:
    path, label, key, *base = sys.argv[1:]
    found = values(path, label, key)
    if base:
        others = {number: (disturbed, value) for number, disturbed, value in values(path, base[0], key)}
        found = [
            (number, disturbed or others[number][0], value / others[number][1])
            for number, disturbed, value in found
            if number in others
        ]
    if not found:
        sys.exit(f"figure.py: {path} has no {key} of {label}")
    print(shown(median(found)))
