"""The charts say what the kustomizations say, and refuse what is wrong."""

import os
import re
import subprocess
import unittest

import charts
import schemas
import yaml
from manifests_test import gateway_of, resource_of

TOOLS = os.environ["LAKEFS_STAGING_TOOLS"]
GOLDEN = "tests/golden/kubernetes"
# What only Helm says of its resources.
OF_HELM = {"app.kubernetes.io/instance", "app.kubernetes.io/version",
           "app.kubernetes.io/managed-by", "helm.sh/chart"}
# Wrong values, and the field that the refusal has to name.
WRONG = {
    "kind: sidcar": "/kind",
    "replicas: 2": "replicas",
    "image: {tga: '1'}": "tga",
    "image: {pullPolicy: Allways}": "/image/pullPolicy",
    "lakefs: {endpoint: 'lakefs:8000'}": "/lakefs/endpoint",
    "lakefs: {credentialsSecret: [a]}": "/lakefs/credentialsSecret",
    "memoryBytes: 128Mi": "/memoryBytes",
    "spool: {sizeLimit: 9GB}": "/spool/sizeLimit",
    "settings: {lgo-level: info}": "lgo-level",
    "settings: {listen: '0.0.0.0:1'}": "listen",
    "settings: {proxy: [a]}": "/settings/proxy",
    "service: {replicas: 0}": "/service/replicas",
    "service: {maxConnectionAge: 5 minutes}": "/service/maxConnectionAge",
    "service: {resources: {limits: {memory: 832MB}}}":
        "/service/resources/limits/memory",
    "sidecar: {shared: {mountPath: shared}}": "/sidecar/shared/mountPath",
}


def setUpModule():
    global HELM
    subprocess.run([os.path.join(charts.ROOT, "tests/deploy/helm/build"), TOOLS],
                   check=True)
    HELM = charts.Helm(os.path.join(TOOLS, "helm"))
    unittest.addModuleCleanup(HELM.close)


def plain(value):
    """Without what only Helm says, and lists of named things in one order."""
    if isinstance(value, dict):
        value = {key: plain(one) for key, one in value.items()
                 if key not in OF_HELM | {"checksum/settings"}}
        if value.get("labels") == {}:
            del value["labels"]
        if value.get("annotations") == {}:
            del value["annotations"]
        # The default of an image with a tag.
        if value.get("imagePullPolicy") == "IfNotPresent":
            del value["imagePullPolicy"]
        if value.get("name") == "lakefs-staging-gateway" and "args" in value:
            value["settings"] = settings(value)
        return value
    if isinstance(value, list):
        value = [plain(one) for one in value]
        if all(isinstance(one, dict) and "name" in one for one in value):
            return sorted(value, key=lambda one: one["name"])
    return value


def settings(container):
    """Of a gateway; a setting may be an argument or a variable."""
    found = set(container.pop("args"))
    for variable in container.pop("env", []):
        name = variable["name"].removeprefix("LAKEFS_STAGING_")
        found.add(f"--{name.lower().replace('_', '-')}={variable['value']}")
    return found


def by_kind(documents):
    found = {document["kind"]: plain(document) for document in documents}
    assert len(found) == len(documents), "two of one kind"
    return found


