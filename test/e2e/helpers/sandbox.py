"""Runs a program under the system call filter of a unit, as systemd would: filter.json, then the program.

What is not listed fails with EPERM; so does a socket of a family that is not. systemd answers the latter with
EAFNOSUPPORT.
"""
import errno
import json
import os
import socket
import sys

import seccomp

with open(sys.argv[1]) as file:
    allowed = json.load(file)
limit = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
for name in allowed["calls"]:
    if name == "socket":
        continue
    try:
        limit.add_rule(seccomp.ALLOW, name)
    except (RuntimeError, ValueError):
        pass  # A call of another architecture, or one that this library is too old for.
for family in allowed["families"]:
    limit.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, getattr(socket, family)))
limit.load()
os.execvp(sys.argv[2], sys.argv[2:])
