"""All commands together: their options, and that each stands once."""

from collections import Counter

from core.commands import COMMANDS, GROUPS, OPTIONS, given


def test_no_two_groups_name_an_option_alike():
    named = Counter(name for group in (given, *GROUPS) for name in group.OPTIONS)
    assert [name for name, times in named.items() if times > 1] == []


def test_every_option_that_a_command_names_is_there_and_used():
    used = {name for _, names in COMMANDS.values() for name in names}
    assert used == set(OPTIONS)
