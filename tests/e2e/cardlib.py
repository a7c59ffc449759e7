"""An independent reader of docs/testcard.md, by ffmpeg: numbers of pictures, steps of the tone."""
import array
import math
import subprocess

W, H, FPS = 640, 360, 25
PATIENCE_S = 60
# By the times in the file: without min_hard_comp a gap below 0.1 s is closed, and all that follows is
# early. MP4 has one behind its first frame of sound, which FFmpeg's muxer moves to the beginning.
RESAMPLE = 'aresample=async=1:min_hard_comp=0.01:first_pts=0'


def run(*argv, **kw):
    return subprocess.run(argv, capture_output=True, timeout=PATIENCE_S, **kw)


def numbers_of(file):
    """Frame numbers of a file, None where one is not readable."""
    raw = run('ffmpeg', '-v', 'error', '-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough',
              '-vf', f'scale={W}:{H}', '-f', 'rawvideo', '-pix_fmt', 'gray', '-').stdout
    found = []
    for at in range(0, len(raw) - W * H + 1, W * H):
        code = 0
        for c in range(20):
            x = (2 * c + 1) * W // 40
            a, b = (sum(raw[at + (y + dy) * W + x + dx] for dy in (-4, 0, 4) for dx in (-4, 0, 4))
                    / 9 for y in (H // 16, 3 * H // 16))
            if abs(a - b) < 48:
                code = None
                break
            code = code << 1 | (a > b)
        if code is not None:
            n, check = code >> 4, code & 15
            code = n if n >> 12 ^ n >> 8 & 15 ^ n >> 4 & 15 ^ n & 15 ^ 5 == check else None
        found.append(code)
    return found


def steps_of(file):
    """Seconds of the file, power and step of the tone, for each 20 ms that are not silent."""
    rate, n = 8000, 160
    raw = array.array('h', run('ffmpeg', '-v', 'error', '-i', file, '-map', '0:a:0', '-af',
                               RESAMPLE, '-ac', '1', '-ar', str(rate), '-f',
                               's16le', '-').stdout)
    found = []
    for at in range(0, len(raw) - n + 1, n):
        best = (0, None)
        for step in range(8):
            k, s1, s2 = 2 * math.cos(2 * math.pi * (400 + 100 * step) / rate), 0.0, 0.0
            for v in raw[at:at + n]:
                s1, s2 = v + k * s1 - s2, s1
            best = max(best, (s1 * s1 + s2 * s2 - k * s1 * s2, step), key=lambda b: b[0])
        if best[1] is not None:
            found.append((at / rate, *best))
    return found


def step_changes(file):
    """Seconds of the file at which the tone takes a new step, and the step. What is below a quarter of
    the loudest is no tone: where sound is missing, a coder's last block ends in a click of any pitch."""
    steps = steps_of(file)
    floor = max((power for _, power, _ in steps), default=0) / 16
    changes, last = [], None
    for at, power, step in steps:
        if power < floor:
            continue
        if last is not None and step != last:
            changes.append((at, step))
        last = step
    return changes


def times_of(file):
    out = run('ffprobe', '-v', 'error', '-select_streams', 'v:0', '-show_entries',
              'packet=pts_time', '-of', 'csv=p=0', file).stdout.decode().split()
    return [float(t.strip(',')) for t in out]


def faults_of(file):
    """What ffmpeg complains of when it decodes the file; '' if nothing."""
    p = run('ffmpeg', '-v', 'error', '-xerror', '-i', file, '-fps_mode', 'passthrough',
            '-enc_time_base', '-1', '-f', 'null', '-')
    return p.stderr.decode() or (f'exit {p.returncode}' if p.returncode else '')


def decodes(file):
    return not faults_of(file)


def begin_of(file):
    """What ffmpeg takes for 0 when it decodes."""
    start = run('ffprobe', '-v', 'error', '-show_entries', 'format=start_time', '-of', 'csv=p=0', file)
    return float(start.stdout or 0)


def skews_by_frame(file):
    """Sound behind picture in milliseconds (negative: before it), by the frame of each step of the tone."""
    begin = begin_of(file)
    numbers, times = numbers_of(file), [t - begin for t in sorted(times_of(file))]
    skews = {}
    for at, step in step_changes(file):
        frames = [(abs(t - at), t, n) for t, n in zip(times, numbers)
                  if n is not None and n % (8 * FPS) == step * FPS]
        if frames:
            away, t, n = min(frames)
            skews[n] = round((at - t) * 1000)
    return skews


def flashes_of(file):
    """Seconds at which the ground below the code band turns bright (cardgen.py), on ffmpeg's time line."""
    raw = run('ffmpeg', '-v', 'error', '-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough', '-vf',
              'crop=iw:ih/2:0:ih/2,scale=1:1:flags=area', '-f', 'rawvideo', '-pix_fmt', 'gray', '-').stdout
    begin = begin_of(file)
    times = [t - begin for t in sorted(times_of(file))]
    return [t for t, before, now in zip(times[1:], raw, raw[1:]) if before < 0x80 <= now]


def beeps_of(file):
    """Seconds at which the sound becomes loud after 50 ms below half of that, to the sample."""
    rate = 48000
    raw = array.array('h', run('ffmpeg', '-v', 'error', '-i', file, '-map', '0:a:0', '-af',
                               RESAMPLE, '-ac', '1', '-ar', str(rate), '-f',
                               's16le', '-').stdout)
    loud = max(map(abs, raw), default=0) / 2
    found, last = [], None
    for i, v in enumerate(raw):
        if abs(v) <= loud:
            continue
        if last is not None and i - last > rate // 20:
            found.append(i / rate)
        last = i
    return found


def flash_skews_ms(file):
    """Beep behind flash in milliseconds (negative: before it), one for each flash with a beep near it."""
    beeps, skews = beeps_of(file), []
    for t in flashes_of(file):
        near = min(beeps, key=lambda b: abs(b - t), default=None)
        if near is not None and abs(near - t) < 0.4:
            skews.append(round((near - t) * 1000))
    return skews


def skew_ms(file):
    """Only the milliseconds, one for each step of the tone."""
    return list(skews_by_frame(file).values())
