#!/usr/bin/env python3
"""Checks that files call each other in one direction only, and that chains of includes are short.

    scripts/check-calls.py [--arrows] [--names] [TOP]

A file calls another one if it names a non-static function that is defined there; passing such a function as a callback is
a call, too. Files that call each other in a circle can only be understood together. include-rules.txt has the sizes of
each room's circles ("circle") and the length of the longest chain of includes that begins in the room ("chain"); a room
without a line may have no circle and chains of at most CHAIN_MAX files. When a room improves, its line must be lowered,
so the numbers only fall.

A function that another file can call is called by one: else it is static, or gone. Tests count only if its own file calls it, too. What has no user
yet, or tests alone, has a line with the reason ("spare").

Prints the circles. --arrows: also the names that cause them. --names: the functions that are not named after their file.
"""
import collections
import importlib
import os
import re
import sys

style = importlib.import_module('check-style')

CHAIN_MAX = 7
ROOTS = ('proto/', 'daemon/', 'client/')
PLATFORM = re.compile(r'_(unix|linux|bsd|win)$')
WORD = re.compile(r'(?<![\w.>])[A-Za-z_]\w*')


def bare(text):
    """The text with comments, strings and directives blanked; lines keep their numbers."""
    return style.DIRECTIVE.sub(style.blank, style.BLANKED.sub(style.blank, text))


def bodies(text, code):
    """Yields (name, is static, body) of each function."""
    lines = code.split('\n')
    for name, first, length in style.functions(text):
        hidden = re.search(r'\bstatic\b[^;{}]*\b' + name + r'\s*\(', code) is not None
        yield name, hidden, '\n'.join(lines[first - 1:first - 1 + length])


