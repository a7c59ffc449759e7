#!/usr/bin/env python3
# The relay's sockets as rtc-control(5) says: operations, refusals, takeover, events, local media.
# runs under: address thread
# runs beside others
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from relaylib import IDR, PWD, SLICE, Relay, Tap, codec, packets, rtp, session, tracks, wait_for

t = Tap()
relay = Relay('-w', '2')
t.ok(relay.ready, 'rtc-relay says that it serves')
signal, admin = relay.connect('signal'), relay.connect('admin')

# hello
t.equal([signal.hello['event'], signal.hello['role'], signal.hello['v']], ['hello', 'signal', 1],
        'hello comes first')
t.ok(signal.hello['listen'][0]['port'] > 0, 'hello names the port')

# bad requests: each its code, and the connection lives on
BAD = [
    ('no kind', {'kind': None}),
    ('unknown kind', {'kind': 'watch'}),
    ('stream of one part', {'stream': 'live'}),
    ('stream with ..', {'stream': 'live/..'}),
    ('stream with CR LF', {'stream': 'live/a\r\nb'}),
    ('stream too long', {'stream': 'live/' + 'a' * 200}),
    ('tracks absent', {'tracks': None}),
    ('tracks empty', {'tracks': []}),
    ('nine tracks', {'tracks': tracks(*[codec()] * 9)}),
    ('track without codec', {'tracks': [{'kind': 'video', 'codecs': []}]}),
    ('unknown track kind', {'tracks': [{'kind': 'text', 'codecs': [codec()]}]}),
    ('payload type 128', {'tracks': tracks(codec(pt=128))}),
    ('payload type as text', {'tracks': tracks(codec(pt='96'))}),
    ('clock rate 0', {'tracks': tracks({'name': 'H264', 'clock_rate': 0, 'pt': 96})}),
    ('codec name with blank', {'tracks': tracks(codec('H 264'))}),
    ('fmtp with LF', {'tracks': tracks(codec(fmtp='a=1\nb'))}),
    ('mid too long', {'tracks': [{'mid': 'm' * 40, 'kind': 'video', 'codecs': [codec()]}]}),
    ('extension id 0', {'tracks': [{'kind': 'video', 'codecs': [codec()],
                                    'ext': [{'id': 0, 'uri': 'urn:x'}]}]}),
    ('five rids', {'tracks': [{'kind': 'video', 'codecs': [codec()],
                               'rids': ['0', '1', '2', '3', '4']}]}),
    ('local ufrag of 3', {'ice': {'local_ufrag': 'abc'}}),
    ('local pwd of 21', {'ice': {'local_pwd': 'p' * 21}}),
    ('ufrag with quote', {'ice': {'ufrag': 'a"b', 'pwd': PWD}}),
    ('sha-1 fingerprint', {'dtls': {'fingerprint': {'hash': 'sha-1', 'value': ':'.join(['AB'] * 20)}}}),
    ('short fingerprint', {'dtls': {'fingerprint': {'hash': 'sha-256', 'value': 'AB:CD'}}}),
    ('unknown dtls role', {'dtls': {'role': 'x', 'fingerprint': {'hash': 'sha-256', 'value': ''}}}),
    ('timeout of a millisecond', {'options': {'stun_timeout_ms': 1}}),
    ('credential too long', {'credential': 'c' * 1025}),
]
for name, change in BAD:
    answer = signal.ask('session.create', **{**session(), **change})
    t.ok(answer['ok'] is False and answer['error'] == 'bad-request' and answer['detail'],
         f'refused: {name}', answer)
t.equal(admin.ask('sessions.list')['total'], 0, 'refusals leave no session behind')
t.equal(admin.ask('streams.list')['total'], 0, 'refusals leave no stream behind')
t.equal(signal.ask('stats')['error'], 'unknown-op', 'an operation of another role is unknown')
t.equal(signal.ask('no.such')['error'], 'unknown-op', 'an unknown operation is unknown')

