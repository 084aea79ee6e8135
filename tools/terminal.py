"""What does a terminal show of a program, as SVG?

The program runs on a pseudo-terminal, so that it has its colours and its progress bars; an emulator
of a terminal resolves the movements of the cursor. The picture loads no font: each piece of text is
fitted to its columns, so that every font lines up, and lines of boxes and bars are drawn.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from dataclasses import dataclass
from html import escape
from itertools import groupby

import pyte
from pyte import graphics

# The emulator has no faint text. Its italics stand for it; the program prints none.
graphics.TEXT[2] = "+italics"

FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
SIZE, WIDTH, HEIGHT = 14, 8.3, 19
MARGIN, TITLE = 16, 34

BACKGROUND, EDGE, TEXT, BRIGHT, FAINT = "#0d1117", "#30363d", "#d1d7e0", "#ffffff", "#8b949e"
COLOURS = {
    "red": "#ff7b72",
    "green": "#56d364",
    "brown": "#e3b341",
    "cyan": "#56d4dd",
    "magenta": "#d2a8ff",
    "blue": "#79c0ff",
}

# Lines from the middle of the cell to its sides, and their thickness.
LINES = {
    "─": ("lr", 1.2), "━": ("lr", 3), "│": ("tb", 1.2), "├": ("tbr", 1.2), "└": ("tr", 1.2),
    "┌": ("br", 1.2), "┐": ("bl", 1.2), "┘": ("tl", 1.2), "┤": ("tbl", 1.2), "╴": ("l", 1.2),
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How a character looks."""

    colour: str
    is_bold: bool

    @classmethod
    def of(cls, char: pyte.screens.Char) -> "Style":
        usual = FAINT if char.italics else BRIGHT if char.bold else TEXT
        return cls(COLOURS.get(char.fg, usual), char.bold)


class Terminal:
    """A terminal of a size, on which programs run one after the other."""

    def __init__(self, columns: int, rows: int):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)

    def type(self, command: str):
        """Shows a command as if it had been typed."""
        self.stream.feed(f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m\r\n".encode())

    def newline(self):
        self.stream.feed(b"\r\n")

    def run(self, command: list, environment: dict, patience: float, last: str | None = None) -> int | None:
        """Shows a program until it ends, and returns its exit code; or until a line with the text
        `last` is complete, and interrupts it."""
        program, master = pty.fork()
        if program == 0:
            size = struct.pack("HHHH", self.screen.lines, self.screen.columns, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execve(command[0], command, environment | {"TERM": "xterm-256color"})
        end = time.monotonic() + patience
        is_cut = False
        while not is_cut:
            if not select.select([master], [], [], max(0, end - time.monotonic()))[0]:
                os.kill(program, signal.SIGKILL)
                sys.exit(f"{command[0]} did not end within {patience} s")
            try:
                # Byte for byte, since what follows the last line is not shown.
                output = os.read(master, 1)
            except OSError:  # So Linux reports that the program has closed the terminal.
                output = b""
            if not output:
                break
            self.stream.feed(output)
            is_cut = last is not None and output == b"\n" and self.is_shown(last)
        if is_cut:
            os.kill(program, signal.SIGINT)
        os.close(master)
        status = os.waitpid(program, 0)[1]
        if last is not None and not is_cut:
            sys.exit(f"{command[0]} ended without '{last}':\n" + "\n".join(self.screen.display))
        return None if is_cut else os.waitstatus_to_exitcode(status)

    def is_shown(self, text: str) -> bool:
        return any(text in line for line in self.screen.display)

    def svg(self, title: str, columns: int | None = None) -> str:
        """What it shows, without the empty lines at its end; a line with more than `columns` is cut."""
        columns = columns or self.screen.columns
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        if len(rows) == self.screen.lines:
            sys.exit(f"{title}: more than the {len(rows)} rows of the terminal")
        for row in (row for row, shown in enumerate(rows) if len(shown) > columns):
            cells = self.screen.buffer[row]
            cells[columns - 1] = cells[columns - 1]._replace(data="…")
        width = round(columns * WIDTH + 2 * MARGIN)
        height = TITLE + len(rows) * HEIGHT + 2 * MARGIN - 4
        drawn = "\n".join(filter(None, (self.drawn(row, columns) for row in range(len(rows)))))
        return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{escape(title)}</title>
<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="{BACKGROUND}" stroke="{EDGE}"/>
<path d="M1 {TITLE}H{width - 1}" stroke="{EDGE}"/>
<g font-family="{FONTS}" font-size="{SIZE}">
<text x="{width / 2:g}" y="{TITLE / 2 + 4.5:g}" text-anchor="middle" font-size="13" fill="{FAINT}">{escape(title)}</text>
{drawn}
</g>
</svg>
"""

    def drawn(self, row: int, columns: int) -> str:
        """A row, in pieces of one style."""
        cells = self.screen.buffer[row]

        def kind(column: int) -> tuple[Style, str | None]:
            char = cells[column]
            return Style.of(char), char.data if char.data in LINES else None

        drawn = ""
        for (style, shape), run in groupby(range(columns), kind):
            run = list(run)
            if shape:
                drawn += line(row, run, style, shape)
                continue
            words = "".join(cells[column].data for column in run)
            # Two spaces are the gap between two columns.
            for piece in re.finditer(r"\S+( \S+)*", words):
                drawn += text(row, run[0] + piece.start(), piece.group(), style)
        return drawn


def text(row: int, column: int, words: str, style: Style) -> str:
    weight = ' font-weight="600"' if style.is_bold else ""
    x, y = MARGIN + column * WIDTH, TITLE + MARGIN + row * HEIGHT + 13
    return (
        f'<text x="{x:.1f}" y="{y}" textLength="{len(words) * WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
        f' fill="{style.colour}"{weight}>{escape(words)}</text>'
    )


def line(row: int, run: list[int], style: Style, shape: str) -> str:
    """Lines of a box or a bar."""
    sides, thickness = LINES[shape]
    top = TITLE + MARGIN + row * HEIGHT - 1
    middle = top + HEIGHT / 2
    if set(sides) == {"l", "r"}:
        path = f"M{MARGIN + run[0] * WIDTH:.1f} {middle}h{len(run) * WIDTH:.1f}"
    else:
        path = ""
        for column in run:
            left = MARGIN + column * WIDTH
            centre = left + WIDTH / 2
            ends = {
                "l": (left, middle),
                "r": (left + WIDTH, middle),
                "t": (centre, top),
                "b": (centre, top + HEIGHT),
            }
            path += "".join(f"M{centre:.1f} {middle}L{ends[it][0]:.1f} {ends[it][1]:.1f}" for it in sides)
    return f'<path d="{path}" stroke="{style.colour}" stroke-width="{thickness}" fill="none"/>'
