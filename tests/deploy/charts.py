"""The charts of deploy/helm, as helm renders them.

Usage: charts.py HELM FOLDER: writes each rendering into FOLDER.
"""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
GATEWAY = "lakefs-staging-gateway"
# By the name of what is rendered: the release, its chart, and what is set.
RENDERINGS = {
    "service": (GATEWAY, GATEWAY, ["service.monitor=true"]),
    "sidecar": ("program", "example-program", []),
    "resume-keys": (GATEWAY, GATEWAY,
                    ["resumeKeysSecret=lakefs-staging-resume-keys"]),
}


class Helm:
    """A copy of the charts, and what helm says of them."""

    def __init__(self, helm):
        self._helm = helm
        self._folder = tempfile.TemporaryDirectory()
        self.charts = os.path.join(self._folder.name, "charts")
        shutil.copytree(os.path.join(ROOT, "deploy/helm"), self.charts)
        built = self.run("dependency", "build", f"{self.charts}/example-program")
        if built.returncode != 0:
            raise RuntimeError(built.stderr)

    def close(self):
        self._folder.cleanup()

    def run(self, *argv):
        home = self._folder.name  # nothing of this machine's own settings
        return subprocess.run(
            [self._helm, *argv], capture_output=True, text=True, timeout=60,
            env={"PATH": os.environ["PATH"], "HOME": home})

    def template(self, release, chart, *options):
        return self.run("template", release, f"{self.charts}/{chart}",
                        "--kube-version=1.29.0", *options)

    def rendered(self, name):
        release, chart, sets = RENDERINGS[name]
        done = self.template(release, chart, *(f"--set={s}" for s in sets))
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout


def write(helm, folder):
    charts = Helm(helm)
    try:
        for name in RENDERINGS:
            with open(os.path.join(folder, f"{name}.yaml"), "w") as file:
                file.write(charts.rendered(name))
    finally:
        charts.close()


if __name__ == "__main__":
    write(*sys.argv[1:])