# what breaks the framing drops that peer alone
for name, octets in [('text', b'hello'), ('broken JSON', b'{"v":1,'), ('an array', b'[1]'),
                     ('70000 octets', b'{"a":"' + b'x' * 69990 + b'"}'), ('RTP', b'\x80' + b'\0' * 20),
                     ('twice the same member', b'{"v":1,"v":1}'), ('deep nesting', b'{"a":' * 9000),
                     ('NUL', b'{"v":1,"id":1,"op":"a\\u0000b"}'), ('not UTF-8', b'{"op":"\xff\xfe"}')]:
    p = relay.connect('signal')
    p.send(octets)
    t.ok(p.read() is None, f'dropped: {name}')
    p.close()
t.ok(signal.ask('stream.get', stream='live/a')['ok'], 'the others live on')

# create, get, delete
admin_events = relay.connect('admin')
admin_events.ask('events.subscribe')
a = signal.ask('session.create', **session())
t.ok(a['ok'] and len(a['secret']) == 43 and a['session'].startswith('s-'), 'a session is created', a)
t.ok(admin_events.wait_event('session.new', session=a['session']) is not None, 'event session.new')
t.equal(signal.ask('session.get', secret=a['secret'])['state'], 'new', 'session.get')
t.equal(signal.ask('stream.get', stream='live/a')['publishing'], False, 'not publishing before DTLS')
t.equal(signal.ask('session.get', secret='x' * 43)['error'], 'not-found', 'a wrong secret finds nothing')
got = signal.ask('session.get', secret=a['secret'])['ice']
t.equal(got['ufrag'], a['ice']['ufrag'], 'session.get names the ICE generation')
fresh = signal.ask('session.update', secret=a['secret'], ice={'ufrag': 'abcd', 'pwd': PWD})
t.ok(fresh['ok'] and fresh['ice']['ufrag'] != got['ufrag'], 'ICE restarts before the first check', fresh)
t.equal(signal.ask('session.get', secret=a['secret'])['ice'],
        {'ufrag': fresh['ice']['ufrag'], 'remote_ufrag': 'abcd'}, 'the generation is another')
t.equal(signal.ask('session.update', secret=a['secret'], ice={'ufrag': 'abcd'})['error'],
        'bad-request', 'a restart without a password is refused')
t.equal(signal.ask('session.get', secret=a['secret'])['ice']['remote_ufrag'], 'abcd',
        'and changes nothing')
t.ok('note' not in signal.ask('session.get', secret=a['secret']), 'nothing is noted with it')
for note in ('first', 'n' * 4096):
    t.ok(signal.ask('session.note', secret=a['secret'], note=note)['ok'], f'a note of {len(note)} octets')
    t.equal(signal.ask('session.get', secret=a['secret'])['note'], note, 'session.get has it')
for note in ('n' * 4097, 5, None):
    t.equal(signal.ask('session.note', secret=a['secret'], note=note)['error'], 'bad-request', 'no note')
t.equal(signal.ask('session.get', secret=a['secret'])['note'], 'n' * 4096, 'the former stays')
t.equal(signal.ask('session.note', secret='x' * 43, note='')['error'], 'not-found', 'nor of a wrong secret')
second = signal.ask('session.create', **session())
t.equal(second['error'], 'stream-busy', 'a second publisher is refused')
play = signal.ask('session.create', **session('play'))
t.ok(play['ok'] and all(x['ssrc'] > 0 for x in play['tracks']), 'a player gets SSRCs', play)
none = signal.ask('session.create', **session('play', tracks=tracks(codec('VP8'))))
t.ok(none['error'] == 'no-codec' and 'H264' in none['detail'] and 'VP8' in none['detail'],
     'a player without a common codec is refused, both lists named', none)
t.equal(signal.ask('session.delete', secret=a['secret'])['session'], a['session'], 'delete')
t.ok(admin_events.wait_event('session.end', session=a['session'], reason='deleted') is not None,
     'event session.end')
