"""The files that deploy/README.md shows, and what kustomize makes of them.

A file stands behind the comment `<!-- file: FOLDER/NAME -->`. A folder with a
kustomization is rendered as it is, and once more with each of its patches: the
files that neither the kustomization names nor a reader has to invent.

Usage: documented.py FOLDER: writes a folder for each rendering into FOLDER.
"""

import os
import re
import sys

import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
DOCUMENT = "deploy/README.md"
_BLOCK = re.compile(r"^( *)<!-- file: (\S+) -->\n *```yaml\n(.*?)^ *```$",
                    re.M | re.S)


def files():
    """The text of each file, by its name."""
    with open(os.path.join(ROOT, DOCUMENT), encoding="utf-8") as document:
        found = _BLOCK.findall(document.read())
    texts = {name: re.sub(f"(?m)^{indent}", "", text)
             for indent, name, text in found}
    if len(texts) != len(found):
        raise ValueError("a file is shown twice")
    return texts


def renderings():
    """By the name of each rendering, its files."""
    shown, found = files(), {}
    for name, text in shown.items():
        folder, _, base = name.rpartition("/")
        if base != "kustomization.yaml":
            continue
        kustomization = yaml.safe_load(text)
        named = kustomization["resources"]
        beside = {n[len(folder) + 1:]: t for n, t in shown.items()
                  if n.startswith(folder + "/")}
        plain = {n: t for n, t in beside.items()
                 if n == base or n in named}
        found[folder] = plain
        for patch in beside.keys() - plain.keys():
            patched = {**kustomization,
                       "patches": kustomization["patches"] + [{"path": patch}]}
            found[f"{folder}-{patch.removesuffix('.yaml')}"] = {
                **plain, base: yaml.safe_dump(patched), patch: beside[patch]}
    return found


def write(folder):
    for rendering, texts in renderings().items():
        where = os.path.join(folder, rendering)
        os.makedirs(where)
        os.symlink(ROOT, os.path.join(where, "lakefs-staging"))
        for name, text in texts.items():
            with open(os.path.join(where, name), "w") as file:
                file.write(text)


if __name__ == "__main__":
    write(sys.argv[1])
