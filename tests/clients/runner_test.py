"""What would hide a failing client: the runner's own verdicts."""

import contextlib
import io
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("LAKEFS_STAGING_BIN", "")
sys.path[:0] = [os.path.join(HERE, "runner"),
                os.path.join(HERE, "..", "integration", "python")]

import importlib.util  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "runner_main", os.path.join(HERE, "runner", "__main__.py"))
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)

import case  # noqa: E402
import driver  # noqa: E402
import falsify  # noqa: E402
import source  # noqa: E402


class FakeSuite:
    language = "testish"
    falsify = falsify.Nothing()
    hangs = 0


def one(run, **settings):
    return case.Case(1, "a_case", run, {"": {}}, **settings)


class VerdictTest(unittest.TestCase):
    def run_case(self, run, **settings):
        return runner.run_variant(FakeSuite(), one(run, **settings), "")

    def report(self, outcomes, expected):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            wrong = runner.report(outcomes, expected, verbose=False)
        return wrong, out.getvalue()

    def test_a_check_that_does_not_hold_fails_the_case(self):
        self.assertIsNone(self.run_case(lambda t: None).failure)
        for run in (lambda t: t.check(False, "so"),
                    lambda t: t.equal(1, 2, "so"),
                    lambda t: t.has({}, {"a": None}),
                    lambda t: t.ok({"error": {"reason": "R"}}),
                    lambda t: t.ok({"result": {"outcome": "SUPERSEDED"}}),
                    lambda t: t.error({"result": {}}),
                    lambda t: t.error({"error": {"own": True}}),
                    lambda t: t.error({"error": {"reason": "A"}}, reason="B"),
                    lambda t: t.own({"error": {"reason": "A"}}),
                    lambda t: 1 / 0):
            self.assertTrue(self.run_case(run).failure)

    def test_a_path_of_which_nothing_is_said_fails_the_case(self):
        self.assertIn("does not say",
                      self.run_case(lambda t: t.r_path("p")).failure)

    def test_unsupported_is_a_failure_but_where_the_case_allows_it(self):
        def run(t):
            raise driver.Unsupported("why")

        self.assertTrue(self.run_case(run).failure)
        allowed = self.run_case(run, may_lack=lambda language: True)
        self.assertEqual((allowed.failure, allowed.lacking), (None, "why"))
        lacks = self.run_case(run, lacks=("testish",))
        self.assertTrue(lacks.lacking)

    def test_a_driver_that_dies_fails_the_case(self):
        def run(t):
            raise driver.DriverDied("gone")

        self.assertEqual(self.run_case(run).failure, "gone")

    def test_expected_failures(self):
        fails = self.run_case(lambda t: t.check(False, "so"))
        passes = self.run_case(lambda t: None)
        self.assertEqual(self.report([fails], {})[0], ["a_case"])
        self.assertEqual(self.report([fails], {"a_case": "why"})[0], [])
        self.assertEqual(self.report([passes], {})[0], [])
        wrong, text = self.report([passes], {"a_case": "why"})
        self.assertEqual(wrong, ["a_case"])
        self.assertIn("is listed as an expected failure", text)
        # What did not run is no pass.
        self.assertEqual(self.report([passes], {"other": "why"})[0], [])

    def test_cases_that_nobody_knows_are_refused(self):
        with self.assertRaises(SystemExit):
            runner.chosen([one(lambda t: None)], ["no_such_case"])

    def test_the_bytes_of_a_source(self):
        # xorshift32 of 1, little-endian, behind the number of the block.
        data = source.content(65536 + 8, 1)
        self.assertEqual(data[:8], bytes(8))
        self.assertEqual(data[65536:], (1).to_bytes(8, "little"))
        x = 1
        for _ in range(3):
            x ^= x << 13 & 0xFFFFFFFF
            x ^= x >> 17
            x ^= x << 5 & 0xFFFFFFFF
        self.assertEqual(data[8:12], x.to_bytes(4, "little"))
        self.assertNotEqual(source.content(100, 1), source.content(100, 2))


if __name__ == "__main__":
    unittest.main()
