"""Is each zip of dist/ a program for the processor in its name?

    python processors.py DIST
"""

import struct
import sys
import zipfile
from pathlib import Path

# The machine in an ELF file's header.
MACHINES = {"arm64": 183, "x86_64": 62}


def main(dist: Path):
    archives = sorted(dist.glob("*.zip"))
    wrong = 0
    for archive in archives:
        with zipfile.ZipFile(archive) as files:
            [entry] = files.infolist()
            header = files.read(entry)[:20]
        [wanted] = [number for name, number in MACHINES.items() if f"-{name}-" in archive.name]
        is_executable = entry.filename == "bootstrap" and entry.external_attr >> 16 & 0o111
        right = header[:4] == b"\x7fELF" and struct.unpack_from("<H", header, 18) == (wanted,)
        wrong += not (right and is_executable)
        print(f"{archive.name:<48} {'right' if right and is_executable else 'WRONG'}")
    print(f"\n{len(archives) - wrong} passed, {wrong} failed")
    sys.exit(1 if wrong or not archives else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
