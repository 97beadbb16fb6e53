"""Runs a command on a pseudo-terminal with so many columns, and 50 rows.

What comes on standard input is typed there, and what it shows comes on standard output. Ends with the status of the command;
a signal that has ended it is added to 128, as shells do.
"""

import fcntl, os, pty, select, struct, sys, termios

columns, command = int(sys.argv[1]), sys.argv[2:]
# The command begins when its terminal has its size.
begin, sized = os.pipe()
child, master = pty.fork()
if child == 0:
    os.close(sized)
    os.read(begin, 1)
    os.execvp(command[0], command)
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', 50, columns, 0, 0))
os.close(sized)
readers = [master, 0]
while True:
    ready, _, _ = select.select(readers, [], [])
    if 0 in ready:
        typed = os.read(0, 65536)
        if typed:
            os.write(master, typed)
        else:
            readers.remove(0)
    if master in ready:
        try:
            shown = os.read(master, 65536)
        except OSError:
            # The last one who had it open has closed it.
            break
        os.write(1, shown)
_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