t.equal(signal.ask('session.delete', secret=a['secret'])['error'], 'not-found', 'deleted is gone')
t.equal(admin.ask('session.kick', session=play['session'])['ok'], True, 'kick')
t.ok(admin_events.wait_event('session.end', session=play['session'], reason='kicked') is not None,
     'the kicked one ends')
t.equal(admin.ask('session.kick', session='s-nobody')['error'], 'not-found', 'kicking nobody')
t.equal(admin.ask('streams.list')['total'], 0, 'an empty stream is gone')

# settings: all of them or none, and for sessions that come
for bad in ({'stun_timeout': 0}, {'stun_timeout': 3601}, {'stun_timeout': '9'}, {'nack': 1}, {'twcc': 'on'},
            {'log': 'loud'}, {'nock': True}, {'log': 3}, {'stun_timeout': 9, 'log': ''},
            {'gop_cache': 'on'}, {'gop_cache': 1}):
    t.equal(admin.ask('settings.set', **bad)['error'], 'bad-request', f'settings.set {bad}')
before = admin.ask('settings.set')
t.equal([before[k] for k in ('stun_timeout', 'nack', 'twcc', 'gop_cache')], [30, True, True, 'auto'],
        'nothing was changed')
t.equal(signal.ask('settings.set', nack=False)['error'], 'unknown-op', 'it is not for the signal socket')
probe = session('play', 'live/probe')      # without DTLS it lives as long as it is checked
del probe['dtls']
old = signal.ask('session.create', **probe)
now = admin.ask('settings.set', stun_timeout=1, nack=False, twcc=False, log='debug')
t.equal([now[k] for k in ('stun_timeout', 'nack', 'twcc')], [1, False, False], 'settings are changed')
new = signal.ask('session.create', **probe)
t.ok(admin_events.wait_event('session.end', session=new['session'], reason='timeout') is not None,
     'a session that comes has the new timeout')
t.ok(old['session'] in [s['session'] for s in admin.ask('sessions.list')['sessions']],
     'one that was there has the old one')
signal.ask('session.delete', secret=old['secret'])
admin.ask('settings.set', stun_timeout=30, nack=True, twcc=True, log='info')

# the same credential takes over at once; silence does after 2 s
first = signal.ask('session.create', **session(credential='key' * 341))
t.equal(signal.ask('session.create', **session(credential='other'))['error'], 'stream-busy',
        'another credential is refused')
same = signal.ask('session.create', **session(credential='key' * 341))
t.ok(same['ok'], 'the same credential takes over', same)
t.ok(admin_events.wait_event('session.end', session=first['session'], reason='taken-over') is not None,
     'the first one ends')
begin = time.monotonic()
t.ok(wait_for(lambda: signal.ask('session.create', **session(credential='third'))['ok'], 4) and
     time.monotonic() - begin > 1.5, 'a silent publisher is replaced after 2 s')

# players that wait are ended when the publisher's codecs do not match
waiting = signal.ask('session.create', **session('play', 'live/wait', tracks=tracks(codec('VP8'))))
t.ok(waiting['ok'], 'a player may come before its publisher')
signal.ask('session.create', **session('publish', 'live/wait'))
e = admin_events.wait_event('session.end', session=waiting['session'], reason='no-codec')
t.ok(e is not None and 'H264' in e['sends'] and e['takes'] == 'VP8',
     'no common codec ends the waiting player, both lists named', e)

# so it is when another publisher takes over with another codec; who can take that stays
signal.ask('session.create', **session('publish', 'live/turn', tracks=tracks(codec('VP8')), credential='key'))
old, both = [signal.ask('session.create', **session('play', 'live/turn', tracks=tracks(*c)))
             for c in ([codec('VP8')], [codec('VP8'), codec('AV1', 45)])]
t.ok(old['ok'] and both['ok'], 'players of VP8 come')
t.ok(signal.ask('session.create', **session('publish', 'live/turn', tracks=tracks(codec('AV1', 45)),
                                            credential='key'))['ok'], 'AV1 takes over')
