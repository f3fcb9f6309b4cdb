"""Renders the goldens in this folder with the original's engine, Chameleon 4.6.0.

    python3 -m venv venv
    venv/bin/pip install --require-hashes --requirement requirements.txt
    venv/bin/python make.py

Small tables are kept whole (ROWSxCOLUMNS.html), the others as size and SHA-256 (digests.tsv). One answer is
kept as Lambda sends it (answer_1x2.json).
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from chameleon import PageTemplate

CHAMELEON = "4.6.0"
FOLDER = Path(__file__).parent

WHOLE = [(0, 0), (0, 5), (3, 0), (1, 2), (1, 3), (10, 15), (15, 10), (2, 101)]
DIGESTED = [
    (1, 1), (1, 9), (1, 10), (1, 99), (1, 100), (1, 999), (1, 1000), (2, 10_001),
    (1000, 0), (1000, 1), (100, 20), (100, 100), (1000, 100), (106, 1000),
]  # fmt: skip

# The template of the FunctionBench function "chameleon" and of its descendants.
BIGTABLE_ZPT = """\
<table xmlns="http://www.w3.org/1999/xhtml"
xmlns:tal="http://xml.zope.org/namespaces/tal">
<tr tal:repeat="row python: options['table']">
<td tal:repeat="c python: row.values()">
<span tal:define="d python: c + 1"
tal:attributes="class python: 'column-' + str(d)"
tal:content="python: d" />
</td>
</tr>
</table>"""


def render(rows, columns):
    row = {str(column): column for column in range(columns)}
    return PageTemplate(BIGTABLE_ZPT).render(options={"table": [row] * rows})


def digest(rows, columns):
    html = render(rows, columns).encode()
    return f"{rows}\t{columns}\t{len(html)}\t{hashlib.sha256(html).hexdigest()}\n"


def write(name, text):
    (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")


def main():
    if version("chameleon") != CHAMELEON:
        raise SystemExit(f"chameleon {version('chameleon')} is installed; the goldens are made by {CHAMELEON}")
    for rows, columns in WHOLE:
        write(f"{rows}x{columns}.html", render(rows, columns))
    head = f"# Made by make.py with Chameleon {CHAMELEON}: rows, columns, bytes, SHA-256\n"
    write("digests.tsv", head + "".join(digest(*size) for size in DIGESTED))
    answer = json.dumps({"latency": 1.25e-05, "data": render(1, 2)})
    write("answer_1x2.json", json.dumps(answer))


if __name__ == "__main__":
    main()
