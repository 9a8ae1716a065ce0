"""Runs a program in a terminal of its own and answers its questions: a line of standard input each, the
question, a tab, the answer. The answer ^C is that key, and no line. What the terminal showed goes to standard
output."""

import os
import pty
import sys
import termios
import time

answers = [line.rstrip("\n").split("\t") for line in sys.stdin]
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])

shown = b""


def more():
    global shown
    try:
        part = os.read(terminal, 4096)
    except OSError:
        # Linux says so when nobody is left at the other end.
        part = b""
    shown += part
    return bool(part)


at = 0
for question, answer in answers:
    while (found := shown.find(question.encode(), at)) < 0:
        if not more():
            break
    if found < 0:
        break
    at = found + len(question)
    if answer == "^C":
        os.write(terminal, b"\x03")
        continue
    # A person types a moment after the question, when the terminal has ceased to show what is typed; a yes and
    # a no are shown.
    for _ in range(200):
        if "(yes/no)" in question or not termios.tcgetattr(terminal)[3] & termios.ECHO:
            break
        time.sleep(0.02)
    os.write(terminal, answer.encode() + b"\n")
while more():
    pass
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