e = admin_events.wait_event('session.end', session=old['session'], reason='no-codec')
t.ok(e is not None and (e['sends'], e['takes']) == ('AV1', 'VP8'), 'who takes VP8 alone ends, both lists named', e)
t.ok([s['session'] for s in admin.ask('sessions.list', stream='live/turn')['sessions'] if s['kind'] == 'play'] ==
     [both['session']], 'who takes both stays')

# a given ufrag yields until it is connected
# The name that a restart gave belongs to its session, the one before does not: two never share one.
moved = signal.ask('session.create', **session('play', 'live/moved'))
name = signal.ask('session.update', secret=moved['secret'], ice={'ufrag': 'abcd', 'pwd': PWD})['ice']['ufrag']
for local, found in (moved['ice']['ufrag'], True), (name, False):
    signal.ask('session.create', **session('play', 'live/moved', ice={
        'ufrag': 'J8X7', 'pwd': PWD, 'local_ufrag': local, 'local_pwd': PWD}))
    t.equal(signal.ask('session.get', secret=moved['secret'])['ok'], found,
            'a newcomer chooses the ' + ('former name' if found else 'present name: it takes the place'))
ice = {'ufrag': 'J8X7', 'pwd': PWD, 'local_ufrag': '6pk11386', 'local_pwd': PWD}
one = signal.ask('session.create', **session(stream='live/r1', ice=ice, dtls=None))
t.equal(one['ice'], {'ufrag': '6pk11386', 'pwd': PWD}, 'given credentials are used')
two = signal.ask('session.create', **session(stream='live/r2', ice=ice, dtls=None))
t.ok(two['ok'] and signal.ask('session.get', secret=one['secret'])['error'] == 'not-found',
     'a session that never connected yields its ufrag')

# paging
for i in range(30):
    signal.ask('session.create', **session(stream=f'page/{i}'))
page = admin.ask('streams.list', start=10, count=7)
t.ok(page['total'] >= 30 and len(page['streams']) == 7, 'lists come in pages')
t.equal(len(admin.ask('sessions.list', stream='page/3')['sessions']), 1, 'sessions of one stream')

# local media: a publisher, a subscriber before and one after it
sub = relay.connect('media')
t.ok(sub.ask('attach', **{'as': 'subscriber', 'stream': 'live/local'})['ok'], 'a subscriber attaches')
t.ok(sub.wait_event('end') is not None, 'it learns that nothing comes yet')
pub = relay.connect('media')
answer = pub.ask('attach', **{'as': 'publisher', 'stream': 'live/local',
                              'tracks': tracks(codec(), codec('opus', 111, channels=2))})
t.ok(answer['ok'], 'a publisher attaches', answer)
event = sub.wait_event('tracks')
t.equal([x['codecs'][0]['name'] for x in event['tracks']], ['H264', 'opus'], 'the tracks are told')
t.ok(pub.wait_event('keyframe', track=0) is not None, 'the publisher is asked for a keyframe')
pub.send(rtp(96, 65534, 100, SLICE))
pub.send(rtp(96, 65535, 200, IDR))
pub.send(rtp(96, 0, 300, SLICE, 1))
pub.send(rtp(111, 5, 48000, b'opus'))
got = packets(sub, 3)
video = [p for p in got if p[1] & 127 == 96]
t.equal([p[12:13] for p in video], [b'\x65', b'\x41'], 'video begins with the keyframe')
t.equal([struct.unpack('!H', p[2:4])[0] for p in video], [65535, 0], 'sequence numbers are the source\'s')
t.equal([p[12:] for p in got if p[1] & 127 == 111], [b'opus'], 'audio comes through')
late = relay.connect('media')
late.ask('attach', **{'as': 'subscriber', 'stream': 'live/local'})
t.ok(late.wait_event('tracks') is not None and pub.wait_event('keyframe', track=0) is not None,
     'a later subscriber asks for another keyframe')
t.ok(relay.connect('media').ask('attach', **{'as': 'publisher', 'stream': 'live/local',
     'tracks': tracks(codec())})['error'] == 'stream-busy', 'its place is taken while its socket is open')

