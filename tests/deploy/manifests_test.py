"""The manifests are what Kubernetes takes, and agree with the gateway."""

import base64
import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

import documented
import schemas
import sources_digest
import yaml

BIN = os.environ["LAKEFS_STAGING_BIN"]
RENDERED = sorted(glob.glob(
    os.path.join(schemas.ROOT, "tests/golden/kubernetes/*.yaml")))
# What the kustomizations that deploy/README.md shows render to.
SHOWN = sorted(glob.glob(
    os.path.join(schemas.ROOT, "tests/golden/kubernetes/shown/*.yaml")))
# What the charts of deploy/helm render to.
CHARTS = sorted(glob.glob(
    os.path.join(schemas.ROOT, "tests/golden/kubernetes/helm/*.yaml")))
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
SECONDS = {"s": 1, "m": 60, "h": 3600}


def size(quantity):
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


def seconds(span):
    return int(span[:-1]) * SECONDS[span[-1]]


class Gateway:
    """A gateway's container in a rendered pod, and the settings it gets."""

    def __init__(self, name, template, container, settings):
        self.name, self.container = name, container
        self.pod, self.metadata = template["spec"], template["metadata"]
        self.settings = dict(settings)
        for argument in container["args"]:
            flag, _, value = argument[2:].partition("=")
            self.settings[flag] = value or "true"
        for variable in container.get("env", []):
            self.settings[from_variable(variable["name"])] = variable["value"]

    def seconds_to_end(self):
        """From the pod's end: the sleep of preStop, then the drain."""
        sleep = self.container.get("lifecycle", {}).get(
            "preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        return int(sleep[1]) + seconds(self.settings["drain-timeout"])


def from_variable(name):
    return name.removeprefix("LAKEFS_STAGING_").lower().replace("_", "-")


def gateways():
    for path in RENDERED + SHOWN + CHARTS:
        resources = schemas.documents(path)
        settings = {
            from_variable(name): value
            for resource in resources if resource["kind"] == "ConfigMap"
            for name, value in resource["data"].items()
            if name.startswith("LAKEFS_STAGING_")}
        for resource in resources:
            if resource["kind"] in ("Deployment", "Job"):
                template = resource["spec"]["template"]
                pod = template["spec"]
                for container in (pod["containers"] +
                                  pod.get("initContainers", [])):
                    if container["name"] == "lakefs-staging-gateway":
                        yield Gateway(name_of(path), template, container,
                                      settings)


def name_of(path):
    return os.path.relpath(path, f"{schemas.ROOT}/tests/golden/kubernetes")


def gateway_of(name):
    (gateway,) = [g for g in gateways() if g.name == name]
    return gateway


def resource_of(name, kind):
    path = f"tests/golden/kubernetes/{name}"
    (resource,) = [d for d in schemas.documents(path) if d["kind"] == kind]
    return resource


class ManifestsTest(unittest.TestCase):
    def test_what_is_rendered_is_up_to_date(self):
        overlays = os.listdir(
            os.path.join(schemas.ROOT, "deploy/kubernetes/overlays"))
        self.assertEqual([os.path.basename(p)[:-5] for p in RENDERED],
                         sorted(overlays))
        self.assertEqual({os.path.basename(p)[:-5] for p in SHOWN},
                         set(documented.renderings()))
        for path in RENDERED + SHOWN:
            first = schemas.read(path).split("\n", 1)[0]
            self.assertEqual(
                first, f"# deploy/kubernetes {sources_digest.digest()}",
                "run tests/deploy/render")

    def test_all_that_is_rendered_keeps_to_the_schemas(self):
        for path in RENDERED + SHOWN + CHARTS:
            for document in schemas.documents(path):
                with self.subTest(path=path, kind=document["kind"]):
                    self.assertEqual(schemas.mistakes(document), [])

    def test_schemas_refuse_what_is_wrong(self):
        document = {"apiVersion": "v1", "kind": "Service",
                    "metadata": {"name": "x"}, "spec": {"prots": []}}
        self.assertEqual(len(schemas.mistakes(document)), 1)
        self.assertEqual(schemas.mistakes({"apiVersion": "v1", "kind": "Pdo"}),
                         ["no schema for v1/Pdo"])

    def test_kustomizations_are_right_and_name_every_file(self):
        named = set()
        for path in sources_digest.files():
            if os.path.basename(path) != "kustomization.yaml":
                continue
            named.add(path)
            (document,) = schemas.documents(path)
            self.assertEqual(schemas.mistakes(document), [], path)
            for entry in (document.get("resources", []) +
                          document.get("components", []) +
                          [p["path"] for p in document.get("patches", [])]):
                target = os.path.normpath(
                    os.path.join(os.path.dirname(path), entry))
                self.assertTrue(
                    os.path.exists(os.path.join(schemas.ROOT, target)), entry)
                named.add(target)
        self.assertEqual([p for p in sources_digest.files() if p not in named],
                         [])

    def test_every_gateway_is_found(self):
        self.assertEqual(
            sorted(g.name for g in gateways()),
            sorted(["istio.yaml", "job.yaml", "linkerd.yaml", "service.yaml",
                    "sidecar.yaml"] + [name_of(path) for path in SHOWN + CHARTS]))

    def test_settings_are_the_gateways(self):
        known = set(re.findall(r"^  --([a-z0-9-]+) ",
                               schemas.read("tests/golden/gateway_help.txt"),
                               re.M))
        for gateway in gateways():
            self.assertLessEqual(set(gateway.settings), known, gateway.name)

    def test_settings_are_taken_by_the_gateway(self):
        # As the manifests give them, but for addresses, files and folders that
        # this machine need not have.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        keys = os.path.join(folder.name, "credentials.env")
        with open(keys, "w") as file:
            file.write("LAKECTL_CREDENTIALS_ACCESS_KEY_ID=x\n"
                       "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=x\n")
        os.chmod(keys, 0o440)  # as defaultMode has it
        resume = os.path.join(folder.name, "resume")
        with open(resume, "w") as file:
            file.write(base64.b64encode(os.urandom(32)).decode() + "\n")
        os.chmod(resume, 0o440)
        here = {"resume-key-file": resume,
                "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0",
                "spool-dir": "/tmp", "credentials-file": keys,
                "local-store": f"/home/lakefs/data={folder.name}",
                "source-root": folder.name}
        secrets = {
            "lakefs-credentials": {
                "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "x",
                "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "x"},
            "store-credentials": {
                "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}}
        started = []
        for gateway in gateways():
            settings = {name: here.get(name, value)
                        for name, value in gateway.settings.items()}
            environment = {"LAKECTL_SERVER_ENDPOINT_URL": "http://127.0.0.1:1"}
            for source in gateway.container["envFrom"]:
                environment |= secrets.get(
                    source.get("secretRef", {}).get("name"), {})
            started.append((gateway.name, subprocess.Popen(
                [os.path.join(BIN, "lakefs-staging-gateway"),
                 *(f"--{name}={value}" for name, value in settings.items())],
                env=environment,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        said = [process.stdout.readline() for _, process in started]
        for _, process in started:
            process.terminate()
        for (name, process), line in zip(started, said):
            with self.subTest(name):
                wrong = process.communicate(timeout=30)[1]
                self.assertTrue(line.startswith("listening on "), wrong)

    def test_each_overlay_has_what_its_use_needs(self):
        service = {"ConfigMap", "Deployment", "NetworkPolicy",
                   "PodDisruptionBudget", "Service", "ServiceAccount"}
        pod = {"ConfigMap", "ServiceAccount"}
        expected = {
            "sidecar": pod | {"Deployment"}, "job": pod | {"Job"},
            "service": service, "linkerd": service,
            "istio": service | {"DestinationRule", "PeerAuthentication",
                                "VirtualService"},
            "monitoring": {"PodMonitor", "ServiceMonitor"}}
        self.assertEqual(
            {os.path.basename(path)[:-5]:
             {d["kind"] for d in schemas.documents(path)}
             for path in RENDERED}, expected)

    def test_what_selects_the_service_finds_it(self):
        service = {d["kind"]: d for d in schemas.documents(
            "tests/golden/kubernetes/service.yaml")}
        labels = service["Deployment"]["spec"]["template"]["metadata"]["labels"]
        ports = {p["name"]: p for p in service["Service"]["spec"]["ports"]}
        self.assertEqual(service["Service"]["spec"]["selector"], labels)
        self.assertEqual(ports["grpc"]["appProtocol"], "grpc")
        policy = service["NetworkPolicy"]["spec"]
        self.assertEqual(policy["podSelector"]["matchLabels"], labels)
        self.assertTrue(all(rule["from"] for rule in policy["ingress"]))
        budget = service["PodDisruptionBudget"]["spec"]
        self.assertEqual(budget["selector"]["matchLabels"], labels)
        self.assertLess(budget["maxUnavailable"],
                        service["Deployment"]["spec"]["replicas"])
        (monitor,) = [d["spec"] for d in schemas.documents(
            "tests/golden/kubernetes/monitoring.yaml")
            if d["kind"] == "ServiceMonitor"]
        self.assertEqual(monitor["selector"]["matchLabels"],
                         service["Service"]["metadata"]["labels"])
        self.assertIn(monitor["endpoints"][0]["port"], ports)

    def test_sidecars_are_native(self):
        for gateway in gateways():
            if gateway.name == "job.yaml" or "sidecar" in gateway.name:
                self.assertIn(gateway.container,
                              gateway.pod["initContainers"])
                self.assertEqual(gateway.container["restartPolicy"], "Always")

    def test_pods_wait_longer_than_the_drain(self):
        for gateway in gateways():
            self.assertGreater(gateway.pod["terminationGracePeriodSeconds"],
                               gateway.seconds_to_end() + 5)

    def test_proxies_of_meshes_outlive_the_gateway_but_not_the_pod(self):
        istio, linkerd = gateway_of("istio.yaml"), gateway_of("linkerd.yaml")
        config = json.loads(
            istio.metadata["annotations"]["proxy.istio.io/config"])
        for gateway, proxy in (
                (istio, seconds(config["terminationDrainDuration"])),
                (linkerd, int(linkerd.metadata["annotations"][
                    "config.alpha.linkerd.io/"
                    "proxy-wait-before-exit-seconds"]))):
            self.assertGreaterEqual(proxy, gateway.seconds_to_end() + 5)
            self.assertLess(proxy,
                            gateway.pod["terminationGracePeriodSeconds"])

    def test_the_spool_fits_its_volume(self):
        for gateway in gateways():
            mounts = {m["mountPath"]: m["name"]
                      for m in gateway.container["volumeMounts"]}
            volume = mounts[gateway.settings["spool-dir"]]
            (limit,) = [size(v["emptyDir"]["sizeLimit"])
                        for v in gateway.pod["volumes"] if v["name"] == volume]
            self.assertGreater(limit, int(gateway.settings["spool-bytes"]))

    def test_memory_limit_holds_the_budget(self):
        for gateway in gateways():
            limit = size(gateway.container["resources"]["limits"]["memory"])
            budget = int(gateway.settings["memory-bytes"])
            uploads = int(gateway.settings["max-uploads"])
            # The callers of a sidecar are those of one pod. Those of a service
            # that no mesh stands before have a connection each.
            sidecar = gateway.settings["listen"].startswith("unix:")
            connections = 64 if sidecar else uploads
            # The formulas of deploy/README.md.
            received = int(gateway.settings["receive-bytes"])
            self.assertGreater(received,
                               2**20 * (0.1 * uploads + 2 * connections))
            self.assertGreater(limit, 20 * 2**20 + 2.1 * budget + received)
        for path in ("deploy/README.md",
                     "deploy/kubernetes/components/sidecar/sidecar.yaml",
                     "deploy/kubernetes/overlays/service/deployment.yaml"):
            self.assertRegex(schemas.read(path), r"20 MiB, 2\.1 times\s")

    def test_gateways_are_probed_on_the_admin_port(self):
        for gateway in gateways():
            (port,) = [p["containerPort"] for p in gateway.container["ports"]
                       if p["name"] == "admin"]
            self.assertEqual(gateway.settings["admin-listen"],
                             f"0.0.0.0:{port}")
            for probe, path in (("startupProbe", "/healthz"),
                                ("readinessProbe", "/readyz"),
                                ("livenessProbe", "/healthz")):
                if (gateway.name, probe) == ("shown/sidecar-own-pod.yaml",
                                             "readinessProbe"):
                    continue
                self.assertEqual(gateway.container[probe]["httpGet"],
                                 {"path": path, "port": "admin"})

    def test_no_container_may_more_than_it_must(self):
        seen = 0
        for path in RENDERED + CHARTS:
            for resource in schemas.documents(path):
                if resource["kind"] not in ("Deployment", "Job"):
                    continue
                pod = resource["spec"]["template"]["spec"]
                self.assertIs(pod["automountServiceAccountToken"], False)
                for container in (pod["containers"] +
                                  pod.get("initContainers", [])):
                    seen += 1
                    context = container["securityContext"]
                    self.assertTrue(context["runAsNonRoot"])
                    self.assertGreater(context["runAsUser"], 0)
                    self.assertTrue(context["readOnlyRootFilesystem"])
                    self.assertIs(context["allowPrivilegeEscalation"], False)
                    self.assertEqual(context["capabilities"]["drop"], ["ALL"])
                    self.assertEqual(context["seccompProfile"]["type"],
                                     "RuntimeDefault")
                    self.assertIn("memory", container["resources"]["limits"])
        self.assertEqual(seen, 11)

    def test_the_example_ends_when_it_is_told_to(self):
        (program,) = resource_of("sidecar.yaml", "Deployment")[
            "spec"]["template"]["spec"]["containers"]
        (script,) = program["args"]
        with tempfile.TemporaryDirectory() as folder:
            for name, does in (("lakefs-staging", "true"),
                               ("sleep", "echo asleep; exec /bin/sleep $1")):
                with open(f"{folder}/{name}", "w") as stub:
                    stub.write(f"#!/bin/sh\n{does}\n")
                os.chmod(f"{folder}/{name}", 0o755)
            process = subprocess.Popen(
                [*program["command"],
                 script.replace("/shared/now", f"{folder}/now")],
                env={"PATH": f"{folder}:/usr/bin:/bin"},
                stdout=subprocess.PIPE, text=True, start_new_session=True)
            try:
                self.assertEqual(process.stdout.readline(), "asleep\n")
                process.terminate()
                # By its own doing, as process 1 has to.
                self.assertEqual(process.wait(timeout=10), 0)
            finally:
                os.killpg(process.pid, signal.SIGKILL)  # the sleep
                process.stdout.close()

    def test_images_are_named_in_full(self):
        for path in RENDERED + SHOWN + CHARTS:
            for image in re.findall(r"(?m)^ *(?:- )?image: (.*)$",
                                    schemas.read(path)):
                self.assertRegex(image, r":\d+\.\d+\.\d+$", path)
                if path in SHOWN:
                    self.assertTrue(image.startswith("registry.example.com/"))

    def test_kustomizations_that_are_shown_are_right(self):
        for name, text in documented.files().items():
            if name.endswith("/kustomization.yaml"):
                self.assertEqual(schemas.mistakes(yaml.safe_load(text)), [])
        for name in "shown/sidecar.yaml", "shown/service.yaml":
            settings = resource_of(name, "ConfigMap")["data"]
            self.assertEqual(settings["LAKECTL_SERVER_ENDPOINT_URL"],
                             "https://lakefs.example.com")

    def test_what_is_shown_for_a_pod_of_ones_own_is_set_back(self):
        plain = gateway_of("shown/sidecar.yaml")
        self.assertEqual(plain.pod["securityContext"], {"fsGroup": 65532})
        own = gateway_of("shown/sidecar-own-pod.yaml")
        self.assertEqual(own.pod["securityContext"], {"fsGroup": 2000})
        self.assertEqual(own.pod["terminationGracePeriodSeconds"], 120)
        self.assertNotIn("readinessProbe", own.container)

    def test_what_is_shown_for_keys_in_a_file_mounts_the_file(self):
        gateway = gateway_of("shown/sidecar-credentials-file.yaml")
        (volume,) = [v["secret"] for v in gateway.pod["volumes"]
                     if "secret" in v]
        self.assertEqual(volume["defaultMode"], 0o440)
        (mount,) = [m["mountPath"] for m in gateway.container["volumeMounts"]
                    if m["name"] == "lakefs-credentials"]
        (file,) = re.findall(
            rf"generic {volume['secretName']} \\\n *--from-file=(\S+)",
            schemas.read("deploy/README.md"))
        self.assertEqual(gateway.settings["credentials-file"],
                         f"{mount}/{file}")
        self.assertNotIn("secretRef", str(gateway.container["envFrom"]))

    def test_resume_keys_are_where_the_gateway_looks(self):
        for name in "shown/service-resume-keys.yaml", "helm/resume-keys.yaml":
            gateway = gateway_of(name)
            (volume,) = [v for v in gateway.pod["volumes"] if "secret" in v]
            self.assertEqual(volume["secret"]["defaultMode"], 0o440)
            (mount,) = [m["mountPath"]
                        for m in gateway.container["volumeMounts"]
                        if m["name"] == volume["name"]]
            (file,) = re.findall(
                rf"generic {volume['secret']['secretName']} "
                r"--from-file=(\S+)", schemas.read("deploy/README.md"))
            self.assertEqual(gateway.settings["resume-key-file"],
                             f"{mount}/{file}")

    def test_the_route_of_istio_ends_no_upload(self):
        (route,) = resource_of("istio.yaml", "VirtualService")["spec"]["http"]
        self.assertEqual(route["timeout"], "0s")
        self.assertEqual(route["retries"], {"attempts": 0})
        policy = resource_of("istio.yaml",
                             "DestinationRule")["spec"]["trafficPolicy"]
        self.assertEqual(policy["loadBalancer"], {"simple": "LEAST_REQUEST"})
        pool = policy["connectionPool"]
        self.assertGreater(pool["http"]["http2MaxRequests"], 3 * 256)
        self.assertGreaterEqual(seconds(pool["http"]["idleTimeout"]), 3600)
        self.assertIn("tcpKeepalive", pool["tcp"])
        # A replica that drains answers UNAVAILABLE and is not to be ejected
        # for that; nor may the last one ever be.
        outliers = policy["outlierDetection"]
        self.assertEqual(outliers["consecutive5xxErrors"], 0)
        self.assertLess(outliers["maxEjectionPercent"], 50)

    def test_istio_takes_the_pod_in_and_lets_nothing_in_without_mtls(self):
        gateway = gateway_of("istio.yaml")
        self.assertEqual(gateway.metadata["labels"]["sidecar.istio.io/inject"],
                         "true")
        self.assertEqual(
            gateway.metadata["annotations"][
                "traffic.sidecar.istio.io/excludeInboundPorts"],
            gateway.settings["admin-listen"].rpartition(":")[2])
        authentication = resource_of("istio.yaml", "PeerAuthentication")["spec"]
        self.assertEqual(authentication["mtls"], {"mode": "STRICT"})
        self.assertNotIn("portLevelMtls", authentication)
        self.assertLessEqual(
            authentication["selector"]["matchLabels"].items(),
            gateway.metadata["labels"].items())

    def test_linkerd_takes_the_pod_in_and_lets_nothing_in_without_mtls(self):
        gateway = gateway_of("linkerd.yaml")
        annotations = gateway.metadata["annotations"]
        self.assertEqual(annotations["linkerd.io/inject"], "enabled")
        self.assertEqual(
            annotations["config.linkerd.io/default-inbound-policy"],
            "cluster-authenticated")
        self.assertEqual(annotations["config.linkerd.io/skip-inbound-ports"],
                         gateway.settings["admin-listen"].rpartition(":")[2])
        # Linkerd's proxies connect to each other's port, 4143.
        calls = resource_of("linkerd.yaml",
                            "NetworkPolicy")["spec"]["ingress"][0]
        self.assertEqual([p["port"] for p in calls["ports"]], ["grpc", 4143])

    def test_no_mesh_is_told_to_end_or_repeat_calls(self):
        for path in RENDERED:
            self.assertNotIn("timeout.linkerd.io", schemas.read(path))
            self.assertNotIn("retry.linkerd.io", schemas.read(path))


if __name__ == "__main__":
    unittest.main()
