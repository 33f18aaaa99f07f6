"""What most values of a primitive look like: good as they came, found so by one match and no call of ours.

ASCII, trimmed, a day that its month has in every year. What does not match is looked at by its converter:
it may still be good.
"""

import re

_DAY = (
    r"(?!0000)[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)"
)
_MOMENT = (
    rf"{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
)
text = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z").match
code = re.compile(r"[!-~]+(?: [!-~]+)*\Z").match
uri = re.compile(r"(?!urn:oid:)[!-~]+\Z").match
date = re.compile(rf"{_DAY}\Z").match
date_time = re.compile(rf"(?:{_DAY}|{_MOMENT})\Z").match
instant = re.compile(rf"{_MOMENT}\Z").match
