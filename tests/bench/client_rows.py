"""The clients of all languages beside the C++ one, by the suite's drivers."""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVERS = ROOT / "tests/clients/drivers"
sys.path.append(str(ROOT / "tests/clients/runner"))

from driver import Driver  # noqa: E402  (the path above)

MIB = 1 << 20
SECONDS = 600

# By language: most time for 1 GiB, least speed for small objects, both to C++'s,
# and most memory of a stream in MiB.
TARGETS = {
    "cpp": ("", "", "< 24"),
    "go": ("<= 1.15", ">= 0.70", "< 24"),
    "rust": ("<= 1.15", ">= 0.70", "< 24"),
    "java": ("<= 1.15", ">= 0.70", "< 64"),
    "python": ("<= 1.4", ">= 0.30", "< 24"),
    "python_async": ("<= 1.4", ">= 0.30", "< 24"),
    "node": ("<= 1.4", ">= 0.30", "< 24"),
}


class Caller:
    """A driver, and what it takes."""

    def __init__(self, language, environment, gateway):
        self._driver = Driver(str(DRIVERS / language), environment)
        self._client = {"gateway": gateway}

    def seconds(self, op, **command):
        answer = self._driver.start(op=op, client=self._client,
                                    **command).answer(SECONDS)
        if "error" in answer:
            sys.exit(f"{op}: {answer['error']}")
        return answer["elapsed"]

    def memory_mib(self, key):
        status = pathlib.Path(f"/proc/{self._driver.process.pid}/status")
        for line in status.read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self):
        self._driver.stop()


def _callers(bench, gateway):
    """A caller of each language whose tools are here."""
    environment = {"DRIVER_FOR": "speed", "LAKEFS_STAGING_BIN": str(bench.bin)}
    callers = {}
    for language in TARGETS:
        setup = subprocess.run([DRIVERS / language / "setup"],
                               env={**os.environ, **environment},
                               stdout=sys.stderr)
        if setup.returncode != 0:
            print(f"clients: {language} is left out", file=sys.stderr)
            continue
        callers[language] = Caller(language, environment, gateway)
    return callers


def clients(bench):
    size = 1024 * MIB // bench.shrink
    count = 20_000 // bench.shrink
    target = "lakefs://repo/main/o"
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file, \
            bench.sink() as sink, bench.gateway(sink.first_line) as gateway:
        file.write(os.urandom(MIB) * (size // MIB))
        file.flush()
        callers = _callers(bench, gateway.tcp)
        large = {"kind": "file", "file": file.name, "size": size}
        bulk = {language: [] for language in callers}
        many = {language: [] for language in callers}
        grown = {}
        for language, caller in callers.items():  # what is taken once
            caller.seconds("upload", target=target,
                           source={"kind": "generator", "size": 24 * MIB})
            caller.seconds("upload_many", target=target, count=200, size=4096)
        for _ in range(bench.rounds):
            for language, caller in callers.items():
                before = caller.memory_mib("VmRSS")
                bulk[language].append(
                    caller.seconds("upload", target=target, source=large))
                grown.setdefault(language,
                                 caller.memory_mib("VmHWM") - before)
                many[language].append(count / caller.seconds(
                    "upload_many", target=target, count=count, size=4096))
        for caller in callers.values():
            caller.stop()
    for language in callers:
        most, least, memory = TARGETS[language]
        bench.row(f"clients {language}, {size // MIB} MiB",
                  [size / MIB / took for took in bulk[language]], "MiB/s")
        if language != "cpp":
            bench.row(f"clients {language}, {size // MIB} MiB: time / C++",
                      _ratios(bulk[language], bulk["cpp"]), "", most)
        bench.row(f"clients {language}, RSS grows", [grown[language]], "MiB",
                  memory)
        bench.row(f"clients {language}, many of 4 KiB", many[language],
                  "objects/s")
        if language != "cpp":
            bench.row(f"clients {language}, many of 4 KiB / C++",
                      _ratios(many[language], many["cpp"]), "", least)


def _ratios(values, others):
    return [value / other for value, other in zip(values, others)]
