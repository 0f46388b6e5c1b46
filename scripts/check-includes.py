#!/usr/bin/env python3
"""Checks every #include against include-rules.txt.

    scripts/check-includes.py [TOP]

Prints each include that is not allowed, and exits 1 if there is one. System headers are checked only if an "only" line
names them; a quoted include must exist, relative to its file or to the top, or be generated.
"""
import fnmatch
import os
import re
import sys

GENERATED = {
    'portd.pb-c.h': 'proto/portd.pb-c.h',
    'keeper.pb-c.h': 'daemon/store/keeper.pb-c.h',
    'upgrade.pb-c.h': 'daemon/upgrade/upgrade.pb-c.h',
    'proto/portd.pb-c.h': 'proto/portd.pb-c.h',
    'portd_version.h': 'portd_version.h',
    'passed.h': 'proto/passed.h',
    'engine_watch.h': 'daemon/readiness/engine_watch.h',
}
ROOTS = ('proto', 'daemon', 'client', 'tests')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)


def read_rules(path):
    """Returns rooms {folder: allowed list}, extras [(file pattern, allowed list)], owners [(header pattern, file patterns)],
    foreign and forbidden names."""
    rooms, extras, owners, foreign, never = {}, [], [], [], []
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            line = line.split('#')[0].strip()
            if not line:
                continue
            kind, _, rest = line.partition(' ')
            left, colon, right = rest.partition(':')
            if kind == 'never':
                never += rest.split()
            elif kind == 'foreign':
                foreign += rest.split()
            elif kind in ('circle', 'chain') and colon or kind == 'spare':
                pass  # for check-calls.py
            elif kind == 'room' and colon:
                rooms[left.strip()] = right.split()
            elif kind == 'also' and colon:
                extras.append((left.strip(), right.split()))
            elif kind == 'only' and colon:
                owners.append((left.strip(), right.split()))
            else:
                sys.exit(f'{path}:{number}: not understood: {line}')
    return rooms, extras, owners, foreign, never


def room_of(path, rooms):
    """The deepest room that the file is in, or None."""
    folder = os.path.dirname(path)
    while folder:
        if folder in rooms:
            return folder
        folder = os.path.dirname(folder)
    return None


def target_of(path, name, top):
    """What a quoted include of this file means, from the top, or None."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    for candidate in (beside, os.path.normpath(name)):
        if os.path.isfile(os.path.join(top, candidate)):
            return candidate
    return GENERATED.get(name)


def allowed(target, room, targets, rooms):
    if target in targets or '/' not in target:
        return True
    home = room_of(target, rooms)
    for entry in targets:
        if entry == home or (entry == room == home):
            return True
        if entry.endswith('/*') and home and home.startswith(entry[:-1]):
            return True
    return False


def check_file(path, top, rules):
    rooms, extras, owners, foreign, never = rules
    room = room_of(path, rooms)
    with open(os.path.join(top, path), encoding='utf-8') as file:
        text = file.read()
    if path.endswith('.h') and os.path.basename(path)[:-2] in never:
        yield 0, 'a header must say what is in it; this name does not'
    if room is None:
        yield 0, 'this folder is no room in include-rules.txt'
        return
    permitted = rooms[room] + [entry for pattern, more in extras if fnmatch.fnmatch(path, pattern) for entry in more]
    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        line = text.count('\n', 0, match.start()) + 1
        target = name
        if quote == '"' and name not in foreign:
            target = target_of(path, name, top)
            if target is None:
                yield line, f'"{name}" is not there'
                continue
            if not allowed(target, room, permitted, rooms):
                yield line, f'{room} may not include {target}'
        for pattern, files in owners:
            if fnmatch.fnmatch(target, pattern) and not any(fnmatch.fnmatch(path, file) for file in files):
                yield line, f'{target} belongs in {" ".join(files)}'


def sources(top):
    for root in ROOTS:
        for folder, _, names in os.walk(os.path.join(top, root)):
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    yield os.path.relpath(os.path.join(folder, name), top)


def main():
    if '-h' in sys.argv[1:] or '--help' in sys.argv[1:]:
        print(__doc__.strip())
        return 0
    top = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), '..'))
    rules = read_rules(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'include-rules.txt'))
    count = wrong = 0
    for path in sources(top):
        count += 1
        for line, what in check_file(path, top, rules):
            wrong += 1
            print(f'{path}:{line}: {what}')
    if count == 0:
        sys.exit('no sources found')
    print(f'{count} files, {wrong} wrong includes')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