class HelmTest(unittest.TestCase):
    maxDiff = None

    def test_what_is_rendered_is_up_to_date(self):
        for name in charts.RENDERINGS:
            self.assertEqual(schemas.read(f"{GOLDEN}/helm/{name}.yaml"),
                             HELM.rendered(name), "run tests/deploy/render")

    def test_the_service_is_the_one_of_the_kustomization(self):
        ours = by_kind(schemas.documents(f"{GOLDEN}/helm/service.yaml"))
        theirs = by_kind(schemas.documents(f"{GOLDEN}/service.yaml"))
        theirs["ServiceMonitor"] = plain(
            resource_of("monitoring.yaml", "ServiceMonitor"))
        # Kustomize's resources that need no label have none.
        for kind in "ServiceMonitor", "PodDisruptionBudget", "NetworkPolicy", \
                "ConfigMap", "ServiceAccount":
            ours[kind]["metadata"].pop("labels")
        self.assertEqual(ours, theirs)

    def test_what_selects_the_pods_finds_those_of_the_release(self):
        of = {d["kind"]: d for d in schemas.documents(
            f"{GOLDEN}/helm/service.yaml")}
        labels = of["Deployment"]["spec"]["template"]["metadata"]["labels"]
        for selector in (
                of["Deployment"]["spec"]["selector"]["matchLabels"],
                of["Service"]["spec"]["selector"],
                of["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                of["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
                of["ServiceMonitor"]["spec"]["selector"]["matchLabels"]):
            self.assertEqual(set(selector), {"app.kubernetes.io/name",
                                             "app.kubernetes.io/instance"})
            self.assertLessEqual(selector.items(), labels.items())

    def test_the_sidecar_is_the_one_of_the_kustomization(self):
        ours = by_kind(schemas.documents(f"{GOLDEN}/helm/sidecar.yaml"))
        theirs = by_kind(schemas.documents(f"{GOLDEN}/sidecar.yaml"))
        for kind in "ConfigMap", "ServiceAccount":
            ours[kind]["metadata"].pop("labels")
        self.assertEqual(ours, theirs)

    def test_resume_keys_are_mounted_as_the_kustomization_does(self):
        ours = gateway_of("helm/resume-keys.yaml")
        theirs = gateway_of("shown/service-resume-keys.yaml")
        self.assertEqual(ours.settings["resume-key-file"],
                         theirs.settings["resume-key-file"])
        self.assertEqual(plain(ours.container["volumeMounts"]),
                         plain(theirs.container["volumeMounts"]))
        self.assertEqual(plain(ours.pod["volumes"]),
                         plain(theirs.pod["volumes"]))

    def test_helm_finds_nothing_amiss(self):
        for chart in charts.GATEWAY, "example-program":
            done = HELM.run("lint", "--strict", f"{HELM.charts}/{chart}")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_wrong_values_are_refused_by_the_name_of_the_field(self):
        values = os.path.join(HELM.charts, "wrong.yaml")
        for text, field in WRONG.items():
            with self.subTest(text):
                with open(values, "w") as file:
                    file.write(text)
                for done in (
                        HELM.template("x", charts.GATEWAY, "-f", values),
                        HELM.run("lint", "--strict", "-f", values,
                                 f"{HELM.charts}/{charts.GATEWAY}")):
                    self.assertNotEqual(done.returncode, 0)
                    said = done.stdout + done.stderr
                    self.assertRegex(said, rf"['/ ]{re.escape(field.lstrip('/'))}'")
                    self.assertNotIn("panic", said)

    def test_every_setting_has_one_place_among_the_values(self):
        flags = set(re.findall(r"^  --([a-z0-9-]+) ",
                               schemas.read("tests/golden/gateway_help.txt"),
                               re.M))
        values = yaml.safe_load(schemas.read(
            f"deploy/helm/{charts.GATEWAY}/values.schema.json"))
        free = set(values["properties"]["settings"]["propertyNames"]["enum"])
        own = {"version", "config", "listen", "admin-listen", "lakefs-endpoint",
               "memory-bytes", "max-uploads", "spool-dir", "spool-bytes",
               "receive-bytes", "drain-timeout", "max-connection-age",
               "unix-mode", "allow-plaintext", "resume-key-file",
               "source-root"}
        self.assertEqual(free | own, flags)
        self.assertEqual(free & own, set())

    def test_the_values_that_the_readme_shows_are_taken(self):
        text = schemas.read("deploy/helm/README.md")
        shown = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
        taken = 0
        for block in shown:
            if "dependencies" in yaml.safe_load(block):
                self.assertIn(block, schemas.read(
                    "deploy/helm/example-program/Chart.yaml"))
                continue
            taken += 1
            values = os.path.join(HELM.charts, "shown.yaml")
            with open(values, "w") as file:
                file.write(block)
            done = HELM.template("x", charts.GATEWAY, "-f", values)
            self.assertEqual(done.returncode, 0, done.stderr)
            for document in yaml.safe_load_all(done.stdout):
                self.assertEqual(schemas.mistakes(document), [])
        self.assertEqual(taken, 2)

    def test_large_numbers_of_settings_are_written_out(self):
        done = HELM.template("x", charts.GATEWAY,
                             "--set=settings.max-connections=10000000")
        self.assertIn('LAKEFS_STAGING_MAX_CONNECTIONS: "10000000"', done.stdout)


if __name__ == "__main__":
    unittest.main()
