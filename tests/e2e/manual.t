#!/usr/bin/env python3
# runs beside others
"""Manual pages against the programs: every option that the source takes, long or short, is in --help and
in the page and the reverse, every page lints clean, every program has one and keeps the common manners."""
import glob
import os
import re
import subprocess
import sys

BIN = os.environ["RTC_BIN"]
count = failed = 0


def ok(condition, name, why=""):
    global count, failed
    count += 1
    failed += not condition
    print(f"{'ok' if condition else 'not ok'} {count} - {name}", flush=True)
    if not condition:
        for line in str(why).splitlines():
            print("#   " + line)


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, timeout=20)


def options_of(lines):
    """The options that a list of options names: those at the start of its lines."""
    found = set()
    for line in lines:
        head = re.split(r"\s{2,}", line.strip())[0]
        if head.startswith("-"):
            found |= set(re.findall(r"(?<![\w-])(--?[A-Za-z0-9][\w-]*)", head))
    return found


def page_parts(page):
    """The lines of DESCRIPTION to ENVIRONMENT, and the text of SYNOPSIS."""
    text = re.sub(r".\x08", "", run("mandoc", "-T", "utf8", "-O", "width=200", page).stdout)
    # mandoc renders an option's dash as a hyphen or a minus sign.
    text = re.sub("[\u2010\u2212]", "-", text)
    found = re.search(r"^SYNOPSIS\n(.*?)^DESCRIPTION\n(.*?)^ENVIRONMENT$", text, re.S | re.M)
    return (found[2].splitlines(), found[1]) if found else ([], "")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# Rows of a table that several programs have: a macro of a header of lib.
SHARED = {m[1]: m[2] for path in glob.glob("lib/*/*.h")
          for m in re.finditer(r"^#define (\w+_LONG)\b((?:.*\\\n)+.*)", read(path), re.M)}
CALL = re.compile(r"\bgetopt_long\(\s*argc,\s*argv,\s*([^,]+),\s*(\w+),")


def parser_of(name):
    """The text with a program's call of getopt_long(): its own, else that of a module whose header
    its main.c includes."""
    sources = glob.glob(f"cmd/{name}/*.c")
    modules = {m for path in sources for m in re.findall(r'#include "(\w+)/', read(path))}
    for paths in [sources, [p for m in sorted(modules) for p in glob.glob(f"lib/{m}/*.c")]]:
        found = [text for text in map(read, sorted(paths)) if CALL.search(text)]
        if found:
            assert len(found) == 1, f"{name}: more than one file calls getopt_long()"
            return found[0]
    return ""


def c_options(name):
    """What getopt_long() is given: {option: takes a value}, and the pairs of a short and a long one."""
    text = parser_of(name)
    takes, pairs = {}, set()
    for short, table in set(CALL.findall(text)):
        if not short.startswith('"'):
            short = re.search(rf'\b{short}\[\] = ("[^"]*")', text)[1]
        for letter, value in re.findall(r"(\w)(:*)", short):
            takes["-" + letter] = bool(value)
        rows = re.search(rf"struct option {table}\[\] = {{(.*?)}};", text, re.S)[1]
        rows = re.sub(r"\b\w+_LONG\b", lambda m: SHARED[m[0]], rows)
        found = re.findall(r'{"([a-z][\w-]*)",\s*(no|required|optional)_argument,\s*NULL,\s*([^}]+)}', rows)
        assert len(found) == rows.count("_argument"), f"{name}: a row that is not understood"
        for option, kind, value in found:
            takes["--" + option] = kind != "no"
            if value.startswith("'") and "-" + value[1] in takes:
                pairs.add(("-" + value[1], "--" + option))
    return takes, pairs


