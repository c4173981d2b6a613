"""The programs as they are installed: manuals, completions, and Debian's package,
which is installed, used, removed and purged in a folder that is a Debian 12.

systemd itself does not run there. What the unit starts is started as the unit says,
by its user and with its credentials; the unit is read by systemd-analyze.
"""

import gzip
import hashlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import schemas

os.environ["PATH"] += ":/usr/sbin:/sbin"
ENVIRONMENT = dict(os.environ)  # with the way to packages that machines have
sys.path.insert(0, os.path.join(schemas.ROOT, "tests/integration/python"))
import running  # noqa: E402  (the path above)

BUILD = os.path.dirname(os.environ["LAKEFS_STAGING_BIN"])
TOOLS = os.environ["LAKEFS_STAGING_TOOLS"]
UNIT = "deploy/package/lakefs-staging-gateway.service"
KEYS = (f"LAKECTL_CREDENTIALS_ACCESS_KEY_ID={running.ACCESS_KEY_ID}\n"
        f"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY={running.SECRET_ACCESS_KEY}\n")
USER = 61184  # the first that systemd gives a DynamicUser
STEP_SECONDS = 600  # debootstrap, once, by a slow mirror
MOST_EXPOSURE = 2.0


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True,
                          timeout=STEP_SECONDS, env=ENVIRONMENT, **options)


