"""The commands of `python -m core`, a module for each group: functions from options to what is printed.

A command is (function, names of its options); a name of two words is a command within a command.
"""

from core.commands import folders, given, kept, models, plans, sweeps

OPTIONS = given.OPTIONS | models.OPTIONS | plans.OPTIONS | folders.OPTIONS | sweeps.OPTIONS | kept.OPTIONS
COMMANDS = models.COMMANDS | plans.COMMANDS | folders.COMMANDS | sweeps.COMMANDS | kept.COMMANDS
