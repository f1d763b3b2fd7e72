"""The commands of `python -m core`, a module for each group: functions from options to what is printed.

A command is (function, names of its options); a name of two words is a command within a command.
"""

from core.commands import folders, given, measures, models, plans, recoveries, searches

OPTIONS = given.OPTIONS | models.OPTIONS | plans.OPTIONS | folders.OPTIONS | measures.OPTIONS | searches.OPTIONS
OPTIONS |= recoveries.OPTIONS
COMMANDS = models.COMMANDS | plans.COMMANDS | folders.COMMANDS | measures.COMMANDS | searches.COMMANDS
COMMANDS |= recoveries.COMMANDS