def succeed(*command, **options):
    done = run(*command, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def shown(needle):
    """The block of commands of deploy/README.md that holds `needle`."""
    (block,) = [b for b in re.findall(r"```sh\n(.*?)```",
                                      schemas.read("deploy/README.md"), re.S)
                if needle in b]
    return block


def unit(name):
    return re.findall(rf"^{name}=(.*)$", schemas.read(UNIT), re.M)


def commands():
    """Of lakefs-staging."""
    said = succeed(running.program("lakefs-staging"), "--help")
    listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", said, re.M)[1]
    return re.findall(r"^  (\w+)", listed, re.M)


def setUpModule():
    global FOLDER, DEB
    temporary = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(temporary.cleanup)
    FOLDER = temporary.name
    succeed("cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-B", FOLDER)
    DEB = f"{FOLDER}/lakefs-staging_0.1.0_amd64.deb"


class ManualsAndCompletionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.prefix = f"{FOLDER}/prefix"
        succeed("cmake", "--install", BUILD, "--component", "programs",
                "--prefix", cls.prefix)

    def test_each_command_has_a_page(self):
        pages = {"lakefs-staging", "lakefs-staging-gateway"} | {
            f"lakefs-staging-{command}" for command in commands()}
        folder = f"{self.prefix}/share/man/man1"
        self.assertEqual(set(os.listdir(folder)), {f"{p}.1.gz" for p in pages})
        for page in pages:
            said = run("man", "--warnings", "--local-file",
                       f"{folder}/{page}.1.gz")
            if "is part of man-db" in said.stderr or not shutil.which("man"):
                with gzip.open(f"{folder}/{page}.1.gz", "rt") as file:
                    self.assertIn(f".SH NAME\n{page} \\- ", file.read())
            else:
                self.assertEqual((said.returncode, said.stderr), (0, ""))
                self.assertIn(f" {page} - ", " ".join(said.stdout.split()))

    def complete_bash(self, program, *words):
        file = f"{self.prefix}/share/bash-completion/completions/{program}"
        function = "_" + program.replace("-", "_")
        return succeed(
            "bash", "-uc",
            f"compopt() {{ :; }}; source {file}; COMP_WORDS=({program} \"$@\"); "
            f"COMP_CWORD=$#; {function}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            "bash", *words, cwd=FOLDER).split()

    def complete_fish(self, program, *words):
        file = f"{self.prefix}/share/fish/vendor_completions.d/{program}.fish"
        line = shlex.join([program, *words[:-1]]) + " " + words[-1]
        said = succeed("fish", "--no-config", "-c",
                       f"source {file}; complete -C {shlex.quote(line)}",
                       cwd=FOLDER)
        return [one.split("\t")[0] for one in said.splitlines()]

    def test_commands_options_and_files_are_completed(self):
        open(f"{FOLDER}/table.parquet", "w").close()
        for complete in self.complete_bash, self.complete_fish:
            cli = "lakefs-staging"
            self.assertEqual(complete(cli, "upl"), ["upload"])
            self.assertEqual(complete(cli, "upload", "--if-m"), ["--if-match"])
            self.assertEqual(complete(cli, "upload", "table."),
                             ["table.parquet"])
            self.assertEqual(complete(cli, "upload", "--resume", "table."),
                             ["table.parquet"])
            self.assertEqual(complete(cli, "address", "table."), [])
            self.assertEqual(complete(cli, "address", "--pres"), ["--presign"])
            self.assertEqual(complete("lakefs-staging-gateway", "--spool-b"),
                             ["--spool-bytes"])

    def test_every_option_is_in_every_shell(self):
        for program in "lakefs-staging", "lakefs-staging-gateway":
            said = succeed(running.program(program), "--help")
            if program == "lakefs-staging":
                said += "".join(succeed(running.program(program), c, "--help")
                                for c in commands())
            options = set(re.findall(r"^  (?:-\w,)?--([a-z0-9-]+)", said, re.M))
            self.assertGreater(len(options), 10)
            for file, mark in (
                    (f"bash-completion/completions/{program}", "--{} "),
                    (f"zsh/vendor-completions/_{program}", "--{}"),
                    (f"fish/vendor_completions.d/{program}.fish", "-l {} ")):
                with open(f"{self.prefix}/share/{file}") as text:
                    text = text.read().replace("'", " ")
                for option in options:
                    self.assertIn(mark.format(option), text, file)

    def test_shells_take_them(self):
        for program in "lakefs-staging", "lakefs-staging-gateway":
            self.assertIn("_" + program, succeed(
                "zsh", "-fc", f"fpath=({self.prefix}/share/zsh/vendor-completions"
                " $fpath); autoload -U compinit; compinit -D; "
                f"echo $_comps[{program}]"))
            succeed("zsh", "-n",
                    f"{self.prefix}/share/zsh/vendor-completions/_{program}")


class ServiceTest(unittest.TestCase):
    def test_systemd_takes_the_unit(self):
        with tempfile.TemporaryDirectory() as root:
            for program in unit("ExecStart") + unit("ExecReload"):
                path = root + program.split()[0]
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "w").close()
                os.chmod(path, 0o755)
            units = f"{root}/usr/lib/systemd/system"
            os.makedirs(units)
            for name in ("network-online", "sysinit", "basic", "shutdown",
                         "multi-user"):
                with open(f"{units}/{name}.target", "w") as file:
                    file.write(f"[Unit]\nDescription={name}\n")
            shutil.copy(os.path.join(schemas.ROOT, UNIT), units)
            done = run("systemd-analyze", f"--root={root}", "--man=no",
                       "verify", os.path.basename(UNIT))
            wrong = [line for line in done.stderr.splitlines()
                     if "lakefs-staging-gateway.service" in line]
            self.assertEqual(wrong, [])

    def test_it_may_do_little(self):
        said = succeed(
            "systemd-analyze", "security", "--offline=true", "--no-pager",
            f"--threshold={round(10 * MOST_EXPOSURE)}",
            os.path.join(schemas.ROOT, UNIT))
        (exposure,) = re.findall(r"exposure level .*: ([0-9.]+)", said)
        self.assertLess(float(exposure), MOST_EXPOSURE)

    def test_it_waits_longer_than_the_drain(self):
        drain = re.search(r"--drain-timeout TEXT .*\[(\d+)s\]",
                          schemas.read("tests/golden/gateway_help.txt"))[1]
        self.assertGreater(int(unit("TimeoutStopSec")[0]), int(drain) + 6)

    def test_the_manager_hears_of_each_state(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(running.START_SECONDS)
            manager.bind(f"{folder}/notify")
            lakefs = running.Lakefs()
            self.addCleanup(lakefs.stop)
            gateway = running.Gateway(
                lakefs.url,
                environment={"NOTIFY_SOCKET": f"{folder}/notify"})
            self.assertEqual(manager.recv(100), b"READY=1")
            gateway.send(signal.SIGHUP)
            self.assertRegex(manager.recv(100),
                             rb"\ARELOADING=1\nMONOTONIC_USEC=\d+\Z")
            self.assertEqual(manager.recv(100), b"READY=1")
            self.assertEqual(gateway.stop(), 0)
            self.assertEqual(manager.recv(100), b"STOPPING=1")


class Debian:
    """A Debian 12 in a folder, whose mounts one process holds until the end."""

    def __init__(self, folder):
        self.root = f"{folder}/root"
        for name in "root", "upper", "work":
            os.makedirs(f"{folder}/{name}")
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "sh", "-euc",
             f"mount -t overlay overlay -o lowerdir={_base()},"
             f"upperdir={folder}/upper,workdir={folder}/work {self.root}\n"
             f"mount -t proc proc {self.root}/proc\n"
             f"mount --bind /dev {self.root}/dev\n"
             f"mkdir -p {self.root}/shared\n"
             f"mount --bind {FOLDER} {self.root}/shared\n"
             "echo mounted; exec sleep infinity"],
            stdout=subprocess.PIPE, text=True)
        if self._keeper.stdout.readline() != "mounted\n":
            self.close()
            raise AssertionError("nothing can be mounted here")

    def close(self):
        self._keeper.kill()
        self._keeper.wait()
        self._keeper.stdout.close()

    def command(self, script, user=0, environment=None):
        settings = [f"{k}={v}" for k, v in (environment or {}).items()]
        return ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", "chroot",
                f"--userspec={user}:{user}", self.root, "/usr/bin/env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=dumb",
                "DEBIAN_FRONTEND=noninteractive", *settings,
                "sh", "-euc", script]

    def run(self, script, **options):
        return succeed(*self.command(script, **options))


