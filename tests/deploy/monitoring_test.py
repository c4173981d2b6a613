"""Alerts and dashboard ask only for what the gateway exports."""

import json
import re
import unittest

import promql
import schemas

# A series that Prometheus makes of every scrape.
UP = {"up": {"job": set()}}
# Labels that Prometheus adds, and those whose values tests/golden/metrics.txt
# does not list in full.
ADDED = {"instance", "job", "le"}
OPEN = {"code", "operation", "result", "version"} | ADDED


def exported():
    """Of every series that is exported: its labels, and their values."""
    text = schemas.read("tests/golden/metrics.txt")
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    series = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text,
                                   re.M):
        values = series.setdefault(name, {})
        for label, value in re.findall(r'([a-z_]+)="([^"]*)"', labels):
            values.setdefault(label, set()).add(value)
    for name, kind in kinds.items():
        if kind == "histogram":
            series[name + "_bucket"] = series.get(name + "_count", {})
    return series | UP


def alerts():
    (document,) = schemas.documents("deploy/monitoring/alerts.yaml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(schemas.read("deploy/monitoring/dashboard.json"))


def expressions():
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def mistakes(expression, series):
    """What the expression asks for and is not exported."""
    found, grouped = promql.selectors(expression)
    wrong = [] if found else ["asks for nothing"]
    known = set(ADDED)
    for name, labels in found:
        if name not in series:
            wrong.append(f"no metric {name}")
            continue
        known |= set(series[name])
        for label, match, value in labels:
            if label not in ADDED and label not in series[name]:
                wrong.append(f"{name} has no label {label}")
            elif label not in OPEN and match in ("=", "!=") and \
                    value not in series[name][label]:
                wrong.append(f"{name}: {label} is never {value}")
    return wrong + [f"no label {label}" for label in sorted(grouped - known)]


class MonitoringTest(unittest.TestCase):
    def test_expressions_ask_only_for_what_is_exported(self):
        series = exported()
        seen = 0
        for where, expression in expressions():
            seen += 1
            self.assertEqual(mistakes(expression, series), [], where)
        self.assertGreater(seen, 25)

    def test_mistakes_are_found(self):
        series = {"a_total": {"how": {"x"}}}
        for wrong in ("b_total", 'a_total{how="y"}', 'a_total{who="x"}',
                      "sum by (who) (rate(a_total[5m]))", "1 + 2"):
            self.assertEqual(len(mistakes(wrong, series)), 1, wrong)
        for right in ('a_total{how="x",instance=~"$i"} > 0.5 and a_total',
                      "sum by (how) (rate(a_total[$__rate_interval])) / 2e3"):
            self.assertEqual(mistakes(right, series), [], right)

    def test_every_metric_is_on_the_dashboard(self):
        shown = {re.sub("_(bucket|count|sum)$", "", name)
                 for panel in dashboard()["panels"]
                 for target in panel.get("targets", [])
                 for name, _ in promql.selectors(target["expr"])[0]}
        all_of_them = set(re.findall(
            r"^# TYPE (\S+)", schemas.read("tests/golden/metrics.txt"), re.M))
        self.assertEqual(all_of_them - shown, set())

    def test_the_document_lists_every_metric(self):
        text = schemas.read("tests/golden/metrics.txt")
        series = exported()
        rows = []
        for name, meaning in re.findall(r"^# HELP (\S+) (.*)$", text, re.M):
            labels = series.get(name) or series.get(name + "_count", {})
            names = ", ".join(f"`{label}`" for label in sorted(labels))
            rows.append(f"| `{name}` | {names} | {meaning} |")
        self.assertEqual(
            re.findall(r"^\| `staging_gateway_.*$", schemas.read("deploy/METRICS.md"),
                       re.M), rows)

    def test_alerts_say_what_they_are(self):
        names = [rule["alert"] for rule in alerts()]
        self.assertEqual(len(names), len(set(names)))
        for rule in alerts():
            self.assertLessEqual(
                set(rule), {"alert", "expr", "for", "labels", "annotations"})
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
            self.assertTrue(rule["annotations"]["summary"])

    def test_every_alert_is_tested_to_fire_and_not_to(self):
        (document,) = schemas.documents("tests/deploy/alerts_test.yaml")
        fires, does_not = set(), set()
        for test in document["tests"]:
            for case in test["alert_rule_test"]:
                (fires if case["exp_alerts"] else does_not).add(
                    case["alertname"])
        names = {rule["alert"] for rule in alerts()}
        self.assertEqual(fires, names)
        self.assertEqual(does_not, names)

    def test_what_is_down_is_named_as_the_monitors_name_it(self):
        (expression,) = [rule["expr"] for rule in alerts()
                         if rule["alert"] == "LakefsStagingDown"]
        ((_, ((label, match, jobs),)),) = promql.selectors(expression)[0]
        self.assertEqual((label, match), ("job", "=~"))
        names = {d["kind"]: d["metadata"]["name"] for d in schemas.documents(
            "tests/golden/kubernetes/monitoring.yaml")}
        # The operator names a job after the Service, or after the PodMonitor
        # and its namespace.
        (service,) = [d["metadata"]["name"] for d in schemas.documents(
            "tests/golden/kubernetes/service.yaml") if d["kind"] == "Service"]
        self.assertRegex(service, rf"\A({jobs})\Z")
        self.assertRegex(f"etl/{names['PodMonitor']}", rf"\A({jobs})\Z")
        self.assertNotRegex("lakefs", rf"\A({jobs})\Z")

    def test_panels_do_not_overlap(self):
        taken = set()
        panels = dashboard()["panels"]
        self.assertEqual(len({p["id"] for p in panels}), len(panels))
        for panel in panels:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24)
            taken |= cells


if __name__ == "__main__":
    unittest.main()
