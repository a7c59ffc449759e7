"""What the clients of the matrix in Python share: orders by JSON lines on standard input, counts on
standard output.

    {"op": "publish", "id": ID, "url": URL, "codec": NAME,
     "picture": {"width": W, "height": H, "fps": N, "bps": N}}
    {"op": "play", "id": ID, "url": URL, "kind": "audio" or "video"}
    {"op": "stop", "id": ID}
    {"op": "counts"}        answered by one line: {ID: {"frames": N, "at": MS, "error": TEXT or null, "heard": BOOL}}
"""
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def post(url, sdp):
    """The answer and the session's URL. RuntimeError with status and body for any other status."""
    request = urllib.request.Request(url, sdp.encode(), {'Content-Type': 'application/sdp'})
    try:
        with urllib.request.urlopen(request, timeout=10) as r:
            return r.read().decode(), urllib.parse.urljoin(url, r.headers['Location'])
    except urllib.error.HTTPError as e:
        raise RuntimeError(f'{e.code} {e.read().decode()}') from None


def delete(url):
    try:
        urllib.request.urlopen(urllib.request.Request(url, method='DELETE'), timeout=10).close()
    except OSError:
        pass


def tell(counts):
    """counts: {ID: (frames, error, heard)}; heard None: it is not known"""
    at = time.monotonic() * 1000
    print(json.dumps({k: {'frames': frames, 'at': at, 'error': error,
                          **({} if heard is None else {'heard': heard})}
                      for k, (frames, error, heard) in counts.items()}), flush=True)


def orders():
    """Every order, until standard input ends."""
    for line in sys.stdin:
        yield json.loads(line)