# one that does not read falls behind, is told so, and goes on at a keyframe
seq = 1
for i in range(6000):
    pub.send(rtp(96, seq, 400 + i, (IDR if i % 500 == 0 else SLICE) * 10, 1))
    seq += 1
    if i % 100 == 0:
        packets(sub, 100, 0.2)
gap = late.wait_event('gap', 10)
t.ok(gap is not None and gap['lost'] > 0, 'a subscriber that fell behind is told', gap)
pub.close()
t.ok(sub.wait_event('end', 10) is not None, 'the end of the publisher is told')
t.ok(wait_for(lambda: not any(s['name'] == 'live/local' and s['publisher'] for s in
     admin.ask('streams.list')['streams'])), 'and its place is free')

# a source with keyframes of its own: who comes later begins with the last one; twins on demand
pub = relay.connect('media')
twin = tracks(codec(), codec('mpeg4-generic', 97), codec('opus', 111, channels=2))
for x, kind, mode in zip(twin, ['video', 'audio', 'audio'], ['live', 'live', 'on-demand']):
    x.update(kind=kind, mode=mode)
pub.ask('attach', **{'as': 'publisher', 'stream': 'live/gop', 'keyframes': 'periodic', 'tracks': twin})
EXT = struct.pack('!HH', 0xbede, 2) + bytes([14 << 4 | 3, 6, 0, 1, 44, 0, 0, 0])   # disposable, DTS 300
for i in range(40):
    payload = IDR if i in (0, 20) else SLICE
    packet = rtp(96, i, i * 3600, payload, 1)
    pub.send(packet if i != 25 else b'\x90' + packet[1:12] + EXT + packet[12:])
    pub.send(rtp(97, i, i * 1024, b'aac'))
t.ok(wait_for(lambda: any(s['name'] == 'live/gop' and s['rx_packets'] >= 80 for s in
     admin.ask('streams.list')['streams'])), 'all of it has come')
late = relay.connect('media')
late.ask('attach', **{'as': 'subscriber', 'stream': 'live/gop'})
got = packets(late, 40)
video = [p for p in got if p[1] & 127 == 96]
t.equal([struct.unpack('!H', p[2:4])[0] for p in video], list(range(20, 40)),
        'a later subscriber gets the last keyframe and what came since')
t.ok(video[5][0] == 0x90 and video[5][12:24] == EXT, 'with the local header extension', video[5].hex())
t.equal({p[1] & 127 for p in got}, {96, 97}, 'and the live tracks only')
t.ok(pub.wait_event('wanted', 0.3) is None, 'nobody wants the twin yet')
viewer = signal.ask('session.create', **session('play', 'live/gop', tracks=tracks(codec('opus', 111,
                    channels=2)), ice=ice, dtls=None))
chosen = relay.connect('media')
chosen.ask('attach', **{'as': 'subscriber', 'stream': 'live/gop', 'codecs': ['opus']})
t.ok(pub.wait_event('wanted', track=2) is not None, 'a consumer of the twin turns it on')
pub.send(rtp(111, 1, 960, b'opus'))
t.equal([p[12:] for p in packets(chosen, 1)], [b'opus'], 'it comes, alone')
chosen.close()
t.ok(pub.wait_event('unwanted', track=2) is not None, 'the last consumer turns it off')
for name, change in [('keyframes: sometimes', {'keyframes': 'sometimes'}), ('no codec', {'codecs': []}),
                     ('codec with blank', {'codecs': ['a b']}), ('as: nobody', {'as': 'nobody'})]:
    p = relay.connect('media')
    answer = p.ask('attach', **{'as': 'subscriber', 'stream': 'live/gop', **change})
    t.equal(answer['error'], 'bad-request', f'attach refused: {name}')

stats = admin.ask('stats')
t.equal(stats['workers'], 2, 'stats name the workers')
t.equal(relay.stop(), 0, 'SIGTERM ends it with status 0')
t.done()
