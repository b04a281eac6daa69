"""Sends one corpus of requests to a real `mlflow server` and to Slipway, and compares what comes back.

Every line of corpus.jsonl is one request. `call` is the method and the path (below /api/2.0/mlflow/ unless it starts
with a slash); `json`, `body` with `type`, and `query` are what is sent; `keep` names values of the reply, by their path in
it, for later requests: `{R}` is put where the kept R belongs. `{u}` is a word that no earlier session has used, `{x*9}`
nine times x, and `{"repeat": 9, "item": ...}` a list of nine.

Ids, times, page tokens and the order of what has no order are taken out of both replies. What still differs is
unexpected, unless an entry of differences.json names the case and the field, and says why; one with `values` holds for
such values alone. An entry, or a pattern of one, that nothing needs any more fails the run as well.
"""

import argparse
import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlencode

import requests

HERE = Path(__file__).parent
API = "/api/2.0/mlflow/"
TIMEOUT_SECONDS = 60
START_SECONDS = 120

# Requests of the corpus give times far below this one (in 2023), so that larger ones are the servers' own.
SERVER_TIME_MS = 1_700_000_000_000
TIMES = re.compile(r"(^|_)(time|timestamp|timestamp_ms)$")
ABSENT = "(absent)"


class Target:
    """One server, with what its replies have given so far."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        self.session = requests.Session()
        self.kept = {"u": uuid.uuid4().hex[:10]}

    def fill(self, value):
        """The value with its placeholders replaced."""
        if isinstance(value, str):
            value = re.sub(r"\{(.)\*(\d+)\}", lambda match: match[1] * int(match[2]), value)
            return re.sub(r"\{(\w+)\}", lambda match: str(self.kept.get(match[1], match[0])), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict) and "repeat" in value:
            items = [json.dumps(value["item"]).replace("{i}", str(index)) for index in range(value["repeat"])]
            return [self.fill(json.loads(item)) for item in items]
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        return value

    def send(self, case):
        """The reply as data: its status, error code and body."""
        method, path = self.fill(case["call"]).split(" ", 1)
        query = self.fill(case.get("query", {}))
        url = self.base + (path if path.startswith("/") else API + path)
        if query:
            url += "?" + urlencode(query, doseq=True)
        body, headers = None, {}
        if "json" in case:
            body, headers = json.dumps(self.fill(case["json"])).encode(), {"Content-Type": "application/json"}
        elif "body" in case:
            body, headers = self.fill(case["body"]).encode(), {"Content-Type": case["type"]} if "type" in case else {}
        reply = self.session.request(method, url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        found = read_reply(reply)
        for name, where in case.get("keep", {}).items():
            value = found.get("body")
            for step in where.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            self.kept[name] = f"(no {name})" if value is None else value
        return self.normal(found)

    def normal(self, value, field="", parent=""):
        """The value without what differs between any two servers."""
        if isinstance(value, dict):
            return {key: self.normal(item, key, field) for key, item in sorted(value.items())}
        if isinstance(value, list):
            items = [self.normal(item, field) for item in value]
            # Metrics of a run have no order; those of a history, which is all of a reply, have one.
            unordered = field in UNORDERED and not (field == "metrics" and parent == "body")
            return sorted(items, key=by_name) if unordered and all(isinstance(item, dict) for item in items) else items
        if isinstance(value, float) and math.isnan(value):
            return "NaN"  # which is equal to itself
        if field.endswith("page_token"):
            return "<token>"
        if TIMES.search(field) and isinstance(value, int) and value >= SERVER_TIME_MS:
            return "<time>"
        if isinstance(value, str):
            return self.without_ids(value, field)
        return value

    def without_ids(self, text, field):
        text = text.replace(self.base, "<host>").replace(self.kept["u"], "<u>")
        for name, kept in self.kept.items():
            kept = str(kept)
            if len(kept) >= 8 and name != "u":
                text = text.replace(kept, f"<{name}>")
            elif field == "experiment_id" and text == kept:
                text = f"<{name}>"
            elif kept.isdigit():
                text = re.sub(rf"(?<=:/){kept}(?=/|$)", f"<{name}>", text)
        return text


# Lists whose order the API does not promise; those of a search are compared as they come.
UNORDERED = {"tags", "params", "metrics", "aliases", "latest_versions", "dataset_inputs", "model_inputs", "model_outputs"}


def by_name(item):
    names = [str(item.get(name, "")) for name in ("key", "alias", "current_stage", "model_id", "step")]
    return [*names, json.dumps(item, sort_keys=True)]


def read_reply(reply):
    """Status, and the error's code or the body; the words of an error are each server's own."""
    try:
        body = reply.json()
    except ValueError:
        body = reply.text
    if reply.status_code < 400:
        return {"status": reply.status_code, "body": body}
    if not isinstance(body, dict):
        return {"status": reply.status_code, "error_code": "(not JSON)"}
    return {"status": reply.status_code, "error_code": body.get("error_code", ABSENT), "message": bool(body.get("message"))}


def flat(value, path=""):
    """Every leaf by its path; an empty object or list is a leaf."""
    if isinstance(value, dict) and value:
        return {leaf: item for key in value for leaf, item in flat(value[key], f"{path}.{key}" if path else key).items()}
    if isinstance(value, list) and value:
        return {leaf: item for index, each in enumerate(value) for leaf, item in flat(each, f"{path}.{index}").items()}
    return {path: value}


def reordered(reference, ours, path=""):
    """The lists that hold the same in another order, by their path, and our value with the order of the reference."""
    if isinstance(reference, dict) and isinstance(ours, dict):
        paths, value = [], dict(ours)
        for key in reference.keys() & ours.keys():
            inner, value[key] = reordered(reference[key], ours[key], f"{path}.{key}" if path else key)
            paths += inner
        return paths, value
    if isinstance(reference, list) and isinstance(ours, list) and reference != ours and same_items(reference, ours):
        return [path], reference
    return [], ours


def same_items(left, right):
    rest = list(right)
    for item in left:
        if item not in rest:
            return False
        rest.remove(item)
    return not rest


def differences_of(reference, ours):
    """Field, the reference's value, ours."""
    paths, ours = reordered(reference, ours)
    left, right = flat(reference), flat(ours)
    return [(f"{path}.(order)", "(its order)", "(another)") for path in paths] + [
        (path, left.get(path, ABSENT), right.get(path, ABSENT))
        for path in sorted({*left, *right})
        if left.get(path, ABSENT) != right.get(path, ABSENT)
    ]


