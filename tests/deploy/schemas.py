"""Validates parsed YAML by the schemas of tests/deploy/schema."""

import json
import os

import jsonschema
import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
SCHEMAS = os.path.join(os.path.dirname(__file__), "schema")


class _UniqueKeys(yaml.SafeLoader):
    """A key that is given twice is a mistake, not the last one's."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key} twice: {node.start_mark}")
        return super().construct_mapping(node, deep)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def documents(path):
    return [d for d in yaml.load_all(read(path), _UniqueKeys) if d is not None]


def schema(name):
    with open(os.path.join(SCHEMAS, name), encoding="utf-8") as file:
        return json.load(file)


def _kinds():
    for name in "kubernetes-1.29.json", "others.json":
        whole = schema(name)
        for kind, definition in whole["kinds"].items():
            yield kind, {"$ref": f"#/definitions/{definition}",
                         "definitions": whole["definitions"]}


KINDS = dict(_kinds())


def mistakes(document):
    """What is wrong with a Kubernetes resource, a line each."""
    kind = f"{document.get('apiVersion')}/{document.get('kind')}"
    if kind not in KINDS:
        return [f"no schema for {kind}"]
    return by_schema(KINDS[kind], document)


def by_schema(definition, document):
    found = jsonschema.Draft7Validator(definition).iter_errors(document)
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
            for e in found]
