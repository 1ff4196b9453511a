#!/usr/bin/env python3
"""Checks what keeps the parts of walrelay apart, and that no file is forgotten.

1. A folder of src/ includes and links only the folders below it (DESIGN.md, "Layout"): wal, envelope, kafka and apply
   never meet but in app.
2. An outside library is included and linked only in its home.
3. Every .cc under src/ is listed by name in a CMakeLists.txt of its folder or of one above it; every .cc under tests/
   is listed so too, or is in the build's compile_commands.json, since loops and functions may make up the names there.

Usage: check_layers.py [--build DIR] [ROOT]     prints one line a violation; exit code 1 when there is any.
Without --build it cannot tell which tests are built: it leaves them out, and says so.
"""

import argparse
import json
import re
import sys
from pathlib import Path

# Folder of src/ → folders that it may use besides itself. A new folder must be entered here.
USES = {
    "base": set(),
    "change": {"base"},
    "pg": {"base", "change"},
    "wal": {"base", "change", "pg"},
    "apply": {"base", "change", "pg"},
    "envelope": {"base", "change"},
    "kafka": {"base", "change"},
    "admin": {"base", "change"},
    "app": {"base", "change", "pg", "wal", "apply", "envelope", "kafka", "admin"},
}

# Library: pattern of its headers, pattern of its CMake targets, homes. None: everywhere.
LIBRARIES = {
    "abseil": (r"absl/", r"absl::", None),
    "libpq": (r"libpq|postgresql/|pg_config|server/catalog/|postgres_ext", r"PostgreSQL::", {"pg", "wal"}),
    "librdkafka": (r"librdkafka/", r"PkgConfig::rdkafka", {"kafka"}),
    "simdjson": (r"simdjson", r"simdjson::", {"base"}),
    "Boost": (r"boost/", r"Boost::", {"wal", "app", "admin"}),
    "toml++": (r"toml\+\+/", r"tomlplusplus", {"app"}),
    "CLI11": (r"CLI/", r"CLI11::", {"app"}),
    "yaml-cpp": (r"yaml-cpp/", r"yaml-cpp", {"app"}),
    "PCRE2": (r"pcre2", r"PkgConfig::pcre2", {"app"}),
    "OpenSSL": (r"openssl/", r"OpenSSL::", {"envelope"}),
    "xxhash": (r"xxhash|xxh3", r"PkgConfig::xxhash", {"kafka"}),
    "prometheus-cpp": (r"prometheus/", r"prometheus-cpp::", {"admin"}),
    "spdlog": (r"spdlog/|fmt/", r"spdlog::|fmt::", {"base"}),
}

# The C library and the kernel: at home everywhere. C++'s own headers have neither dot nor slash.
SYSTEM_HEADER = re.compile(
    r"[a-z0-9_]+$|(sys|netinet|arpa|linux|net)/[a-z0-9_./]+\.h$|"
    r"(dirent|endian|errno|fcntl|getopt|grp|ifaddrs|limits|locale|malloc|netdb|poll|pthread|pwd|sched|signal|spawn|"
    r"stdint|stdio|stdlib|string|syslog|termios|time|unistd)\.h$"
)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def is_allowed(part, other):
    return other == part or other in USES[part]


def library_violation(part, name, patterns_index, what):
    """Why `part` may not use the header or target `name`; None when it may."""
    for library, definition in LIBRARIES.items():
        if re.match(definition[patterns_index], name):
            homes = definition[2]
            if homes is None or part in homes:
                return None
            return f"{what} {name}: {library} is at home in {', '.join(sorted(homes))} only"
    return f"{what} {name}: a library without a home; enter it in tools/check_layers.py"


def include_violations(part, text):
    for kind, name in INCLUDE.findall(text):
        folder = name.split("/")[0]
        if folder in USES and "/" in name:
            if not is_allowed(part, folder):
                yield f"includes {name}: {part} must not know {folder}"
        elif kind == "<" and not SYSTEM_HEADER.match(name):
            violation = library_violation(part, name, 0, "includes")
            if violation:
                yield violation
        elif kind == '"':
            # "x.h" beside the file would hide which folder is meant.
            violation = library_violation(part, name, 0, "includes")
            if violation:
                yield f'includes "{name}": write the path from src/ (and <…> for other libraries)'


def without_comments(cmake):
    return re.sub(r"#[^\n]*", "", cmake)


def link_violations(part, cmake):
    for call in re.findall(r"\b(?:walrelay_library|target_link_libraries)\s*\(([^)]*)\)", cmake):
        for target in call.split():
            own = re.match(r"walrelay_(\w+)$", target)
            if own and own.group(1) in USES and not is_allowed(part, own.group(1)):
                yield f"links {target}: {part} must not know {own.group(1)}"
            if "::" in target and not target.startswith(("Threads::", "GTest::", "benchmark::")):
                violation = library_violation(part, target, 1, "links")
                if violation:
                    yield violation


def is_listed(root, source):
    """True when a CMakeLists.txt beside or above `source` has its name, as a path from there."""
    folder = source.parent
    while True:
        lists = folder / "CMakeLists.txt"
        if lists.exists():
            words = re.split(r"[\s()\"]+", without_comments(lists.read_text()))
            if source.relative_to(folder).as_posix() in words:
                return True
        if folder == root:
            return False
        folder = folder.parent


def part_violations(root, folder):
    part = folder.name
    if part not in USES:
        return [f"src/{part}: a folder without a layer; enter it in tools/check_layers.py"]
    found = []
    for file in sorted(folder.rglob("*")):
        where = file.relative_to(root).as_posix()
        if file.suffix in {".h", ".cc"}:
            found += [f"{where}: {what}" for what in include_violations(part, file.read_text())]
        if file.name == "CMakeLists.txt":
            cmake = without_comments(file.read_text())
            found += [f"{where}: {what}" for what in link_violations(part, cmake)]
    return found


def compiled_files(build):
    """What the build compiles, whether or not it has been built yet."""
    commands = json.loads((build / "compile_commands.json").read_text())
    return {Path(command["directory"], command["file"]).resolve() for command in commands}


def listing_violations(root, build):
    compiled = compiled_files(build) if build else None
    for top in ("src", "tests"):
        for file in sorted((root / top).rglob("*.cc")):
            where = file.relative_to(root).as_posix()
            if is_listed(root, file):
                continue
            if top == "src":
                yield f"{where}: not listed by name in a CMakeLists.txt"
            elif compiled is not None and file.resolve() not in compiled:
                yield f"{where}: in no CMakeLists.txt, so it is never built"
        for file in sorted((root / top).rglob("CMakeLists.txt")):
            if re.search(r"\bfile\s*\(\s*GLOB", file.read_text()):
                yield f"{file.relative_to(root).as_posix()}: uses file(GLOB …); list sources by name"


def violations(root, build):
    found = []
    for folder in sorted((root / "src").iterdir()):
        if folder.is_dir():
            found += part_violations(root, folder)
    return found + list(listing_violations(root, build))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", type=Path, help="folder of a configured build")
    arguments = parser.parse_args()
    if not arguments.build:
        print("without --build: not checked whether every test is built", file=sys.stderr)
    found = violations(arguments.root, arguments.build)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} violation(s) of the layers", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
