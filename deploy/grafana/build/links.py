"""Links from panels into the admin: to the list of the turns behind a figure, and to one turn or conversation.

The list takes the range and the filters as its parameters, of the same names everywhere.
"""

SITE = "${ragsite_url}"
TURNS = f"{SITE}/admin/chat/turn/"
TURN = TURNS + "${__data.fields.turn}/change/"
CONVERSATION = SITE + "/admin/chat/conversation/${__data.fields.conversation}/change/"
RUN = SITE + "/admin/monitoring/evaluationrun/${__data.fields.run}/change/"
EXPERIMENT = SITE + "/admin/monitoring/experiment/${__data.fields.id}/change/"
REVIEWS = f"{SITE}/admin/monitoring/reviewitem/"
DASHBOARD = f"{SITE}/admin/"
_RANGE = {"since": "${__from:date:iso}", "until": "${__to:date:iso}", "origin": "${origin}"}
_FILTERS = {"collection": "${collection}", "config": "${config}", "model": "${model:percentencode}"}


def turns(**parameters: str) -> str:
    """Return the address of the turns behind a figure; `parameters` add to the dashboard's filters or replace them."""
    return turns_of_origin(**(_FILTERS | parameters))


def turns_of_origin(**parameters: str) -> str:
    """The same behind a figure that follows no filter but the origin."""
    return TURNS + "?" + "&".join(f"{key}={value}" for key, value in (_RANGE | parameters).items())


def turns_from_point(**parameters: str) -> str:
    """The same from a point of a time series to the end of the range: Grafana knows the point's time, not its width."""
    return turns(since="${__value.time:date:iso}", **parameters)
