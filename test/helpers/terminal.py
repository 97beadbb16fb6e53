"""Runs a command on a pseudo-terminal that stops, as by Ctrl+S, once it has printed where it listens.

Says "PID PORT" then. On a line of its input the terminal goes on. At the end it says the status, then all output.
"""

import os, re, subprocess, sys, termios

master, slave = os.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave)
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
