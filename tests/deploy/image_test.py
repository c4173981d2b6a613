"""The Dockerfile, its lists of packages and compose.yaml fit together."""

import glob
import os
import re
import subprocess
import tempfile
import unittest

import schemas

BIN = os.environ["LAKEFS_STAGING_BIN"]


def dockerfile():
    """The instructions, continuation lines joined."""
    text = re.sub(r"^#.*\n", "", schemas.read("deploy/Dockerfile"), flags=re.M)
    return [line.split(None, 1)
            for line in text.replace("\\\n", " ").splitlines() if line.strip()]


class ImageTest(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "chown needs root")
    def test_the_root_holds_what_each_program_loads(self):
        with tempfile.TemporaryDirectory() as root:
            laid = subprocess.run(
                [os.path.join(schemas.ROOT, "deploy/image-root"), BIN, root],
                capture_output=True, text=True, timeout=120)
            self.assertEqual(laid.returncode, 0, laid.stderr)
            programs = [*glob.glob(f"{root}/usr/local/bin/*"),
                        *glob.glob(f"{root}/bin/*")]
            self.assertEqual(len(programs), 6)
            for program in programs:
                said = subprocess.run(["ldd", program], capture_output=True,
                                      text=True, check=True,
                                      timeout=60).stdout
                self.assertNotIn("not found", said)
                libraries = re.findall(r"(/\S+\.so\S*)", said)
                self.assertGreater(len(libraries), 1)
                for library in libraries:
                    self.assertTrue(os.path.isfile(root + library), library)
            spool = os.stat(f"{root}/var/spool/lakefs-staging")
            self.assertEqual(spool.st_uid, 65532)

    def test_a_library_that_is_missing_is_no_image(self):
        with tempfile.TemporaryDirectory() as folder:
            laid = subprocess.run(
                [os.path.join(schemas.ROOT, "deploy/image-root"), folder,
                 f"{folder}/root"], capture_output=True, text=True,
                timeout=120)
            self.assertNotEqual(laid.returncode, 0)

    def test_the_list_of_packages_is_what_the_steps_install(self):
        runs = [a for i, a in dockerfile() if i == "RUN"]
        self.assertEqual(
            re.findall(r"image-install /packages/(\S+)", " ".join(runs)),
            ["packages.txt"])
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
        self.assertEqual(froms, ["debian:12-slim", "scratch"])

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
