#!/usr/bin/env python3
"""Checks limits of the code's shape, and prints statistics.

    scripts/check-style.py [TOP]

Fails for: a function of more than 90 lines, a .c file of more than 450 (in tests 900), a platform #if outside
proto/os.h and client/portd.h, headers that include each other in a circle, a file with a generic name (util, common,
helper, ...), a .c file that the CMakeLists.txt of its folder does not list.
"""
import os
import re
import statistics
import sys

FUNCTION_MAX = 90
FILE_MAX = 450
TEST_FILE_MAX = 900
ROOTS = ('proto', 'daemon', 'client', 'tests')
PLATFORM_ALLOWED = {'proto/os.h', 'client/portd.h'}
PLATFORM = re.compile(r'\b(_?WIN(32|64)|__linux\w*|__unix\w*|__APPLE__|__\w*BSD__|__sun|__CYGWIN__|__MINGW\w*|_MSC_VER|HAVE_\w+)\b')
NAMELESS = re.compile(r'(^|_)(utils?|common|helpers?|misc|manager)(_|$)')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.M)


def blank(match):
    return re.sub(r'[^\n]', ' ', match.group())


def functions(text):
    """Yields (name, first line, lines) of each function in text: from its name to its closing brace."""
    code = DIRECTIVE.sub(blank, BLANKED.sub(blank, text))
    code = re.sub(r'\bextern\s+\{|\b__attribute__\s*\(\(.*?\)\)', blank, code, flags=re.S)
    depth, start, name, head = 0, 0, None, 0
    for match in re.finditer(r'[{};]', code):
        mark, at = match.group(), match.start()
        if mark == '{':
            if depth == 0:
                before = code[head:at]
                call = re.search(r'(\w+)\s*\(', before)
                name = call.group(1) if call and before.rstrip().endswith(')') and '=' not in before else None
                start = head + call.start() if call else at
            depth += 1
        elif mark == '}':
            depth = max(depth - 1, 0)
            if depth == 0:
                if name:
                    first = code.count('\n', 0, start) + 1
                    yield name, first, code.count('\n', 0, at) + 2 - first
                name = None
        if depth == 0:
            head = at + 1


def platform_ifs(text):
    code = BLANKED.sub(blank, text)
    for number, line in enumerate(code.split('\n'), 1):
        if re.match(r'\s*#\s*(if|ifdef|ifndef|elif)\b', line) and PLATFORM.search(line):
            yield number


def cycle(graph):
    """One circle of includes as a list of files, or None."""
    state, path = {}, []

    def visit(node):
        state[node] = 1
        path.append(node)
        for other in graph.get(node, ()):
            if state.get(other) == 1:
                return path[path.index(other):] + [other]
            if other not in state:
                found = visit(other)
                if found:
                    return found
        state[node] = 2
        path.pop()
        return None

    for node in sorted(graph):
        if node not in state:
            found = visit(node)
            if found:
                return found
    return None


def unlisted(top, files):
    """The .c files that no CMakeLists.txt lists."""
    lists = {}
    for path in sorted(files):
        folder, name = os.path.split(path)
        if folder not in lists:
            try:
                with open(os.path.join(top, folder, 'CMakeLists.txt'), encoding='utf-8') as file:
                    lists[folder] = file.read()
            except FileNotFoundError:
                lists[folder] = ''
        if path == 'tests/fuzz/driver.c':  # scripts/cmake/PortdTargets.cmake adds it to each target
            continue
        # what takes the place of x.c on Windows, x_win.c, is listed as that; test_frame.c is "frame" in a loop
        stem = name[:-2].removesuffix('_win' if folder.startswith('tests/') else '')
        listed = re.search(r'(?<![\w-])(' + re.escape(name) + '|' + re.escape(stem) + r'\.c)(?![\w-])', lists[folder])
        word = stem.split('_', 1)[-1]
        in_a_loop = re.search(r'\bforeach\([^)]*(?<!\w)' + re.escape(word) + r'(?!\w)', lists[folder])
        if name.endswith('.c') and not listed and not in_a_loop:
            yield path


def read_tree(top):
    files = {}
    for root in ROOTS:
        for folder, _, names in os.walk(os.path.join(top, root)):
            for name in names:
                if name.endswith(('.c', '.h')):
                    path = os.path.join(folder, name)
                    with open(path, encoding='utf-8') as file:
                        files[os.path.relpath(path, top)] = file.read()
    return files


def include_graph(files):
    graph = {}
    for path, text in files.items():
        near = [os.path.normpath(os.path.join(os.path.dirname(path), name)) for name in INCLUDE.findall(text)]
        far = INCLUDE.findall(text)
        graph[path] = [n if n in files else f for n, f in zip(near, far) if n in files or f in files]
    return graph


def main():
    if '-h' in sys.argv[1:] or '--help' in sys.argv[1:]:
        print(__doc__.strip())
        return 0
    top = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), '..'))
    files = read_tree(top)
    wrong, lengths, sizes, comments, filled = [], [], [], 0, 0
    for path, text in sorted(files.items()):
        lines = text.count('\n')
        most = TEST_FILE_MAX if path.startswith('tests/') else FILE_MAX
        if path.endswith('.c') and lines > most:
            wrong.append(f'{path}: {lines} lines, at most {most}')
        if NAMELESS.search(os.path.basename(path)[:-2]):
            wrong.append(f'{path}: the name does not say what is in it')
        if path not in PLATFORM_ALLOWED:
            wrong += [f'{path}:{line}: a platform is chosen by file, not by #if' for line in platform_ifs(text)]
        for name, first, length in functions(text):
            if not path.startswith('tests/'):
                lengths.append(length)
            if length > FUNCTION_MAX:
                wrong.append(f'{path}:{first}: {name} has {length} lines, at most {FUNCTION_MAX}')
        if not path.startswith('tests/'):
            if path.endswith('.c'):
                sizes.append(lines)
            filled += sum(1 for line in text.split('\n') if line.strip())
            bare = re.sub(r'/\*.*?\*/|//[^\n]*', lambda m: re.sub(r'[^\n]', '\x01', m.group()), text, flags=re.S)
            comments += sum(1 for line in bare.split('\n') if line.strip() and not line.strip(' \t\x01'))
    wrong += [f'{path}: not in the CMakeLists.txt of its folder' for path in unlisted(top, files)]
    circle = cycle(include_graph(files))
    if circle:
        wrong.append('includes in a circle: ' + ' -> '.join(circle))
    for line in wrong:
        print(line)
    if not lengths or not sizes:
        sys.exit('no functions found')
    tenth = statistics.quantiles(lengths, n=10)[8] if len(lengths) > 1 else lengths[0]
    print(f'{len(files)} files; .c median {statistics.median(sizes):.0f} max {max(sizes)}; {len(lengths)} functions,'
          f' median {statistics.median(lengths):.0f} p90 {tenth:.0f} max {max(lengths)};'
          f' comments {100 * comments / filled:.0f} %; {len(wrong)} out of bounds')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
