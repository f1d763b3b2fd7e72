"""Numbers and comparisons that a text states by itself, where a figure ought to have been computed.

What is allowed in plain: what stands in `backticks`, which is a formula or code; *what is emphasised*, which says how
something is defined, as "the *smallest* go first"; a year in parentheses; and a question, which states nothing.
A glossary defines its terms, and is not asked.
"""

import re

FORMULA = re.compile(r"`[^`]*`")
DEFINED = re.compile(r"\*[^*]+\*")
YEAR = re.compile(r"\((?:19|20)\d\d\)")
HOLE = re.compile(r"\{[^{}]*\}")
QUESTION = re.compile(r"[^.!?]*\?")
NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion"
SHARES = "half|halves|twice|thrice|doubles?|triples?|third|quarter|percent|most|majority"
COMPARING = (
    "more|less|fewer|fewest|least|larger|largest|smaller|smallest|bigger|biggest|better|best|worse|worst|higher|highest|"
    "lower|lowest|faster|fastest|slower|slowest|easier|hardest|harder|cheaper|cheapest|finer|coarser|sooner|longer|"
    "shorter|stronger|weaker|wider|narrower|greater|greatest|than|exceeds|beats|outperforms"
)
CLAIM = re.compile(rf"\d+|\b(?:{NUMBERS}|{SHARES}|{COMPARING})\b", re.IGNORECASE)


def claims(text: str) -> list[str]:
    """The numbers and comparing words that a text states without computing them, in the order they stand."""
    for allowed in (HOLE, FORMULA, DEFINED, YEAR, QUESTION):
        text = allowed.sub(" ", text)
    return CLAIM.findall(text)
