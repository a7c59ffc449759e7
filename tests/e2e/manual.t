#!/usr/bin/env python3
# runs beside others
"""Manual pages against the programs: every option of --help and of the source is in the page and the
reverse, every page lints clean, every program has one and keeps the common manners."""
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


def page_options(page):
    text = re.sub(r".\x08", "", run("mandoc", "-T", "utf8", "-O", "width=200", page).stdout)
    body = re.search(r"^DESCRIPTION\n(.*?)^ENVIRONMENT$", text, re.S | re.M)
    # mandoc renders an option's dash as a hyphen or a minus sign.
    return options_of(re.sub("[\u2010\u2212]", "-", body.group(1)).splitlines()) if body else set()


def source_options(name):
    found = set()
    for path in glob.glob(f"cmd/{name}/*.c"):
        with open(path, encoding="utf-8") as f:
            found |= set(re.findall(r'\{ *"([a-z][\w-]*)", *(?:no|required|optional)_argument', f.read()))
    return {"--" + n for n in found}


def difference(a, b):
    return " ".join(sorted(a - b))


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
    in_help, in_page = options_of(help_.stdout.splitlines()), page_options(page)
    in_source = source_options(name) or {o for o in in_help if o.startswith("--")}
    ok(in_help <= in_page, f"{name}: every option of --help is in the page",
       difference(in_help, in_page))
    ok(in_page <= in_help, f"{name}: every option of the page is in --help",
       difference(in_page, in_help))
    ok(in_source == {o for o in in_help if o.startswith("--")},
       f"{name}: --help names every long option that the program takes",
       f"not named: {difference(in_source, in_help)}\n"
       f"not taken: {difference({o for o in in_help if o.startswith('--')}, in_source)}")
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
