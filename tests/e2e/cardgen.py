#!/usr/bin/env python3
"""The test card of docs/testcard.md as a file: cardgen.py FILE SECONDS [ffmpeg option ...], by
default H264 with a GOP of 2 s and AAC of 44.1 kHz. Beside the card's tone there is a beep (the tone
four times as loud for 0.1 s) at each full second, with whose frame the picture's ground flashes."""
import subprocess
import sys

W, H, FPS = 320, 180, 25
BEEP_S = 0.1
TONE = f'(0.2+0.6*lt(mod(t,1),{BEEP_S}))*sin(2*PI*(400+100*mod(floor(t),8))*t)'
DEFAULT = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', str(2 * FPS),
           '-c:a', 'aac', '-b:a', '96k']
CHROMA = b'\x80' * (W * H // 2)


def picture(number):
    """I420: the band of blocks, its inverse, and below it a bar that moves on a ground that
    flashes."""
    n = number & 0xffff
    code = n << 4 | (n >> 12 ^ n >> 8 & 15 ^ n >> 4 & 15 ^ n & 15 ^ 5)
    row = b''.join((b'\xeb' if code >> 19 - c & 1 else b'\x10') *
                   ((c + 1) * W // 20 - c * W // 20) for c in range(20))
    inverse = bytes(0xfb - v for v in row)
    ground = bytearray((b'\xc0' if n % FPS == 0 else b'\x40') * W)
    x = n * 4 % (W - 16)
    ground[x:x + 16] = b'\x90' * 16
    return row * (H // 8) + inverse * (H // 4 - H // 8) + bytes(ground) * (H - H // 4) + CHROMA


def make(file, seconds, options=()):
    sound = ['-f', 'lavfi', '-i', f"aevalsrc='{TONE}':s=44100"]
    p = subprocess.Popen(['ffmpeg', '-v', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'yuv420p',
                          '-s', f'{W}x{H}', '-r', str(FPS), '-i', '-', *sound, '-t', str(seconds),
                          *(options or DEFAULT), file], stdin=subprocess.PIPE)
    for n in range(round(seconds * FPS)):
        p.stdin.write(picture(n))
    p.stdin.close()
    return p.wait()


if __name__ == '__main__':
    sys.exit(make(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
