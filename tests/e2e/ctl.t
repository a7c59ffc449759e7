#!/usr/bin/env python3
# runs beside others
"""rtc-ctl against a stand-in of the relay that speaks rtc-control(5): lists over several pages,
refusals, events, hostile text, silence, and no relay at all."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

CTL = os.path.join(os.environ["RTC_BIN"], "rtc-ctl")
count = failed = 0


def ok(condition, name, why=""):
    global count, failed
    count += 1
    failed += not condition
    print(f"{'ok' if condition else 'not ok'} {count} - {name}", flush=True)
    if not condition:
        for line in str(why).splitlines():
            print("#   " + line)


HELLO = {"v": 1, "event": "hello", "role": "admin", "program": "rtc-relay", "version": "9.9.9",
         "pid": 42, "listen": [{"proto": "udp", "port": 8000, "family": "ipv4"}]}
STREAMS = [{"name": f"live/s{i:03}", "epoch": 1, "publisher": None if i else "s-pub", "players": i,
            "tracks": [{"kind": "video", "codec": {"name": "H264"}}, {"kind": "audio",
                        "codec": {"name": "opus"}}], "rx_packets": 1, "rx_octets": 123456789,
            "tx_packets": 0, "tx_octets": 5, "rx_lost": 0, "keyframes": 2} for i in range(120)]
SESSIONS = [{"session": "s-a", "kind": "publish", "stream": "live/a", "state": "connected",
             "address": "192.0.2.1:5", "agent": "OBS\x1b[31m", "profile": "AEAD_AES_128_GCM",
             "age_ms": 65000, "rtt_us": 1500, "rx_octets": 10, "tx_octets": 0, "rx_lost": 0,
             "resent": 0},
            {"session": "s-b", "kind": "play", "stream": "live/b", "state": "new"}]


class Relay(threading.Thread):
    """Answers like the relay; mode chooses a misbehaviour."""

    def __init__(self, path, mode=""):
        super().__init__(daemon=True)
        self.mode, self.seen = mode, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            conn, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            self.converse(conn)
        except OSError:
            pass    # the client has what it wanted and is gone

    def converse(self, conn):
        conn.send(b"hm" if self.mode == "noise" else json.dumps(HELLO).encode())
        while True:
            data = conn.recv(65536)
            if not data:
                return
            request = json.loads(data)
            self.seen.append(request)
            if self.mode == "gone":
                conn.close()
                return
            conn.send(b'{"v":1,"event":"session.new","time":1}')
            reply = {"v": 1, "id": request["id"], "ok": True, **self.answer(request)}
            conn.send(json.dumps(reply).encode())
            if request["op"] == "events.subscribe":
                self.events(conn)

    def answer(self, request):
        op, start, n = request["op"], request.get("start", 0), request.get("count", 50)
        if op == "streams.list":
            return {"total": len(STREAMS), "streams": STREAMS[start:start + n]}
        if op == "sessions.list":
            rows = [s for s in SESSIONS if request.get("stream") in (None, s["stream"])]
            return {"total": len(rows), "sessions": rows[start:start + n]}
        if op == "session.kick" and request["session"] != "s-a":
            return {"ok": False, "error": "not-found", "detail": "no session " + request["session"]}
        if op == "settings.set" and "bad" in request:
            return {"ok": False, "error": "bad-request", "detail": "no such setting"}
        if op == "stats":
            return {"uptime_ms": 5, "sessions": 2}
        return {}

    def events(self, conn):
        for name in ["session.connected", "stream.publish", "session.end"]:
            conn.send(json.dumps({"v": 1, "event": name, "time": 1767225600123, "session": "s-a",
                                  "stream": "live/a"}).encode())


def run(*args, **kw):
    return subprocess.run([CTL, *args], capture_output=True, text=True, timeout=20, **kw)


def lists(sock):
    r = run("-S", sock, "streams")
    lines = r.stdout.splitlines()
    ok(r.returncode == 0 and len(lines) == 121, "streams of all pages", r)
    ok(lines[0].startswith("STREAM") and "H264+opus" in lines[1] and "123.5M" in lines[1],
       "with titles, codecs and units", "\n".join(lines[:3]))
    ok(lines[2].split()[1] == "-", "without a publisher", lines[2])
    r = run("-S", sock, "--json", "streams")
    ok([json.loads(ln) for ln in r.stdout.splitlines()] == STREAMS, "the same as JSON lines", r)
    r = run("-S", sock, "sessions")
    ok(len(r.stdout.splitlines()) == 3 and "1m05s" in r.stdout and "1.5ms" in r.stdout,
       "sessions", r)
    ok("\x1b" not in r.stdout and "OBS?[31m" in r.stdout, "no control character reaches a terminal", r)
    r = run("-S", sock, "-j", "sessions", "live/b")
    ok([json.loads(ln)["session"] for ln in r.stdout.splitlines()] == ["s-b"],
       "sessions of one stream", r)


def orders(sock, relay):
    r = run("-S", sock, "kick", "s-a")
    ok(r.returncode == 0 and r.stdout == "" and relay.seen[-1]["session"] == "s-a", "kick", r)
    r = run("-S", sock, "kick", "s-x", "s-a")
    ok(r.returncode == 1 and "not-found: no session s-x" in r.stderr, "kick of nobody: exit 1", r)
    ok(relay.seen[-1]["session"] == "s-a", "the next one is kicked all the same")
    r = run("-S", sock, "set", "stun_timeout=9", "nack=off", "twcc=on", "log=warn")
    asked = {k: v for k, v in relay.seen[-1].items() if k not in ("v", "id")}
    ok(r.returncode == 0 and r.stdout == "" and asked == {
        "op": "settings.set", "stun_timeout": 9, "nack": False, "twcc": True, "log": "warn"}, "set", asked)
    r = run("-S", sock, "set", "bad=1")
    ok(r.returncode == 1 and "bad-request: no such setting" in r.stderr, "one that is refused: exit 1", r)
    for bad in [["nack"], ["=1"], ["nack=on", "nack=off"], ["op=stats"], ["a" * 40 + "=1"]]:
        r = run("-S", sock, "set", *bad)
        ok(r.returncode == 64 and "want NAME=VALUE" in r.stderr, f"set {bad}: exit 64", r)
    r = run("-S", sock, "stats")
    ok(r.stdout.split() == ["uptime_ms", "5", "sessions", "2"], "stats", r)
    ok(json.loads(run("-S", sock, "-j", "stats").stdout) == {"uptime_ms": 5, "sessions": 2},
       "stats as JSON")
    r = run("-S", sock, "version")
    ok("9.9.9" in r.stdout and "rtc-ctl" in r.stdout, "version of both", r)


def events(sock):
    r = run("-S", sock, "-j", "events")
    ok(r.returncode == 0 and json.loads(r.stdout)["event"] == "session.connected",
       "events ends with the first", r)
    r = run("-S", sock, "-e", "session.end", "events", env={**os.environ, "TZ": "UTC"})
    ok(r.stdout.startswith("2026-01-01 00:00:00.123 session.end") and "stream=live/a" in r.stdout
       and len(r.stdout.splitlines()) == 1, "waits for one by name", r)
    began = time.monotonic()
    r = run("-S", sock, "-f", "-j", "-t", "2", "events")
    ok(r.returncode == 0 and len(r.stdout.splitlines()) == 3 and time.monotonic() - began < 10,
       "follows until the time is over", r)
    r = run("-S", sock, "-t", "0.3", "-e", "none", "events")
    ok(r.returncode == 1 and r.stdout == "", "none in time: exit 1", r)


def faults(top, sock):
    Relay(top + "/noise", "noise")
    r = run("-S", top + "/noise", "stats")
    ok(r.returncode == 76 and "does not speak" in r.stderr, "something else listens: exit 76", r)
    Relay(top + "/gone", "gone")
    r = run("-S", top + "/gone", "stats")
    ok(r.returncode == 69, "the relay goes away: exit 69", r)
    r = run("stats", env={**os.environ, "RTC_RUN": top + "/nowhere"})
    ok(r.returncode == 69 and "rtc-relay is not running" in r.stderr
       and top + "/nowhere/relay/admin.sock" in r.stderr, "no relay: exit 69, named", r)
    for args in [[], ["nonsense"], ["kick"], ["set"], ["streams", "x"], ["--nonsense"],
                 ["-t", "x", "events"]]:
        r = run("-S", sock, *args)
        ok(r.returncode == 64 and r.stderr.count("usage:") == 1 and r.stdout == "",
           f"{args}: exit 64", r)
    r = run("--help")
    ok(r.returncode == 0 and r.stdout.startswith("usage:"), "--help", r)
    with open("/dev/full", "w") as full:
        r = subprocess.run([CTL, "-S", sock, "streams"], stdout=full, timeout=20)
    ok(r.returncode == 74, "a full disk: exit 74", r)


def main():
    with tempfile.TemporaryDirectory() as top:
        os.makedirs(top + "/relay")
        sock = top + "/relay/admin.sock"
        relay = Relay(sock)
        ok(run("stats", env={**os.environ, "RTC_RUN": top}).returncode == 0, "finds it in RTC_RUN")
        lists(sock)
        orders(sock, relay)
        events(sock)
        faults(top, sock)
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
