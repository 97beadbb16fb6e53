"""Runs a command on a pseudo-terminal that stops, as by Ctrl+S, once it has printed where it listens.

Says "PID PORT" then. On a line of its input the terminal goes on. At the end it says the status, then all output.
With --foreign before the command, the terminal is the command's own, as in a shell, but not the command's to open.
"""

import ctypes, fcntl, os, re, subprocess, sys, termios

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1

master, slave = os.openpty()
foreign = sys.argv[1] == '--foreign'


def control():
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    # For root. Nobody else has it.
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


if foreign:
    os.fchmod(slave, 0)
child = subprocess.Popen(
    sys.argv[1 + foreign :],
    stdin=slave,
    stdout=slave,
    stderr=slave,
    start_new_session=foreign,
    preexec_fn=control if foreign else None,
)
output = b''
while (found := re.search(rb'listening on .*:(\d+)', output)) is None:
    output += os.read(master, 65536)
termios.tcflow(slave, termios.TCOOFF)
print(child.pid, found[1].decode(), flush=True)
if sys.stdin.readline():
    termios.tcflow(slave, termios.TCOON)
    while b'stopped' not in output:
        output += os.read(master, 65536)
print(child.wait(), flush=True)
os.close(slave)
sys.stdout.buffer.write(output)