def sh_options(path):
    """The same of a shell script: the patterns of its `case $1 in`, where need() asks for a value."""
    text = read(path)
    takes, pairs = {}, set()
    loop = re.search(r"^while \[ \$# -gt 0 \]; do\n(.*?)^done$", text, re.S | re.M)[1]
    glued, arms = re.findall(r"^\tcase \$1 in\n(.*?)^\tesac$", loop, re.S | re.M)
    for pattern, body in re.findall(r"^\t(-[^)\n]*)\)([^\n]*)", arms, re.M):
        names = pattern.split(" | ")
        takes |= {option: "need " in body for option in names}
        if len(names) == 2:
            pairs.add(tuple(names))
    joined = set(re.findall(r"(--[\w-]+)=\*", glued))
    joined |= {"-" + letter for letter in re.search(r"-\[(\w+)\]\?\*", glued)[1]}
    ok(joined == {option for option, value in takes.items() if value},
       f"{path}: a value may stand in the same word for each option that has one",
       joined ^ {option for option, value in takes.items() if value})
    return takes, pairs


def source_options(name):
    scripts = glob.glob(f"cmd/{name}/{name}.sh")
    return sh_options(scripts[0]) if scripts else c_options(name)


def used_options(usage):
    """The options in the brackets of a usage text: [-hV] [-u user] [--demo]."""
    found = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", usage))
    for letters in re.findall(r"(?<![\w-])-(\w+)", usage):
        found |= {"-" + letter for letter in letters}
    return found


def apart(pairs, lines):
    """The pairs of a short and a long name that no entry of the list has side by side."""
    entries = [options_of([line]) for line in lines]
    return {pair for pair in pairs if not any(set(pair) <= found for found in entries)}


def difference(a, b):
    return " ".join(sorted(a - b))


def check_options(name, page, help_):
    """The same options in the source, in --help and in the page, long and short."""
    takes, pairs = source_options(name)
    entries, synopsis = page_parts(page)
    usage, listed = re.split(r"\n(?= +-)", help_, maxsplit=1)
    in_source = set(takes)
    ok({"-h", "-V", "--help", "--version"} < in_source and pairs,
       f"{name}: {len(in_source)} options are found in the source", in_source)
    for where, lines, short in [("--help", listed.splitlines(), usage),
                                ("the page", entries, synopsis)]:
        found = options_of(lines)
        ok(in_source <= found, f"{name}: every option that the program takes is in {where}",
           difference(in_source, found))
        ok(found | used_options(short) <= in_source, f"{name}: the program takes every option of {where}",
           difference(found | used_options(short), in_source))
        ok(not apart(pairs, lines), f"{name}: short and long names stand side by side in {where}",
           apart(pairs, lines))
    uneven = {pair for pair in pairs if takes[pair[0]] != takes[pair[1]]}
    ok(not uneven, f"{name}: both take a value or neither does", uneven)


def check(name):
    prog, page = os.path.join(BIN, name), f"man/{name}.1"
    if not os.path.exists(page):
        ok(False, f"{name} has a page")
        return
    lint = run("mandoc", "-T", "lint", "-W", "warning", page)
    ok(lint.stdout == "", f"{name}: the page lints clean", lint.stdout)
    help_ = run(prog, "--help")
    ok(help_.returncode == 0 and help_.stderr == "" and help_.stdout.startswith("usage: " + name),
       f"{name}: --help is on standard output with exit 0", help_)
    ok(run(prog, "-h").stdout == help_.stdout, f"{name}: -h is the same")
    check_options(name, page, help_.stdout)
    for flag in ["-V", "--version"]:
        v = run(prog, flag)
        ok(v.returncode == 0 and re.fullmatch(name + r" \d+\.\d+\.\d+\n", v.stdout),
           f"{name}: {flag}", v)
    bad = run(prog, "--no-such-option")
    ok(bad.returncode == 64 and bad.stdout == "" and "usage: " + name in bad.stderr,
       f"{name}: an unknown option is exit 64 with the usage on standard error", bad)


for page in sorted(glob.glob("man/*.[2-8]")):
    lint = run("mandoc", "-T", "lint", "-W", "warning", page)
    ok(lint.stdout == "", f"{page} lints clean", lint.stdout)
for directory in sorted(glob.glob("cmd/*/")):
    check(directory.split("/")[1])
print(f"1..{count}")
sys.exit(1 if failed else 0)
