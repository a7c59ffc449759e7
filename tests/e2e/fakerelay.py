#!/usr/bin/env python3
"""A stand-in for the relay's signal socket: answers as rtc-control(5) says, and as the name of the
stream asks. Usage: fakerelay.py SOCKET LOG [PORT]. Each message that comes is one line of LOG."""
import json
import os
import select
import selectors
import socket
import sys

PATH, LOG = sys.argv[1], sys.argv[2]
PORT = int(sys.argv[3]) if len(sys.argv) > 3 else 8000
SLOW_S = 0.5	# how long the stream "slow" takes; "mute" gets no answer
ERRORS = {"busy": "stream-busy", "ufrag": "ufrag-busy", "nocodec": "no-codec", "full": "limit",
          "crowd": "client-limit",
          "bad": "bad-request", "broken": "internal", "new": "what-is-this"}
sessions = {}
log = open(LOG, "w", buffering=1)
sel = selectors.DefaultSelector()


def hello(conn):
    listen = [{"proto": p, "port": PORT, "family": "ipv4"} for p in ("udp", "tcp")]
    send(conn, {"v": 1, "event": "hello", "role": "signal", "program": "rtc-relay",
                "version": "0", "pid": os.getpid(), "listen": listen})


def send(conn, msg):
    try:
        conn.send(json.dumps(msg).encode())
    except (BrokenPipeError, ConnectionResetError):
        pass	# it is gone; the next recv() says so too


def create(msg):
    name = msg["stream"].split("/")[-1]
    if name in ERRORS:
        return {"ok": False, "error": ERRORS[name], "detail": f"words of {name}"}
    number = len(sessions)
    secret = f"{number:043d}"
    ice = msg.get("ice", {})
    sessions[secret] = {"id": f"s-{number}", "kind": msg["kind"], "stream": msg["stream"],
                        "ice": {"ufrag": ice.get("local_ufrag", "relayU"),
                                "remote_ufrag": ice.get("ufrag", "")}}
    tracks = [{"mid": t["mid"]} for t in msg["tracks"]]
    if msg["kind"] == "play":
        for i, t in enumerate(tracks):
            t["ssrc"] = 1000 + 10 * i
            if any("rtx_pt" in c for c in msg["tracks"][i]["codecs"]):
                t["rtx_ssrc"] = 1001 + 10 * i
    reply = {"ok": True, "session": sessions[secret]["id"], "secret": secret, "cname": "cn",
             "ice": {"ufrag": ice.get("local_ufrag", "relayU"),
                     "pwd": ice.get("local_pwd", "relaypasswordrelaypass")}, "tracks": tracks}
    if "dtls" in msg:
        reply["dtls"] = {"role": msg["dtls"]["role"], "fingerprint": {
            "hash": "sha-256", "value": ":".join(["AB"] * 32)}}
    return reply


def delete(msg):
    if msg["secret"] not in sessions:
        return {"ok": False, "error": "not-found", "detail": "no session has this secret"}
    return {"ok": True, "session": sessions.pop(msg["secret"])["id"]}


def get(msg):
    if msg["secret"] not in sessions:
        return {"ok": False, "error": "not-found", "detail": "no session has this secret"}
    s = sessions[msg["secret"]]
    return {"ok": True, "session": s["id"], "kind": s["kind"], "stream": s["stream"],
            "state": "connected", "ice": s["ice"], **({"note": s["note"]} if "note" in s else {})}


def note(msg):
    sessions[msg["secret"]]["note"] = msg["note"]
    return {"ok": True}


def update(msg):
    s = sessions.get(msg["secret"])
    if s is None:
        return {"ok": False, "error": "not-found", "detail": "no session has this secret"}
    if s["stream"].endswith("/norestart"):
        return {"ok": False, "error": "internal", "detail": "words of norestart"}
    s["restarts"] = s.get("restarts", 0) + 1
    s["ice"] = {"ufrag": f"again{s['restarts']}", "remote_ufrag": msg["ice"]["ufrag"]}
    return {"ok": True, "session": s["id"],
            "ice": {"ufrag": s["ice"]["ufrag"], "pwd": "againpasswordagainpass"}}


HANDLERS = {"session.create": create, "session.delete": delete, "session.get": get, "session.note": note,
            "session.update": update}


def on_message(conn):
    try:
        data = conn.recv(65536)
    except ConnectionResetError:
        data = b""
    if not data:
        sel.unregister(conn)
        conn.close()
        return
    log.write(data.decode() + "\n")
    msg = json.loads(data)
    if msg.get("stream", "").endswith("/mute"):
        return
    reply = HANDLERS[msg["op"]](msg)
    if msg.get("stream", "").endswith("/slow"):
        select.select([], [], [], SLOW_S)
    send(conn, {"v": 1, "id": msg["id"], **reply})


server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(PATH)
server.listen(8)
sel.register(server, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in sel.select():
        if key.fileobj is server:
            peer, _ = server.accept()
            sel.register(peer, selectors.EVENT_READ)
            hello(peer)
        else:
            on_message(key.fileobj)
