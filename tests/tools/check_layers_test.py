"""Shows that tools/check_layers.py finds each kind of violation, and nothing in a sound tree."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "check_layers.py"

SOUND = {
    "src/CMakeLists.txt": "add_subdirectory(base)\n",
    "src/base/CMakeLists.txt": "walrelay_library(base\n  a.cc  # the first\n  LINKS absl::status spdlog::spdlog)\n",
    "src/base/a.h": "#include <absl/status/status.h>\n#include <string_view>\n",
    "src/base/a.cc": '#include "base/a.h"\n\n#include <simdjson.h>\n#include <sys/eventfd.h>\n',
    "src/wal/CMakeLists.txt": "walrelay_library(wal slot.cc LINKS walrelay_base walrelay_pg PostgreSQL::PostgreSQL)\n",
    "src/wal/slot.cc": '#include <libpq-fe.h>\n\n#include <boost/asio/io_context.hpp>\n\n#include "pg/result.h"\n',
    "src/app/CMakeLists.txt": "walrelay_library(app commands/slot.cc LINKS walrelay_wal walrelay_kafka)\n",
    "src/app/commands/slot.cc": '#include <CLI/CLI.hpp>\n#include "kafka/producer.h"\n#include "wal/slot.h"\n',
    "tests/base/CMakeLists.txt": "walrelay_test(a_test a_test.cc LINKS walrelay_base)\n",
    "tests/base/a_test.cc": "#include <gtest/gtest.h>\n",
}


class CheckLayersTest(unittest.TestCase):
    def run_on(self, changes, compiled=()):
        """Runs on the sound tree with these files changed, in whose build these files are compiled."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**SOUND, **changes}.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            build = Path(folder, "build")
            build.mkdir()
            commands = [{"directory": str(build), "file": str(Path(folder, name))} for name in compiled]
            (build / "compile_commands.json").write_text(json.dumps(commands))
            done = subprocess.run(
                [sys.executable, str(SCRIPT), "--build", str(build), folder], capture_output=True, text=True, check=False
            )
            return done.returncode, done.stdout

    def assert_found(self, changes, line):
        code, output = self.run_on(changes)
        self.assertEqual(output, line + "\n")
        self.assertEqual(code, 1)

    def test_a_sound_tree_passes(self):
        self.assertEqual(self.run_on({}), (0, ""))

    def test_siblings_that_include_each_other(self):
        self.assert_found(
            {"src/wal/slot.h": '#include "envelope/plan.h"\n'},
            "src/wal/slot.h: includes envelope/plan.h: wal must not know envelope",
        )

    def test_a_layer_that_includes_one_above_it(self):
        self.assert_found(
            {"src/base/a.h": '#  include "change/lsn.h"\n'},
            "src/base/a.h: includes change/lsn.h: base must not know change",
        )
        self.assert_found(
            {"src/wal/slot.h": "#include <app/config.h>\n"},
            "src/wal/slot.h: includes app/config.h: wal must not know app",
        )

    def test_a_sibling_that_is_linked(self):
        self.assert_found(
            {"src/wal/CMakeLists.txt": "walrelay_library(wal slot.cc LINKS walrelay_kafka)\n"},
            "src/wal/CMakeLists.txt: links walrelay_kafka: wal must not know kafka",
        )

    def test_a_library_away_from_home(self):
        self.assert_found(
            {"src/app/commands/slot.cc": "#include <libpq-fe.h>\n"},
            "src/app/commands/slot.cc: includes libpq-fe.h: libpq is at home in pg, wal only",
        )
        self.assert_found(
            {"src/app/CMakeLists.txt": "walrelay_library(app commands/slot.cc LINKS PkgConfig::rdkafka)\n"},
            "src/app/CMakeLists.txt: links PkgConfig::rdkafka: librdkafka is at home in kafka only",
        )

    def test_a_library_without_a_home(self):
        self.assert_found(
            {"src/base/a.h": "#include <zstd.h>\n"},
            "src/base/a.h: includes zstd.h: a library without a home; enter it in tools/check_layers.py",
        )

    def test_an_include_that_does_not_name_its_folder(self):
        self.assert_found(
            {"src/base/a.cc": '#include "a.h"\n'},
            'src/base/a.cc: includes "a.h": write the path from src/ (and <…> for other libraries)',
        )

    def test_a_folder_without_a_layer(self):
        self.assert_found(
            {"src/util/CMakeLists.txt": ""},
            "src/util: a folder without a layer; enter it in tools/check_layers.py",
        )

    def test_files_that_are_never_built(self):
        self.assert_found(
            {"tests/base/b_test.cc": ""},
            "tests/base/b_test.cc: in no CMakeLists.txt, so it is never built",
        )
        self.assert_found(
            {"src/base/deep/c.cc": ""}, "src/base/deep/c.cc: not listed by name in a CMakeLists.txt"
        )
        self.assert_found(
            {"tests/base/CMakeLists.txt": "# walrelay_test(a_test a_test.cc)\n"},
            "tests/base/a_test.cc: in no CMakeLists.txt, so it is never built",
        )

    def test_a_test_whose_name_a_loop_makes_up_is_built(self):
        loop = {"tests/base/CMakeLists.txt": "foreach(name a)\n  walrelay_test(${name}_test ${name}_test.cc)\nendforeach()\n"}
        self.assertEqual(self.run_on(loop, compiled=["tests/base/a_test.cc"]), (0, ""))
        self.assert_found(loop, "tests/base/a_test.cc: in no CMakeLists.txt, so it is never built")

    def test_a_source_that_is_compiled_but_not_named(self):
        code, output = self.run_on({"src/base/c.cc": ""}, compiled=["src/base/c.cc"])
        self.assertEqual((code, output), (1, "src/base/c.cc: not listed by name in a CMakeLists.txt\n"))

    def test_sources_that_are_globbed(self):
        self.assert_found(
            {"src/wal/CMakeLists.txt": "file( GLOB sources *.cc)\nwalrelay_library(wal slot.cc)\n"},
            "src/wal/CMakeLists.txt: uses file(GLOB …); list sources by name",
        )


if __name__ == "__main__":
    unittest.main()
