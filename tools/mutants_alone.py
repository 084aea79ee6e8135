"""What becomes of the mutants that cannot be behind a number?

Most do not compile: a type without a default, for example. Those of different functions are compiled
together, and an error in a function is that of its only mutant. The few that compile are built and run one
after the other.
"""

from dataclasses import dataclass

from variant_build import ROOT, Build, Outcome, outcome_of, spans
from variant_text import Source

# How many seconds the unit tests of a package may take.
PATIENCE = 60


@dataclass
class Edit:
    """A mutant as a change of its file, and the function that it is in, in bytes."""

    number: int
    file: str
    start: int
    end: int
    text: str
    function: tuple[int, int]


def edit(number: int, mutant: dict, source: Source) -> Edit:
    start, end, text = source.edit(mutant)
    # A constant has its line.
    line = mutant["span"]["start"]["line"]
    function = (source.lines[line - 1], source.lines[line])
    if mutant["function"]:
        span = mutant["function"]["span"]
        function = (source.offset(span["start"]), source.offset(span["end"]))
    return Edit(number, mutant["file"], start, end, text, function)


class Alone:
    """The tree with plain mutants."""

    def __init__(self, mutants: dict[int, dict], numbers: set[int], build: Build, selection: list[str]):
        self.build = Build({}, build.output / "alone", build.output / "target")
        self.build.write()
        self.arguments = ["test", "--lib", "--no-run", *selection]
        names = {mutants[number]["file"] for number in numbers}
        self.sources = {name: Source((ROOT / name).read_text()) for name in names}
        self.edits = [
            edit(number, mutants[number], self.sources[mutants[number]["file"]])
            for number in sorted(numbers)
        ]

    def put(self, edits: list[Edit]) -> dict[str, list[tuple[int, int, Edit]]]:
        """Writes the sources with these edits; says where the function of each is then."""
        where = {}
        for name, source in self.sources.items():
            text, shift, ranges = bytearray(), 0, []
            at = 0
            for it in sorted((it for it in edits if it.file == name), key=lambda it: it.start):
                text += source.text[at : it.start] + it.text.encode()
                at = it.end
                longer = len(it.text.encode()) - (it.end - it.start)
                start, end = it.function
                ranges.append((start + shift, end + shift + longer, it))
                shift += longer
            self.build.put(name, bytes(text + source.text[at:]))
            where[name] = ranges
        return where

    def viable(self) -> list[Edit]:
        """Those that compile."""
        left, good = list(self.edits), []
        while left:
            together: dict[tuple, Edit] = {}
            for it in left:
                together.setdefault((it.file, it.function), it)
            some = list(together.values())
            left = [it for it in left if it not in some]
            while some:
                where = self.put(some)
                errors, _ = self.build.cargo(*self.arguments)
                if not errors:
                    break
                wrong = [
                    it
                    for error in errors
                    for span in spans(error)
                    for start, end, it in where.get(span["file_name"], [])
                    if span["is_primary"] and start <= span["byte_start"] < end
                ]
                if not wrong:
                    raise SystemExit("\n".join(error["rendered"] for error in errors))
                some = [it for it in some if it not in wrong]
            good += some
            print(f"{len(left)} left to compile, {len(good)} compile", flush=True)
        return good

    def outcomes(self, programs: dict[str, tuple[str, str]]) -> dict[int, Outcome]:
        """What the unit tests of their own package make of those that compile. `programs` has the folder
        and the library of each package."""
        found = {}
        for it in self.viable():
            self.put([it])
            folder, library = next(
                own for own in programs.values() if it.file.startswith(own[0] + "/")
            )
            errors, executables = self.build.cargo(*self.arguments)
            assert not errors, it
            passes, output = self.build.run([executables[library]], folder, PATIENCE)
            found[it.number] = outcome_of(passes, output)
        return found
