#!/usr/bin/env python3
"""Writes shell completions from what the programs say of themselves.

Usage: completions.py LAKEFS_STAGING LAKEFS_STAGING_GATEWAY FOLDER

Each program is asked for its --help. FOLDER gets PROGRAM.bash, PROGRAM.zsh and
PROGRAM.fish for each.
"""

import dataclasses
import os
import re
import subprocess
import sys


@dataclasses.dataclass
class Option:
    names: list   # "-h", "--help"
    value: str    # what it takes, such as FILE; "" for a switch
    help: str


@dataclasses.dataclass
class Command:
    name: str     # "" is the program itself
    help: str
    options: list
    takes_file: bool


def ask(program, *command):
    return subprocess.run([program, *command, "--help"], check=True,
                          capture_output=True, text=True).stdout


def section(text, title):
    found = re.search(rf"^{title}:\n((?:  .*\n)+)", text, re.M)
    return found[1] if found else ""


def entries(text):
    """(what is described, its help) of each; a long one has it on the next line."""
    found = []
    for line in text.splitlines():
        head, _, rest = line[2:].partition("  ") if line[2] != " " else ("",) * 3
        if head:
            found.append([head.strip(), rest.strip()])
        elif found:
            found[-1][1] = f"{found[-1][1]} {line.strip()}".strip()
    return found


def option(head, text):
    names, _, rest = head.partition(" ")
    value = re.match(r"((?!Excludes:)[A-Z_=]+)?", rest)[0]
    return Option(names.split(","), value, text)


def describe(program):
    text = ask(program)
    own = Command("", "", [option(*e) for e in entries(section(text, "Options"))],
                  False)
    commands = []
    for name, about in entries(section(text, "Subcommands")):
        said = ask(program, name)
        commands.append(Command(
            name, about, [option(*e) for e in entries(section(said, "Options"))],
            bool(re.search(r"^  (SOURCE|STATE_FILE) ", said, re.M))))
    return own, commands


def is_file(value):
    return value in ("FILE", "STATE_FILE")


def bash(program, own, commands):
    function = "_" + program.replace("-", "_")
    words = " ".join(n for o in own.options for n in o.names)
    lines = [
        f"{function}() {{",
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
        "  COMPREPLY=()"]
    files = sorted({n for c in [own, *commands] for o in c.options
                    for n in o.names if is_file(o.value)})
    others = sorted({n for c in [own, *commands] for o in c.options
                     for n in o.names if o.value and not is_file(o.value)})
    lines += ["  case $before in"]
    if files:
        lines += [f"    {'|'.join(files)})",
                  "      compopt -o filenames",
                  "      mapfile -t COMPREPLY < <(compgen -f -- \"$word\")",
                  "      return ;;"]
    if others:
        lines += [f"    {'|'.join(others)}) return ;;"]
    lines += ["  esac"]
    if commands:
        names = " ".join(c.name for c in commands)
        lines += [
            "  if ((COMP_CWORD == 1)); then",
            f"    mapfile -t COMPREPLY < <(compgen -W '{names} {words}' -- \"$word\")",
            "    return", "  fi", "  local words= files=false",
            "  case ${COMP_WORDS[1]} in"]
        for c in commands:
            flags = " ".join(n for o in c.options for n in o.names)
            lines += [f"    {c.name}) words='{flags}'"
                      f"{' files=true' if c.takes_file else ''} ;;"]
        lines += ["  esac"]
    else:
        lines += [f"  local words='{words}' files=false"]
    lines += [
        "  if [[ $word == -* ]]; then",
        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")",
        "  elif $files; then",
        "    compopt -o filenames",
        "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")",
        "  fi", "}", f"complete -F {function} {program}", ""]
    return "\n".join(lines)


def zsh(program, own, commands):
    def quoted(text):
        return re.sub(r"([\[\]:'\\])", lambda m: {"'": "'\\''"}.get(
            m[1], "\\" + m[1]), text)

    def arguments(command):
        for o in command.options:
            for name in o.names:
                action = ("" if not o.value else
                          f":{o.value}:_files" if is_file(o.value) else
                          f":{o.value}: ")
                # More than once: some are lists.
                yield (f"'*{name}{'=' if o.value else ''}"
                       f"[{quoted(o.help)}]{action}'")

    lines = [f"#compdef {program}", ""]
    if not commands:
        lines += ["_arguments -s \\",
                  *(f"  {a} \\" for a in arguments(own)), "  && return", ""]
        return "\n".join(lines)
    lines += ["local -a commands=("]
    lines += [f"  '{c.name}:{quoted(c.help)}'" for c in commands]
    lines += [")", "if ((CURRENT == 2)); then",
              "  _describe command commands",
              "  _arguments -s \\",
              *(f"    {a} \\" for a in arguments(own)), "    && return",
              "  return", "fi", "case $words[2] in"]
    for c in commands:
        lines += [f"  {c.name})", "    _arguments -s \\",
                  *(f"      {a} \\" for a in arguments(c)),
                  "      '*: :%s' ;;" % ("_files" if c.takes_file else " ")]
    return "\n".join([*lines, "esac", ""])


def fish(program, own, commands):
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def options(command, condition):
        for o in command.options:
            names = " ".join(
                f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}"
                for n in o.names)
            takes = (" -r -F" if is_file(o.value) else
                     " -x" if o.value else " -f")
            yield (f"complete -c {program}{condition} {names}{takes} "
                   f"-d {quoted(o.help)}")

    lines = []
    if not commands:
        lines += [f"complete -c {program} -f", *options(own, "")]
        return "\n".join([*lines, ""])
    lines += [f"complete -c {program} -n __fish_use_subcommand -f",
              *options(own, " -n __fish_use_subcommand")]
    for c in commands:
        here = f" -n '__fish_seen_subcommand_from {c.name}'"
        lines += [f"complete -c {program} -n __fish_use_subcommand -f "
                  f"-a {c.name} -d {quoted(c.help)}"]
        if not c.takes_file:
            lines += [f"complete -c {program}{here} -f"]
        lines += options(c, here)
    return "\n".join([*lines, ""])


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    *programs, folder = sys.argv[1:]
    for program in programs:
        name = os.path.basename(program)
        described = describe(program)
        for shell, write in (("bash", bash), ("zsh", zsh), ("fish", fish)):
            with open(os.path.join(folder, f"{name}.{shell}"), "w") as file:
                file.write(write(name, *described))


if __name__ == "__main__":
    main()
