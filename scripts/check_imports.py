#!/usr/bin/env python3
"""Finds import circles between the modules of a crate.

Reads `use crate::...`, `use super::...` and such paths within the code of src/, but not what is compiled for tests alone
(`#[cfg(test)]`). Reports every circle between files, and between the files and folders of each folder: a folder counts as
one module there. A folder's mod.rs lies above its other files, so these must not use what mod.rs defines.

Ends with exit code 1 if there is a circle. Names that mod.rs or lib.rs passes on (`pub use`) count as defined there.
"""

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

# What is no code. A quote that is followed by a name and no other quote begins a lifetime, not a character.
NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]*?|[^'\\\n])'""", re.DOTALL
)
TEST_ATTRIBUTE = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*")
MODULE = re.compile(r"\bmod\s+(\w+)\s*;")
USE = re.compile(r"\buse\s+([^;]+);")
PATH = re.compile(r"(?<![\w:])(\w+(?:\s*::\s*\w+)+)")


class Import(NamedTuple):
    """One module uses another."""

    user: tuple
    used: tuple
    line: int
    path: str


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crates", nargs="+", type=Path, metavar="CRATE", help="the folder of a crate")
    crates = parser.parse_args().crates
    circles = [circle for crate in crates for circle in check(crate)]
    sys.exit(1 if circles else 0)


def check(crate):
    """Reports the circles of a crate, and returns them."""
    files = find_modules(crate / "src")
    imports = [found for module, path in files.items() for found in find_imports(module, path, files)]
    circles = find_circles(files, imports)
    print(f"{crate}: {len(files)} modules, {len(circles) or 'no'} import circle{'s'[: len(circles) > 1]}")
    for nodes, tied in circles:
        print(f"  circle between {', '.join(map(name, sorted(nodes)))}")
        for file, line, user, used, paths in lines_of(tied, files):
            print(f"    {file}:{line}: {name(user)} uses {name(used)}: {', '.join(paths)}")
    return circles


def lines_of(tied, files):
    """The imports of a circle, those from one module to another together: the first line, and all paths."""
    groups = defaultdict(list)
    for found, user, used in tied:
        groups[found.user, user, used].append(found)
    for (module, user, used), group in sorted(groups.items()):
        yield files[module], group[0].line, user, used, dict.fromkeys(found.path for found in group)


def find_modules(src):
    """The file of each module, but for those of tests. A binary beside a library is a crate of its own: it is left out."""
    root = src / "lib.rs" if (src / "lib.rs").exists() else src / "main.rs"
    if not root.exists():
        sys.exit(f"{src}: there is neither lib.rs nor main.rs; expected the folder of a crate")
    files, waiting = {}, [((), root)]
    while waiting:
        module, path = waiting.pop()
        files[module] = path
        folder = src.joinpath(*module)
        for child in MODULE.findall(code_of(path)):
            candidates = [folder / f"{child}.rs", folder / child / "mod.rs"]
            waiting += [((*module, child), file) for file in candidates if file.exists()]
    return files


def code_of(path):
    """The code of a file, without comments, literals and tests. Lines keep their numbers."""
    code = NO_CODE.sub(lambda match: blank(match.group()), path.read_text())
    while match := TEST_ATTRIBUTE.search(code):
        end = end_of_item(code, match.end())
        code = code[: match.start()] + blank(code[match.start() : end]) + code[end:]
    return re.sub(r"\bpub\s*\(in[^)]*\)", lambda match: blank(match.group()), code)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def end_of_item(code, start):
    """Where the item ends that begins at `start`: behind its last brace, or its semicolon."""
    depth, is_use = 0, re.match(r"(pub(\([^)]*\))?\s+)?use\b", code[start:])
    for position in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[position], 0)
        if depth == 0 and (code[position] == ";" or (code[position] == "}" and not is_use)):
            return position + 1
    return len(code)


def find_imports(module, file, files):
    """What one module uses of the others."""
    code = code_of(file)
    children = set(MODULE.findall(code))
    paths = []
    for use in USE.finditer(code):
        paths += [(use.start(), path) for path in expand(use.group(1))]
    rest = USE.sub(lambda match: blank(match.group()), code)
    paths += [(match.start(), match.group(1)) for match in PATH.finditer(rest)]
    for start, path in paths:
        segments = re.split(r"\s*::\s*", path.strip())
        used = resolve(module, segments, children, files)
        if used is not None and used != module:
            yield Import(module, used, code.count("\n", 0, start) + 1, "::".join(segments))


def expand(tree):
    """The paths of a use tree: `a::{b, c::d}` has `a::b` and `a::c::d`."""
    tree = tree.strip()
    if "{" not in tree:
        return [tree.split(" as ")[0]]
    prefix, inner = tree.split("{", 1)
    parts, depth, begin = [], 0, 0
    inner = inner[: inner.rindex("}")]
    for position, letter in enumerate(inner):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(inner[begin:position])
            begin = position + 1
    parts.append(inner[begin:])
    return [prefix.strip() + path for part in parts if part.strip() for path in expand(part)]


def resolve(module, segments, children, files):
    """The module that a path leads to, or None if it leaves the crate."""
    first, *rest = segments
    if first == "crate":
        base = ()
    elif first == "self":
        base = module
    elif first == "super":
        base = module[:-1]
        while rest and rest[0] == "super":
            base, rest = base[:-1], rest[1:]
    elif first in children:
        base, rest = (*module, first), rest
    else:
        return None
    while rest and (*base, rest[0]) in files:
        base, rest = (*base, rest[0]), rest[1:]
    return base


def find_circles(files, imports):
    """Each circle with the imports that tie it: first those between files, then those between the parts of a folder that
    are not among them already."""
    levels = [set(files)]
    for folder in sorted({module[:depth] for module in files for depth in range(len(module))}):
        levels.append({module[: len(folder) + 1] for module in files if module[: len(folder)] == folder})
    circles = []
    for parts in levels:
        mapped = [(found, within(found.user, parts), within(found.used, parts)) for found in imports]
        mapped = [(found, user, used) for found, user, used in mapped if user is not None and used is not None]
        for nodes in components((user, used) for _, user, used in mapped):
            if nodes not in [known for known, _ in circles]:
                tied = [edge for edge in mapped if edge[1] != edge[2] and {edge[1], edge[2]} <= nodes]
                circles.append((nodes, tied))
    return circles


def within(module, parts):
    """The longest of the parts that holds the module."""
    return next((module[:length] for length in range(len(module), -1, -1) if module[:length] in parts), None)


def components(pairs):
    """The sets of nodes that reach one another (Tarjan's algorithm), but for single nodes."""
    graph = defaultdict(set)
    for user, used in pairs:
        if user != used:
            graph[user].add(used)
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            component = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(component)

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def name(module):
    return "::".join(module) or "the crate's root"


if __name__ == "__main__":
    main()
