"""Runs the cases for each language. See tests/clients/run --help."""

import argparse
import concurrent.futures
import os
import pathlib
import sys
import threading
import time
import traceback

START_SECONDS = 120
MOST_DEATHS = 5  # of the driver; then the rest of its cases fail
MOST_HANGS = 20  # of single commands; the same
SHOWN = 5  # failing variants of a case, if not --verbose
SHOWN_CHARACTERS = 400

# Before the cases take the proxies from it, which registries may need.
ENVIRONMENT = dict(os.environ)

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = HERE.parent
sys.path[:0] = [str(CLIENTS / "cases"),
                str(CLIENTS.parent / "integration" / "python")]


def load_cases():
    for file in sorted((CLIENTS / "cases").glob("*.py")):
        __import__(file.stem)
    import case

    return sorted(case.CASES, key=lambda one: one.number)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/clients/run", add_help=False)
    parser.add_argument("languages", nargs="*")
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--driver", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--no-setup", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--check-checks", action="store_true")
    options = parser.parse_args(arguments)
    if not options.list and not options.languages:
        parser.error("name a language; see --help")
    return options


def name_of(case, variant):
    return f"{case.name}/{variant}" if variant else case.name


def chosen(cases, names):
    """The variants that are named, or all of them."""
    picked = []
    known = set()
    for case in cases:
        for variant in case.each:
            full = name_of(case, variant)
            known |= {case.name, full}
            if not names or case.name in names or full in names:
                picked.append((case, variant))
    if unknown := set(names) - known:
        sys.exit(f"tests/clients/run: there is no case {sorted(unknown)}")
    return picked


class Suite:
    """The servers, the driver of one language, and what came of each case."""

    def __init__(self, language, driver_folder, options):
        import falsify
        import real
        import scripted

        self.language = language
        self.driver_folder = driver_folder
        self.options = options
        self.falsify = falsify.Nothing()
        self.scripted = scripted.ScriptedGateway()
        self._world = None
        self._make_world = real.World
        self._worlds = {}
        self._lock = threading.RLock()
        self._driver = None
        self.deaths = []
        self.hangs = 0

    @property
    def world(self):
        return self.world_of()

    def world_of(self, name="", **flags):
        """The lakeFS and gateway of this name; started when first asked for."""
        with self._lock:
            if name not in self._worlds:
                self._worlds[name] = self._make_world(**flags)
            return self._worlds[name]

    def driver(self):
        from driver import Driver, DriverDied

        with self._lock:
            if self._driver is None or not self._driver.alive:
                if self._driver is not None:
                    self.deaths.append(self._driver.epitaph())
                if len(self.deaths) > MOST_DEATHS:
                    raise DriverDied("the driver has died too often")
                self._driver = Driver(self.driver_folder)
            return self._driver

    def greet(self):
        """Whether the driver starts and answers at all."""
        self.driver().start(op="status").answer(START_SECONDS)

    def stop(self):
        """Stops all; what was wrong with the driver as a whole."""
        wrong = [f"the driver died: {death}" for death in self.deaths]
        if self._driver is not None:
            code = self._driver.stop()
            if code != 0:
                wrong.append(f"the driver ended with {code}: "
                             + self._driver.epitaph())
            if self._driver.strays:
                wrong.append("the driver wrote what is no answer: "
                             + "".join(self._driver.strays)[:2000])
        for world in self._worlds.values():
            world.stop()
        self.scripted.stop()
        return wrong


class Outcome:
    """What came of one variant."""

    def __init__(self, case, variant):
        self.case = case
        self.name = name_of(case, variant)
        self.variant = variant
        self.failure = None
        self.lacking = None
        self.looked = set()
        self.seconds = 0.0


def run_variant(suite, case, variant):
    from case import Failed, Trial
    from driver import DriverDied, DriverHangs, Unsupported

    outcome = Outcome(case, variant)
    if suite.language in case.lacks:
        outcome.lacking = "not in this language"
        return outcome
    if suite.hangs > MOST_HANGS:
        outcome.failure = "not run: the driver has hung too often"
        return outcome
    began = time.monotonic()
    trial = Trial(suite, variant)
    try:
        case.run(trial, **case.each[variant])
        trial.finish()
    except Unsupported as lacking:
        if case.may_lack and case.may_lack(suite.language,
                                           **case.each[variant]):
            outcome.lacking = str(lacking)
        else:
            outcome.failure = f"unsupported: {lacking}"
    except DriverHangs as failure:
        suite.hangs += 1
        outcome.failure = str(failure)
    except (Failed, AssertionError, DriverDied) as failure:
        outcome.failure = str(failure)
    except Exception:
        outcome.failure = traceback.format_exc()
    finally:
        try:
            trial.clean()
        except Exception:
            outcome.failure = (outcome.failure or "") + traceback.format_exc()
    outcome.looked = trial.looked
    outcome.seconds = time.monotonic() - began
    return outcome