def _base():
    """Debian 12 with what the package needs, but without it; made once."""
    depends = succeed("dpkg-deb", "--field", DEB, "Depends")
    packages = re.findall(r"([a-z0-9][a-z0-9.+-]+)(?: \([^)]*\))?(?:,|$)",
                          depends.strip())
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    base = f"{TOOLS}/debian-12-{key}"
    if os.path.exists(base):
        return base
    os.makedirs(TOOLS, exist_ok=True)
    made = tempfile.mkdtemp(dir=TOOLS, prefix="making-")
    try:
        succeed("debootstrap", "--variant=minbase", "bookworm", made)
        shutil.rmtree(f"{made}/etc/apt")
        shutil.copytree("/etc/apt", f"{made}/etc/apt", symlinks=True)
        for path in "/etc/resolv.conf", "/etc/hosts", "/etc/ssl", \
                "/usr/local/share/ca-certificates":
            if os.path.isdir(path):
                shutil.copytree(path, made + path, symlinks=True,
                                dirs_exist_ok=True)
            elif os.path.exists(path):
                os.makedirs(os.path.dirname(made + path), exist_ok=True)
                shutil.copy(path, made + path)
        succeed("chroot", made, "/usr/bin/env", "-i", "HOME=/",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND=noninteractive", "sh", "-euc",
                "apt-get -qq update && apt-get -qq install -y "
                f"--no-install-recommends {' '.join(packages)} && apt-get clean")
        os.rename(made, base)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return base


