"""The page on evaluation names every option of its commands, and no other; its examples can be typed."""

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "evaluation.md").read_text()
COMMANDS = ("evaluate", "gate", "tune", "round_trip")


def parser_of(command: str) -> ArgumentParser:
    return load_command_class(get_commands()[command], command).create_parser("manage.py", command)


def options_of(parser: ArgumentParser) -> set[tuple[str, str]]:
    """The long options, each with the name of its value, which tells our --version from Django's."""
    return {(name, action.dest) for action in parser._actions for name in action.option_strings if name[:2] == "--"}


def examples() -> list[list[str]]:
    """The arguments of each `manage.py COMMAND ...` in a block of code."""
    blocks = "\n".join(re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL))
    return [shlex.split(line) for line in re.findall(r"manage\.py (.+)", blocks.replace("\\\n", " "))]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_on_the_page(command):
    section = PAGE.partition(f"## What do the options of {command} mean?\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE)

    own = options_of(parser_of(command)) - options_of(BaseCommand().create_parser("manage.py", command))
    assert sorted(listed) == sorted(name for name, _ in own)


def test_every_example_is_understood():
    assert {arguments[0] for arguments in examples()} >= set(COMMANDS)
    for command, *arguments in examples():
        parser_of(command).parse_args(arguments)
