#!/usr/bin/python3
# runs beside others
"""Our ICE agents against another implementation (aioice, which aiortc uses) and each other."""
import asyncio
import os
import sys

import aioice.ice

BUILD = os.environ.get("RTC_BUILD", "build")
PEER = os.path.join(BUILD, "tests/e2e/ice_peer")
PATIENCE_S = 15
count = 0
failed = False


def ok(value, name):
    global count, failed
    count += 1
    failed |= not value
    print(("ok" if value else "not ok"), count, "-", name, flush=True)


class Ours:
    """One ice_peer process."""

    async def start(self, kind):
        self.process = await asyncio.create_subprocess_exec(
            PEER, kind, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        self.ufrag, self.pwd, self.host, self.port = await self.line()
        self.port = int(self.port)

    async def line(self):
        raw = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_S)
        return raw.decode().split()

    def tell(self, ufrag, pwd, host, port):
        self.process.stdin.write(f"{ufrag} {pwd} {host} {port}\n".encode())

    async def until(self, *words):
        """Read lines until one begins with these words: it, or None."""
        line = await self.line()
        while line and tuple(line[:len(words)]) != words:
            line = await self.line()
        return line or None

    async def stop(self):
        self.process.stdin.close()
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


async def theirs(ours, controlling, lite=False):
    """An aioice connection, not yet connected, that knows ours and is known to it."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    conn = aioice.Connection(ice_controlling=controlling, use_ipv6=False)
    await conn.gather_candidates()
    host = conn.local_candidates[0]
    ours.tell(conn.local_username, conn.local_password, host.host, host.port)
    conn.remote_username, conn.remote_password = ours.ufrag, ours.pwd
    conn.remote_is_lite = lite
    await conn.add_remote_candidate(aioice.Candidate(
        foundation="1", component=1, transport="udp", priority=2130706431, host=ours.host,
        port=ours.port, type="host"))
    await conn.add_remote_candidate(None)
    return conn


async def echoes(conn):
    await conn.send(b"are you there?")
    return await asyncio.wait_for(conn.recv(), PATIENCE_S) == b"are you there?"


async def full_against(controlling, name):
    ours = Ours()
    await ours.start("agent")
    conn = await theirs(ours, controlling)
    try:
        await asyncio.wait_for(conn.connect(), PATIENCE_S)
        ok(True, f"{name}: it connects")
        line = await ours.until("connected")
        ok(line is not None, f"{name}: so do we")
        ok(line[1] == ("controlled" if conn.ice_controlling else "controlling"),
           f"{name}: the roles differ")
        ok(await echoes(conn), f"{name}: data flows")
    finally:
        await conn.close()
    ok(await ours.stop() == 0, f"{name}: ends well")


async def lite_against():
    ours = Ours()
    await ours.start("lite")
    conn = await theirs(ours, True, lite=True)
    try:
        await asyncio.wait_for(conn.connect(), PATIENCE_S)
        ok(True, "lite: it connects")
        ok(await ours.until("selected", "valid") is not None, "lite: it answers our own check")
        ok(await echoes(conn), "lite: data flows")
    finally:
        await conn.close()
    ok(await ours.stop() == 0, "lite: ends well")


async def ours_against_ours():
    server, client = Ours(), Ours()
    await server.start("lite")
    await client.start("agent-lite")
    server.tell(client.ufrag, client.pwd, client.host, client.port)
    client.tell(server.ufrag, server.pwd, server.host, server.port)
    ok(await client.until("connected", "controlling") is not None, "ours: the client connects")
    ok(await server.until("selected", "valid") is not None, "ours: the server proves its path")
    ok(await client.stop() == 0 and await server.stop() == 0, "ours: both end well")


async def wrong_password():
    server, client = Ours(), Ours()
    await server.start("lite")
    await client.start("agent-lite")
    server.tell(client.ufrag, client.pwd, client.host, client.port)
    client.tell(server.ufrag, "x" * 24, server.host, server.port)
    ok(await client.until("failed") is not None, "wrong password: the client fails")
    ok(await client.stop() == 0 and await server.stop() == 0, "wrong password: both end well")


async def main():
    await full_against(False, "controlling")
    await full_against(True, "role conflict")
    await lite_against()
    await ours_against_ours()
    await wrong_password()
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