class Tree:
    """The files, and what each includes, defines and names."""

    def __init__(self, top):
        self.files = {p: t for p, t in style.read_tree(top).items() if p.startswith(ROOTS)}
        self.includes = style.include_graph(self.files)
        self.code = {p: bare(t) for p, t in self.files.items()}
        self.reach = {p: self.closure(p) for p in self.files}
        self.declared = {p: set(WORD.findall(c)) for p, c in self.code.items() if p.endswith('.h')}
        self.own = {}     # path: functions that others can call
        self.uses = {}    # path: names that it uses
        self.home = collections.defaultdict(set)
        for path, text in self.files.items():
            found = list(bodies(text, self.code[path]))
            header = path.endswith('.h')
            self.own[path] = {n for n, hidden, _ in found if header or not hidden}
            private = set() if header else {n for n, hidden, _ in found if hidden}
            said = '\n'.join(body for _, _, body in found) if header else self.code[path]
            self.uses[path] = set(WORD.findall(said)) - private - self.own[path]
            for name in self.own[path]:
                self.home[name].add(path)

    def closure(self, path):
        seen, left = {path}, [path]
        while left:
            for other in self.includes.get(left.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    left.append(other)
        return seen

    def unit(self, path):
        """The .c file of a header; the header itself if there is none."""
        return path[:-2] + '.c' if path[:-2] + '.c' in self.files else path

    def arrows(self):
        """{caller: {callee: names}}: both include a header that declares the name."""
        arrows = {self.unit(path): collections.defaultdict(set) for path in self.files}
        for path, names in self.uses.items():
            for name in names & self.home.keys():
                headers = {h for h in self.reach[path] if h.endswith('.h') and name in self.declared[h]}
                for other in self.home[name]:
                    if self.unit(other) != self.unit(path) and headers & self.reach[other]:
                        arrows[self.unit(path)][self.unit(other)].add(name)
        return arrows

    def chains(self):
        """{path: its longest chain of includes, itself first}."""
        known = {}

        def longest(path):
            if path not in known:
                known[path] = [path]  # stops at a circle, which check-style.py reports
                known[path] = [path] + max((longest(o) for o in self.includes.get(path, ())), key=len, default=[])
            return known[path]

        return {path: longest(path) for path in self.files}


def circles(arrows):
    """The strongly connected components of more than one file (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in arrows[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(sorted(stack[at:]))
            del stack[at:]

    sys.setrecursionlimit(10000)
    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return sorted((c for c in found if len(c) > 1), key=lambda c: (c[0], len(c)))


def read_rules(path):
    """{room: sizes of its circles}, {room: longest chain} and {functions without a user}."""
    rules, unused = {'circle': {}, 'chain': {}}, set()
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            kind, _, rest = line.split('#')[0].strip().partition(' ')
            room, _, numbers = rest.partition(':')
            if kind == 'spare':
                unused.update(rest.split())
            if kind in rules:
                rules[kind][room.strip()] = sorted(map(int, numbers.split()), reverse=True)
    return rules['circle'], {room: numbers[0] for room, numbers in rules['chain'].items()}, unused


def judge_circles(found, allowed):
    """Yields a message for each room whose circles differ from its rule."""
    sizes = collections.defaultdict(list)
    for circle in found:
        sizes['+'.join(sorted({os.path.dirname(p) for p in circle}))].append(len(circle))
    for room in sorted(sizes.keys() | allowed.keys()):
        now, before = sorted(sizes[room], reverse=True), allowed.get(room, [])
        if now == before:
            continue
        said = ' '.join(map(str, now))
        if len(now) <= len(before) and all(n <= b for n, b in zip(now, before)):
            yield f'{room}: fewer files are in a circle; include-rules.txt must say ' + \
                (f'"circle {room} : {said}"' if now else f'nothing of circles in {room}')
        else:
            yield f'{room}: files call each other in a circle: {said} of them, allowed {" ".join(map(str, before)) or 0}'


def judge_chains(chains, allowed):
    longest = {}
    for path, chain in chains.items():
        room = os.path.dirname(path)
        if len(chain) > len(longest.get(room, [])):
            longest[room] = chain
    for room, chain in sorted(longest.items()):
        most = allowed.get(room, CHAIN_MAX)
        if len(chain) > most:
            yield f'{room}: a chain of {len(chain)} includes, at most {most}: {" -> ".join(chain)}'
        elif room in allowed and len(chain) < most:
            yield f'{room}: the longest chain of includes is shorter; include-rules.txt must say ' + \
                (f'"chain {room} : {len(chain)}"' if len(chain) > CHAIN_MAX else f'nothing of chains in {room}')
    for room in allowed.keys() - longest.keys():
        yield f'{room}: a chain is allowed, and there is no such room'


def spare(tree, tests, allowed):
    """Yields a message for each function that no other file calls. tests: the words of all tests."""
    users = collections.defaultdict(set)
    for path, names in tree.uses.items():
        for name in names:
            users[name].add(path)
    found = set()
    for path, names in sorted(tree.own.items()):
        for name in sorted(names) if path.endswith('.c') else ():
            inside = len(re.findall(r'\b' + name + r'\b', tree.code[path])) > 1
            if name.startswith('portd_') or name == 'main' or users[name] - tree.home[name] or inside and name in tests:
                continue
            found.add(name)
            if name not in allowed:
                yield f'{path}: no other file calls {name}: it must be static, or gone'
    for name in sorted(allowed - found):
        yield f'include-rules.txt: {name} has users: it must not be called spare'


def misnamed(tree):
    """Yields (path, function, is named after its file). The public names are those of the product."""
    for path, names in sorted(tree.own.items()):
        stem = PLATFORM.sub('', os.path.basename(path)[:-2])
        words = [word.rstrip('s') for word in stem.split('_')]
        for name in sorted(names):
            if not name.startswith('portd_') and name != 'main':
                yield path, name, any(name.startswith(word) or '_' + word in name for word in words)


def print_arrows(circle, arrows):
    for path in circle:
        for other in sorted(set(circle) & arrows[path].keys()):
            print(f'    {os.path.basename(path)} -> {os.path.basename(other)}: {" ".join(sorted(arrows[path][other]))}')


def main():
    if '-h' in sys.argv[1:] or '--help' in sys.argv[1:]:
        print(__doc__.strip())
        return 0
    options = [argument for argument in sys.argv[1:] if argument.startswith('--')]
    rest = [argument for argument in sys.argv[1:] if not argument.startswith('--')]
    if set(options) - {'--arrows', '--names'} or len(rest) > 1:
        sys.exit(__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    top = os.path.abspath(rest[0] if rest else os.path.join(here, '..'))
    tree = Tree(top)
    tests = {word for path, text in style.read_tree(top).items() if path.startswith('tests/') for word in WORD.findall(text)}
    arrows = tree.arrows()
    found, chains, names = circles(arrows), tree.chains(), list(misnamed(tree))
    if not any(arrows.values()):
        sys.exit('no calls found')
    circle_rules, chain_rules, unused = read_rules(os.path.join(here, 'include-rules.txt'))
    for circle in found:
        print(f'  circle of {len(circle)} in {os.path.dirname(circle[0])}: {" ".join(os.path.basename(p) for p in circle)}')
        if '--arrows' in options:
            print_arrows(circle, arrows)
    if '--names' in options:
        for path, name, good in names:
            if not good:
                print(f'  {path}: {name}')
    wrong = [*judge_circles(found, circle_rules), *judge_chains(chains, chain_rules), *spare(tree, tests, unused)]
    print('\n'.join(wrong), end='\n' if wrong else '')
    owned = sum(good for _, _, good in names)
    print(f'{sum(map(len, arrows.values()))} arrows between files, {len(found)} circles, longest chain of includes'
          f' {max(map(len, chains.values()))}, {100 * owned / len(names):.0f} % of {len(names)} functions named after their'
          f' file; {len(wrong)} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
