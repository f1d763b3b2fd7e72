"""The commands of `python -m core`, a module for each group: functions from options to what is printed.

A command is (function, names of its options); a name of two words is a command within a command.
"""

from core.commands import exports, folders, given, kept, learning, measures, models, plans, recoveries, searches, sweeps

GROUPS = (models, plans, folders, exports, measures, searches, sweeps, recoveries, kept, learning)
OPTIONS = {name: option for group in (given, *GROUPS) for name, option in group.OPTIONS.items()}
COMMANDS = {name: command for group in GROUPS for name, command in group.COMMANDS.items()}
