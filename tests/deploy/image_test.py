"""The Dockerfile, its lists of packages and compose.yaml fit together."""

import functools
import os
import re
import subprocess
import unittest

import schemas

BIN = os.environ["LAKEFS_STAGING_BIN"]


def dockerfile():
    """The instructions, continuation lines joined."""
    text = re.sub(r"^#.*\n", "", schemas.read("deploy/Dockerfile"), flags=re.M)
    return [line.split(None, 1)
            for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def packages(path):
    lines = [line.split("#")[0].split() for line in
             schemas.read(path).splitlines()]
    return {line[0] for line in lines if line}


@functools.cache
def dependencies():
    """What every package here depends on; the first of alternatives."""
    said = subprocess.run(
        ["dpkg-query", "-W", "-f",
         "${Package}: ${Depends}, ${Pre-Depends}\n"],
        capture_output=True, text=True, check=True, timeout=60).stdout
    found = {}
    for line in said.splitlines():
        name, _, fields = line.partition(": ")
        found[name] = {re.split(r"[ (:|]", field.strip())[0]
                       for field in fields.split(",") if field.strip()}
    return found


def closure(names):
    seen, todo = set(), set(names)
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= dependencies().get(name, set()) - seen
    return seen


def owners(libraries):
    """The packages of libraries, each by its path or, since /lib is a link to
    /usr/lib, by another of its paths."""
    paths = {path: lib for lib in libraries
             for path in (lib, os.path.realpath(lib),
                          lib.removeprefix("/usr"))}
    # Fails because of the paths that no package has.
    said = subprocess.run(["dpkg-query", "-S", *paths], capture_output=True,
                          text=True, timeout=60).stdout
    found = {}
    for line in said.splitlines():
        package, _, path = line.partition(": ")
        found[paths[path]] = package.split(":")[0]
    if libraries - found.keys():
        raise AssertionError(f"of no package: {libraries - found.keys()}")
    return set(found.values())


class ImageTest(unittest.TestCase):
    def test_runtime_packages_hold_every_library_of_the_programs(self):
        there = closure(packages("deploy/runtime-packages.txt"))
        for program in "lakefs-staging-gateway", "lakefs-staging":
            said = subprocess.run(
                ["ldd", os.path.join(BIN, program)], capture_output=True,
                text=True, check=True, timeout=60).stdout
            self.assertNotIn("not found", said)
            libraries = set(re.findall(r"=> (/\S+)", said))
            # Those of the sanitizers are in no image.
            libraries = {lib for lib in libraries
                         if not re.search(r"lib(a|t|ub)san", lib)}
            self.assertGreater(len(libraries), 5)
            self.assertEqual(owners(libraries) - there, set())

    def test_every_runtime_package_has_a_reason(self):
        for line in schemas.read("deploy/runtime-packages.txt").splitlines():
            if line and not line.startswith("#"):
                self.assertGreater(len(line.split()), 1, line)

    def test_lists_are_those_that_the_steps_install(self):
        runs = [a for i, a in dockerfile() if i == "RUN"]
        self.assertEqual(
            re.findall(r"image-install /packages/(\S+)", " ".join(runs)),
            ["packages.txt", "runtime-packages.txt"])
        self.assertNotIn("apt-get", " ".join(runs))

    def test_all_that_is_copied_is_in_the_context(self):
        allowed = [line[1:] for line in
                   schemas.read(".dockerignore").splitlines()
                   if line.startswith("!")]
        copied = set()
        for instruction, arguments in dockerfile():
            words = arguments.split()
            if instruction == "COPY" and not words[0].startswith("--from"):
                copied |= set(words[:-1])
        self.assertEqual(copied, set(allowed))
        for path in copied:
            self.assertTrue(os.path.exists(os.path.join(schemas.ROOT, path)))

    def test_it_is_no_root_and_keeps_files_on_the_volume_alone(self):
        said = {i: a for i, a in dockerfile()}
        self.assertEqual(said["USER"], "65532:65532")
        self.assertEqual(said["ENV"],
                         f"LAKEFS_STAGING_SPOOL_DIR={said['VOLUME']}")
        self.assertEqual(said["ENTRYPOINT"], '["lakefs-staging-gateway"]')
        froms = [a.split()[0] for i, a in dockerfile() if i == "FROM"]
        self.assertEqual(set(froms), {"debian:12-slim"})

    def test_compose_keeps_to_the_schema(self):
        (document,) = schemas.documents("deploy/compose.yaml")
        schema = schemas.schema("compose-spec.json")
        # The copy of the schema is older than this field.
        self.assertEqual(document.pop("name"), "lakefs-staging")
        self.assertEqual(schemas.by_schema(schema, document), [])
        document["services"]["gateway"]["imagge"] = "x"
        self.assertEqual(len(schemas.by_schema(schema, document)), 1)

    def test_compose_runs_a_real_lakefs_on_minio_and_the_image_of_here(self):
        (document,) = schemas.documents("deploy/compose.yaml")
        services = document["services"]
        images = {name: s["image"] for name, s in services.items()}
        self.assertRegex(images["lakefs"], r"^treeverse/lakefs:[0-9.]+$")
        self.assertRegex(images["minio"], r"^minio/minio:RELEASE\.[\dTZ-]+$")
        gateway = services["gateway"]
        self.assertEqual(gateway["build"],
                         {"context": "..", "dockerfile": "deploy/Dockerfile"})
        self.assertTrue(gateway["read_only"])
        self.assertEqual(gateway["cap_drop"], ["ALL"])
        known = schemas.read("tests/golden/gateway_help.txt")
        for name in gateway["environment"]:
            if name.startswith("LAKEFS_STAGING_"):
                flag = name[len("LAKEFS_STAGING_"):].lower().replace("_", "-")
                self.assertIn(f"  --{flag} ", known)

    def test_compose_uses_what_it_defines(self):
        (document,) = schemas.documents("deploy/compose.yaml")
        services = document["services"]
        for name, service in services.items():
            for other in service.get("depends_on", {}):
                self.assertIn(other, services)
            for volume in service.get("volumes", []):
                self.assertIn(volume.split(":")[0], document["volumes"])
            for port in service.get("ports", []):
                self.assertTrue(port.startswith("127.0.0.1:"), name)
        self.assertEqual(services["lakefs"]["image"],
                         services["repository"]["image"])


if __name__ == "__main__":
    unittest.main()
