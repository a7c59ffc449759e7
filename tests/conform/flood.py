"""Sessions until the server refuses one: how it says so, and whether it recovers."""
import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from .ask import ask, end
from .session import redirection, words
from .tap import row, unjudged

SESSIONS_MAX = 2000
NUMBER = "{n}"
WAIT_MAX_S, GRACE_S, PAUSE_S = 60, 5, 0.25
UNCHECKED_S = 5     # a session that nobody connects may have ended after so long


def seconds_of(text):
    """Of Retry-After; None if it is neither a count nor a date."""
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    try:
        return max(0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def make(url, kind):
    """The sessions that were made, each URL, answer and time; and the answer that made none."""
    made = []
    while len(made) < SESSIONS_MAX:
        where, a = redirection(url.replace(NUMBER, str(len(made))), kind, is_judged=False)
        if a.status != 201:
            return made, a
        made.append((where, a, time.monotonic()))
    return made, None


def recovers(url, kind, patience):
    """Is an offer taken before the time is over? The last answer."""
    until = time.monotonic() + patience
    while True:
        where, a = redirection(url.replace(NUMBER, "0"), kind, is_judged=False)
        if a.status == 201 or time.monotonic() > until:
            end(where, a)
            return a
        time.sleep(PAUSE_S)


def ends_well(where, answer, made_at):
    a = end(where, answer)
    return a, a.status == 200 or (a.status == 404 and time.monotonic() - made_at > UNCHECKED_S)


def flood(url, kind):
    """url: where it has {n}, each session gets a number of its own."""
    made, refused = make(url, kind)
    if refused is None:
        unjudged("how too many sessions are refused", f"{len(made)} were made and none was refused")
    elif refused.status == 409:
        unjudged("how too many sessions are refused",
                 f"the stream is taken (HTTP 409) after {len(made)}; write {NUMBER} into its name in the URL")
    else:
        retry = seconds_of(refused.get("Retry-After"))
        row("s.4.5", "who makes too many sessions is refused with 429 or 503", refused.status in (429, 503), refused,
            f"after {len(made)}")
        row("RFC 9110 s.10.2.3", "which says in Retry-After, by seconds or a date, when to try again",
            retry is not None, refused)
        row("CORS", "and pages can read that", refused.get("Access-Control-Allow-Origin") and
            "retry-after" in words(refused.get("Access-Control-Expose-Headers")), refused)
        a = ask(urljoin(made[-1][0], made[-1][1].get("Location")), "GET") if made else refused
        row("s.4.5", "those that there are live on", 200 <= a.status < 300, a)
    bad = [a for a, good in [ends_well(*one) for one in made] if not good]
    row("end", "each of the sessions that were made can be deleted", not bad, bad[:3],
        f"not {len(bad)} of {len(made)}")
    if refused is not None and refused.status != 409:
        a = recovers(url, kind, min(retry or 0, WAIT_MAX_S) + GRACE_S)
        row("RFC 9110 s.10.2.3", "after that time an offer is taken again", a.status == 201, a)