def is_not_finite(value):
    """An infinity or NaN, in whatever way it is written, or the largest number that stands for one."""
    if isinstance(value, str):
        return value in ("NaN", "Infinity", "-Infinity")
    return isinstance(value, float) and (not math.isfinite(value) or abs(value) == sys.float_info.max)


# Of which values an entry may say that it holds for them alone: one of them on either side is enough.
VALUES = {"not finite": is_not_finite}


def reason_for(allowed, case, field, values):
    for entry in allowed:
        if "values" in entry and not any(VALUES[entry["values"]](value) for value in values):
            continue
        cases = [pattern for pattern in entry["cases"] if fnmatchcase(case, pattern)]
        fields = [pattern for pattern in entry["fields"] if fnmatchcase(field, pattern)]
        if cases and fields:
            entry.setdefault("used", set()).update(cases, fields)
            return entry["name"]
    return None


def stale(allowed):
    """What of the entries nothing needs."""
    return [
        f"{entry['name']}: {pattern}"
        for entry in allowed
        for pattern in [*entry["cases"], *entry["fields"]]
        if pattern not in entry.get("used", ())
    ]


@contextlib.contextmanager
def mlflow_server():
    """A real server on a port of its own, with its database and artifacts in a folder that goes when it ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, open(Path(folder) / "log", "wb") as log:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        places = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
        quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        server = subprocess.Popen(
            [*command, *places], cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=quiet, start_new_session=True
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", server, Path(folder) / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def wait_for(base, server, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{base}/health", timeout=5).ok:
                return
        time.sleep(0.2)
    raise RuntimeError(f"mlflow server did not start:\n{log.read_text()[-2000:]}")


def compare(cases, allowed, reference, ours):
    """Prints what differs, and a line for every group of cases; gives how many differences are unexpected."""
    groups, unexpected = {}, 0
    for case in cases:
        name = case["case"]
        counts = groups.setdefault(name.split()[0], {"cases": 0, "equal": 0, "allowed": 0, "unexpected": 0})
        counts["cases"] += 1
        found = [
            (field, left, right, reason_for(allowed, name, field, (left, right)))
            for field, left, right in differences_of(reference.send(case), ours.send(case))
        ]
        new = [difference for difference in found if difference[3] is None]
        counts["unexpected" if new else "allowed" if found else "equal"] += 1
        unexpected += len(new)
        for field, left, right, _ in new:
            print(f"{name}: {field}\n    reference {shown(left)}\n    slipway   {shown(right)}")
    print(f"{'group':14}{'cases':>7}{'equal':>7}{'allowed':>9}{'unexpected':>12}")
    for group, counts in groups.items():
        print(f"{group:14}{counts['cases']:7}{counts['equal']:7}{counts['allowed']:9}{counts['unexpected']:12}")
    return unexpected


def shown(value):
    return json.dumps(value)[:200]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slipway", help="where Slipway listens, http://host:port")
    parser.add_argument("--reference", help="a running mlflow server; one is started when left out")
    parser.add_argument("--group", help="only cases up to and including this group, for a quick look")
    options = parser.parse_args()
    cases = [json.loads(line) for line in (HERE / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    if options.group:
        last = max(index for index, case in enumerate(cases) if case["case"].startswith(options.group))
        cases = cases[: last + 1]
    allowed = json.loads((HERE / "differences.json").read_text(encoding="utf-8"))
    with contextlib.nullcontext(options.reference) if options.reference else mlflow_server() as reference:
        unexpected = compare(cases, allowed, Target(reference), Target(options.slipway))
    # Only all the cases together need all the entries.
    unused = [] if options.group else stale(allowed)
    print(f"{len(cases)} requests, {unexpected} unexpected differences")
    for each in unused:
        print(f"no longer needed in differences.json: {each}")
    return 0 if unexpected == 0 and not unused else 1


if __name__ == "__main__":
    sys.exit(main())