class PackageTest(unittest.TestCase):
    def test_lintian_finds_nothing(self):
        # Of errors and warnings, that is; as root it says that it is root.
        self.assertEqual(succeed("lintian", "--fail-on", "error,warning", DEB),
                         "")

    @unittest.skipIf(os.geteuid() != 0, "chroot and mount need root")
    def test_it_is_installed_used_removed_and_purged(self):
        temporary = tempfile.TemporaryDirectory(dir=TOOLS)
        self.addCleanup(temporary.cleanup)
        debian = Debian(temporary.name)
        self.addCleanup(debian.close)
        before = debian.run("find / -xdev | sort")

        install = shown("apt install")
        self.assertIn("./lakefs-staging_0.1.0_amd64.deb", install)
        debian.run("cd /shared && " + install.replace(
            "sudo ", "").replace("apt install", "apt-get -qq install -y"))
        self.assertIn("enabled", debian.run(
            "systemctl is-enabled lakefs-staging-gateway 2> /dev/null || "
            "ls /etc/systemd/system/multi-user.target.wants/"
            "lakefs-staging-gateway.service && echo enabled"))

        # The words of deploy/README.md, but for systemd's.
        lakefs = running.Lakefs()
        self.addCleanup(lakefs.stop)
        configure = shown("sudo sed").replace("sudo ", "")
        configure, restart = configure.rsplit("systemctl", 1)
        self.assertEqual(restart.strip(), "restart lakefs-staging-gateway")
        configure = configure.replace("https://lakefs.example.com", lakefs.url)
        configure = configure.replace("AKIA...", running.ACCESS_KEY_ID)
        configure = configure.replace("SECRET...", running.SECRET_ACCESS_KEY)
        debian.run(configure)
        self.assertEqual(debian.run(
            "stat -c '%a %U' /etc/lakefs-staging/credentials.env").strip(),
            "600 root")

        self.start_service(debian)
        upload = shown("LAKEFS_STAGING_GATEWAY=unix:/run")
        said = debian.run("cd /tmp && printf 'a,1\\n' > report.csv && " + upload
                          .replace("my-repository", "quickstart"), user=1000)
        self.assertIn("report.csv", said)
        self.assertEqual(lakefs.read("reports/report.csv"), b"a,1\n")
        self.stop_service()

        debian.run("apt-get -qq remove -y lakefs-staging")
        kept = debian.run("find /etc/lakefs-staging").split()
        self.assertIn("/etc/lakefs-staging/gateway.yaml", kept)
        debian.run("test ! -e /usr/bin/lakefs-staging; "
                   "apt-get -qq purge -y lakefs-staging; rm -f /tmp/report.csv")
        left = set(debian.run("find / -xdev | sort").splitlines()) - set(
            before.splitlines())
        left = {path for path in left if not re.match(
            r"/(var/(cache|lib)/(apt|dpkg)|var/log|run|shared|proc|dev)", path)}
        self.assertEqual(left, set())

    def start_service(self, debian):
        """As the unit says."""
        (credential,) = unit("LoadCredential")
        name, _, source = credential.partition(":")
        environment = dict(e.split("=", 1) for e in unit("Environment"))
        environment["CREDENTIALS_DIRECTORY"] = "/run/credentials"
        # The port of gateway.yaml may be another's on this machine.
        environment["LAKEFS_STAGING_ADMIN_LISTEN"] = "127.0.0.1:0"
        spool = environment["LAKEFS_STAGING_SPOOL_DIR"]
        self.assertEqual(os.path.basename(spool), unit("CacheDirectory")[0])
        debian.run(
            f"install -d -o {USER} -m 0755 /run/{unit('RuntimeDirectory')[0]} && "
            f"install -d -o {USER} -m 0700 {spool} /run/credentials && "
            f"install -o {USER} -m 0400 {source} /run/credentials/{name}")
        self.service = subprocess.Popen(
            debian.command("exec " + unit("ExecStart")[0], user=USER,
                           environment=environment),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.service.stdout.close)
        self.addCleanup(self.service.kill)
        line = self.service.stdout.readline()
        self.assertEqual(line.split()[:2], ["listening", "on"], line)

    def stop_service(self):
        self.service.terminate()
        self.assertEqual(self.service.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