def run_all(suite, picked, jobs):
    together = [one for one in picked if not one[0].alone]
    alone = [one for one in picked if one[0].alone]
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outcomes += pool.map(lambda one: run_variant(suite, *one), together)
    outcomes += [run_variant(suite, *one) for one in alone]
    return outcomes


def expected_failures(language):
    file = CLIENTS / "expected_failures" / f"{language}.txt"
    if not file.exists():
        return {}
    expected = {}
    for line in file.read_text().splitlines():
        name, _, reason = line.partition("#")
        if name.strip():
            expected[name.strip()] = reason.strip()
    return expected


def report(outcomes, expected, verbose):
    """Prints a line a case; returns the names that are not as expected."""
    wrong = []
    by_case = {}
    for outcome in outcomes:
        key = (outcome.case.number, outcome.case.name)
        by_case.setdefault(key, []).append(outcome)
    seen = set()
    for _, group in sorted(by_case.items()):
        case = group[0].case
        failed = [one for one in group if one.failure]
        unexpected = [one for one in failed
                      if one.name not in expected
                      and case.name not in expected]
        seen |= {one.name for one in failed}
        if failed:
            seen.add(case.name)
        wrong += [one.name for one in unexpected]
        word = ("FAIL" if unexpected else "expected" if failed else "ok")
        lacking = sum(1 for one in group if one.lacking)
        notes = [f"{len(group) - len(failed)} of {len(group)}"]
        if lacking:
            notes.append(f"{lacking} not in this language")
        longest = max(one.seconds for one in group)
        print(f"{word:8} {case.number:2} {case.name:22} "
              f"{', '.join(notes)}, {longest:.1f} s")
        if verbose:
            for one in group:
                print(f"           {one.name}, {one.seconds:.1f} s: "
                      f"{one.failure or one.lacking or 'ok'}")
            continue
        for one in unexpected[:SHOWN]:
            text = one.failure[:SHOWN_CHARACTERS].replace("\n", "\\n")
            print(f"           {one.name}: {text}")
        if len(unexpected) > SHOWN:
            print(f"           and {len(unexpected) - SHOWN} more")
    ran = {one.name for one in outcomes} | {one.case.name for one in outcomes}
    for name in sorted(set(expected) & ran - seen):
        print(f"PASSES   {name} is listed as an expected failure")
        wrong.append(name)
    return wrong


def check_checks(suite, picked, outcomes, jobs):
    """Runs again what passed, with what it looked at made untrue.

    A variant has to fail by each lie about something that it looked at.
    """
    import falsify

    wrong = []
    passed = {one.name: one for one in outcomes
              if not one.failure and not one.lacking}
    for lie in falsify.ALL:
        again = [one for one in picked
                 if name_of(*one) in passed
                 and lie.name in passed[name_of(*one)].looked]
        suite.falsify = lie
        blind = [one.name for one in run_all(suite, again, jobs)
                 if not one.failure]
        for name in blind:
            print(f"BLIND    {name} passes with other {lie.name}")
        wrong += blind
        print(f"{len(again) - len(blind)} of {len(again)} variants notice "
              f"other {lie.name}")
    suite.falsify = falsify.Nothing()
    return wrong


def run_language(language, cases, options):
    from driver import DriverDied

    picked = chosen(cases, options.case)
    folder = (options.driver or CLIENTS / "drivers" / language).resolve()
    if not options.no_setup:
        code = os.spawnve(os.P_WAIT, str(folder / "setup"), ["setup"],
                          ENVIRONMENT)
        if code != 0:
            print(f"{language}: {folder}/setup ended with {code}")
            return False
    print(f"==> {language}", flush=True)
    began = time.monotonic()
    suite = Suite(language, str(folder), options)
    outcomes, wrong = [], []
    try:
        suite.greet()
        outcomes = run_all(suite, picked, options.jobs)
        wrong = report(outcomes, expected_failures(language), options.verbose)
        if options.check_checks:
            wrong += check_checks(suite, picked, outcomes, options.jobs)
    except (AssertionError, DriverDied) as failure:
        wrong.append(f"the driver does not answer: {failure}")
        print(f"FAIL     {wrong[-1]}")
    finally:
        broken = suite.stop()
    for line in broken:
        print("FAIL     " + (line if options.verbose else line[:2000]))
    failed = sum(1 for one in outcomes if one.failure)
    print(f"{language}: {len(outcomes)} variants, {failed} failed, "
          f"{len(wrong) + len(broken)} not as expected, "
          f"{time.monotonic() - began:.0f} s", flush=True)
    return not wrong and not broken


def main(arguments):
    options = parse(arguments)
    if options.list:
        os.environ.setdefault("LAKEFS_STAGING_BIN", "")
    cases = load_cases()
    if options.list:
        for case in cases:
            print(f"{case.number:2} {case.name}: "
                  + (", ".join(filter(None, case.each)) or "-"))
        return 0
    results = [run_language(language, cases, options)
               for language in options.languages]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
