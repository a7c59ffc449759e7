"""One row of TAP for each rule, with what was got if the rule is not kept."""
count = failed = 0
# Where the draft of WHEP says what RFC 9725 (WHIP) says, its sections have other numbers. "end" is the
# section about a session's end and about OPTIONS.
WHIP = {"end": "s.4.2"}
WHEP = {"end": "WHEP s.4.3", "s.4.1": "WHEP s.4.1", "s.4.2": "WHEP s.4.2", "s.4.3": "WHEP s.4.4",
        "s.4.4": "WHEP s.4.5", "s.4.5": "WHEP s.4.6", "s.4.6": "WHEP s.4.7", "s.4.7": "WHEP s.4.8"}
part = WHIP


def begin(which):
    global part
    part = which


def label(rule):
    return part.get(rule, rule if part is WHIP else "WHEP, " + rule)


def comment(text):
    print("#   " + str(text).strip().replace("\n", "\n#   "), flush=True)


def row(rule, name, good, got, why=""):
    """got: the answer that is judged, or several; with why, words about it, they are shown if it is not good."""
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {label(rule)}: {name}", flush=True)
    if good:
        return
    if why:
        comment(why)
    for answer in got if isinstance(got, list) else [got]:
        comment(answer)


def unjudged(what, why):
    print(f"# not judged, for {why}: {'WHEP, ' if part is WHEP else ''}{what}", flush=True)
