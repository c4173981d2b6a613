"""The C++ library as it is installed, used as client/README.md says.

The program is client/example/upload.cc, in a folder with nothing else of ours,
and uploads by a real gateway.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import schemas

sys.path.insert(0, os.path.join(schemas.ROOT, "tests/integration/python"))
import running  # noqa: E402  (the path above)

BUILD = os.path.dirname(os.environ["LAKEFS_STAGING_BIN"])
README_PREFIX = "/opt/lakefs-staging"
STEP_SECONDS = 300  # a compiler on a busy machine


def shown(language, needle):
    """The block of client/README.md in `language` that holds `needle`."""
    (block,) = [b for b in re.findall(rf"```{language}\n(.*?)```",
                                      schemas.read("client/README.md"), re.S)
                if needle in b]
    return block


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lakefs = running.Lakefs()
        cls.addClassCleanup(cls.lakefs.stop)
        cls.gateway = running.Gateway(cls.lakefs.url)
        cls.addClassCleanup(cls.gateway.stop)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.project = f"{self.folder}/project"
        os.mkdir(self.project)
        shutil.copy(f"{schemas.ROOT}/client/example/upload.cc",
                    f"{self.project}/program.cc")

    def succeed(self, *command):
        done = subprocess.run(command, cwd=self.project, capture_output=True,
                              text=True, timeout=STEP_SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def install(self):
        """Returns a prefix that it was moved to after it was installed."""
        self.succeed("cmake", "--install", BUILD,
                     "--prefix", f"{self.folder}/first")
        os.rename(f"{self.folder}/first", f"{self.folder}/moved")
        return f"{self.folder}/moved"

    def check_upload(self, program, path):
        with open(f"{self.project}/report.csv", "w") as out:
            out.write("b,2\na,1\n")
        said = self.succeed(program, self.gateway.address, "report.csv",
                            f"lakefs://quickstart/main/{path}")
        self.assertIn("COMMITTED", said)
        self.assertEqual(self.lakefs.read(path), b"b,2\na,1\n")

    def test_a_project_of_cmake_finds_it(self):
        prefix = self.install()
        with open(f"{self.project}/CMakeLists.txt", "w") as out:
            out.write(shown("cmake", "find_package"))
        self.succeed("cmake", "-G", "Ninja", "-S", ".", "-B", "build",
                     f"-DCMAKE_PREFIX_PATH={prefix}")
        self.succeed("cmake", "--build", "build")
        self.check_upload("build/program", "by-cmake.csv")

    def test_pkg_config_finds_it(self):
        commands = shown("sh", "pkg-config")
        self.assertIn(README_PREFIX, commands)
        os.mkdir(f"{self.project}/build")
        os.symlink(BUILD, f"{self.project}/build/release")
        self.succeed("bash", "-euc", commands.replace(
            README_PREFIX, f"{self.folder}/installed"))
        self.check_upload("./program", "by-pkg-config.csv")

    def test_each_header_is_there_with_what_it_includes(self):
        include = f"{self.install()}/include/lakefs-staging"
        headers = {os.path.basename(header)
                   for header in glob.glob(f"{include}/client/*.h")}
        self.assertEqual(headers, {
            os.path.basename(header)
            for header in glob.glob(f"{schemas.ROOT}/client/*.h")})
        for header in headers:
            with open(f"{self.project}/{header}.cc", "w") as out:
                out.write(f'#include "client/{header}"\n')
        self.succeed("g++", "-std=c++20", "-fsyntax-only", f"-I{include}",
                     *glob.glob(f"{self.project}/*.h.cc"))

    def test_it_names_neither_sources_nor_build(self):
        prefix = self.install()
        files = [file for file in
                 glob.glob(f"{prefix}/**", recursive=True)
                 if re.search(r"\.(h|cmake|pc)$", file)]
        self.assertGreater(len(files), 20)
        for file in files:
            with open(file, encoding="utf-8") as text:
                text = text.read()
            for folder in schemas.ROOT, BUILD, f"{self.folder}/first":
                self.assertNotIn(folder, text, file)

    def test_another_minor_version_is_another_library(self):
        prefix = self.install()
        with open(f"{self.project}/CMakeLists.txt", "w") as out:
            out.write(re.sub(r"(lakefs_staging) 0\.1 ", r"\1 0.2 ",
                             shown("cmake", "find_package")))
        done = subprocess.run(
            ["cmake", "-G", "Ninja", "-S", ".", "-B", "build",
             f"-DCMAKE_PREFIX_PATH={prefix}"], cwd=self.project,
            capture_output=True, text=True, timeout=STEP_SECONDS)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("lakefs_staging-config.cmake, version: 0.1.0",
                      done.stderr)


if __name__ == "__main__":
    unittest.main()
