"""The handbook's page on webhooks: its programs check real requests, and it shows each event as it is sent."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitoring.models.webhooks import Event
from monitoring.webhooks import signing

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "webhooks.md").read_text()
BODY = '{"type":"feedback.given","data":{"comment":"größer"}}'.encode()
RUN_EVENTS = {"evaluation_run.finished", "evaluation_run.failed", "evaluation_run.cancelled"}


def programs(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def documented():
    """The example of each event, by its type."""
    return {one["type"]: one for one in map(json.loads, programs("json"))}


def signed(secret, at=None):
    keys = [signing.make_secret(), secret]
    return dict(signing.headers(event_id="evt_1", body=BODY, at=at or datetime.now(UTC), keys=keys))


def test_each_event_has_an_example():
    assert documented().keys() == set(Event.values) - (RUN_EVENTS - {"evaluation_run.finished"})
    assert all(event in PAGE for event in Event.values)


def test_python_program_takes_what_is_signed_and_nothing_else():
    secret, space = signing.make_secret(), {}
    exec(programs("python")[1], space)  # a program of the handbook

    assert space["verify"](secret, signed(secret), BODY)["data"]["comment"] == "größer"
    with pytest.raises(ValueError, match="not signed"):
        space["verify"](signing.make_secret(), signed(secret), BODY)
    with pytest.raises(ValueError, match="not signed"):
        space["verify"](secret, signed(secret), BODY + b" ")
    with pytest.raises(ValueError, match="too old"):
        space["verify"](secret, signed(secret, datetime.now(UTC) - timedelta(minutes=6)), BODY)


def test_python_library_takes_what_is_signed():
    secret = signing.make_secret()
    space = {"secret": secret, "body": BODY, "headers": signed(secret)}
    exec(programs("python")[0], space)  # a program of the handbook

    assert space["event"]["type"] == "feedback.given"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_javascript_program_takes_what_is_signed_and_nothing_else(tmp_path):
    secret = signing.make_secret()
    (tmp_path / "verify.mjs").write_text(programs("javascript")[1])
    (tmp_path / "run.mjs").write_text(
        'import { verify } from "./verify.mjs";\n'
        "const [secret, other, headers, body] = JSON.parse(process.argv[2]);\n"
        'console.log(verify(secret, headers, Buffer.from(body, "utf8")).type);\n'
        "try { verify(other, headers, Buffer.from(body)); } catch (error) { console.log(error.message); }\n"
    )
    given = json.dumps([secret, signing.make_secret(), signed(secret), BODY.decode()])

    done = subprocess.run(["node", tmp_path / "run.mjs", given], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["feedback.given", "not signed by this secret"]
