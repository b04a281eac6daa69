"""Webhooks by the client: made, changed, listed, tried out, deleted; and what a receiver on the loopback hears of them."""

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow
import pytest
import requests
from expectations import needs_webhooks, refused

pytestmark = [needs_webhooks, pytest.mark.filterwarnings("ignore")]

WAIT_SECONDS = 30
PUBLIC = "https://8.8.8.8/hook"
NOBODY = "00000000-0000-4000-8000-000000000000"


class Receiver:
    """Takes what is posted to it; `statuses` are what it answers first, then 200."""

    def __init__(self):
        self.received = queue.Queue()
        self.statuses = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.put((dict(self.headers.items()), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, name, count):
        """So many requests that tell of the name, in their order; those of other tests are passed over."""
        found = []
        deadline = time.monotonic() + WAIT_SECONDS
        while len(found) < count:
            headers, body = self.received.get(timeout=max(0.01, deadline - time.monotonic()))
            if json.loads(body)["data"].get("name") == name:
                found.append((headers, body))
        return found

    def told(self, name, count):
        bodies = [json.loads(body) for _, body in self.of(name, count)]
        return [(f"{body['entity']}.{body['action']}", body["data"]) for body in bodies]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def webhook(client, unique):
    """Makes webhooks, which go when the test ends."""
    made = []

    def make(url, events, **more):
        made.append(client.create_webhook(unique("hook"), url, events, **more))
        return made[-1]

    yield make
    for each in made:
        try:
            client.delete_webhook(each.webhook_id)
        except mlflow.exceptions.MlflowException as error:
            assert error.error_code == "RESOURCE_DOES_NOT_EXIST"


# Keeping


def test_a_webhook_is_made_read_changed_and_deleted(client, webhook):
    events = ["model_version.created", "registered_model.created"]
    made = webhook(PUBLIC, events, description="first", secret="s3cret", status="DISABLED")
    got = client.get_webhook(made.webhook_id)
    assert (got.name, got.url, got.description, str(got.status)) == (made.name, PUBLIC, "first", "DISABLED")
    assert [str(event) for event in got.events] == events
    assert got.secret is None and made.secret is None
    assert got.creation_timestamp == got.last_updated_timestamp > 1_700_000_000_000
    changed = client.update_webhook(
        made.webhook_id, name="renamed", description="", url="https://8.8.4.4/", events=["prompt.created"]
    )
    assert (changed.name, changed.url, changed.description) == ("renamed", "https://8.8.4.4/", None)
    assert [str(event) for event in changed.events] == ["prompt.created"]
    assert str(changed.status) == "DISABLED"
    assert changed.last_updated_timestamp >= got.last_updated_timestamp
    client.delete_webhook(made.webhook_id)
    with refused("RESOURCE_DOES_NOT_EXIST", f"Webhook with ID {made.webhook_id} not found."):
        client.get_webhook(made.webhook_id)


def test_webhooks_are_listed_page_by_page(client, webhook):
    made = [webhook(PUBLIC, ["prompt_alias.deleted"], status="DISABLED").webhook_id for _ in range(5)]
    listed, token = [], None
    while True:
        page = client.list_webhooks(max_results=2, page_token=token)
        assert len(page) <= 2
        listed += [each.webhook_id for each in page]
        token = page.token
        if not token:
            break
    assert [each for each in listed if each in made] == made[::-1]
    assert len(set(listed)) == len(listed)
    for asked in [1001, -1]:
        with refused("INVALID_PARAMETER_VALUE", "max_results must be between 1 and 1000."):
            client.list_webhooks(max_results=asked)


def test_the_secret_is_in_no_reply(client, webhook, tracking_uri):
    made = webhook(PUBLIC, ["prompt.created"], secret="never-to-be-told", status="DISABLED")
    for prefix in ["api", "ajax-api"]:
        for path in ["webhooks", f"webhooks/{made.webhook_id}"]:
            reply = requests.get(f"{tracking_uri}/{prefix}/2.0/mlflow/{path}", timeout=30)
            assert reply.status_code == 200
            assert made.webhook_id in reply.text and "never-to-be-told" not in reply.text and "secret" not in reply.text


def test_what_is_wrong_is_refused(client, unique):
    for url, fragment in [
        ("http://8.8.8.8/", "Invalid webhook URL scheme: 'http'"),
        ("ftp://8.8.8.8/", "Invalid webhook URL scheme: 'ftp'"),
        ("https://", "must include a hostname"),
        ("   ", "cannot be empty or just whitespace"),
        ("https://10.0.0.1/", "non-public IP address"),
        ("https://169.254.169.254/", "non-public IP address"),
        ("https://[::1]/", "non-public IP address"),
        ("https://[::ffff:10.0.0.1]/", "non-public IP address"),
    ]:
        with refused("INVALID_PARAMETER_VALUE", fragment):
            client.create_webhook(unique("hook"), url, ["prompt.created"])
    for name in ["-a", "a-", "a b", "a" * 64, "ü"]:
        with refused("INVALID_PARAMETER_VALUE", "Webhook name"):
            client.create_webhook(name, PUBLIC, ["prompt.created"])
    for call in [
        lambda: client.update_webhook(NOBODY, name="a"),
        lambda: client.delete_webhook(NOBODY),
        lambda: client.test_webhook(NOBODY),
    ]:
        with refused("RESOURCE_DOES_NOT_EXIST", NOBODY):
            call()


# Sending


def test_a_webhook_is_tried_out(client, webhook, receiver):
    made = webhook(receiver.url, ["model_version.created", "prompt_tag.set"])
    result = client.test_webhook(made.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "thanks")
    [(event, data)] = receiver.told("example", 1)
    assert event == "model_version.created"
    assert set(data) == {"name", "version", "source", "run_id", "tags", "description"}
    receiver.statuses = [500]
    result = client.test_webhook(made.webhook_id, event="prompt_tag.set")
    assert (result.success, result.response_status) == (False, 500)
    assert receiver.told("example", 1)[0][0] == "prompt_tag.set"


def test_every_event_of_a_model_is_told(client, webhook, receiver, unique):
    events = [
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_tag.deleted",
        "model_version_alias.created",
        "model_version_alias.deleted",
    ]
    webhook(receiver.url, events)
    name = unique("model")
    client.create_registered_model(name, tags={"team": "risk"}, description="first")
    source = "mlflow-artifacts:/0/models/m"
    client.create_model_version(name, source, tags={"a": "1"}, description="one")
    client.set_model_version_tag(name, "1", "b", "2")
    client.delete_model_version_tag(name, "1", "b")
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_registered_model_alias(name, "champion")
    assert receiver.told(name, 6) == [
        ("registered_model.created", {"name": name, "tags": {"team": "risk"}, "description": "first"}),
        (
            "model_version.created",
            {"name": name, "version": "1", "source": source, "run_id": None, "tags": {"a": "1"}, "description": "one"},
        ),
        ("model_version_tag.set", {"name": name, "version": "1", "key": "b", "value": "2"}),
        ("model_version_tag.deleted", {"name": name, "version": "1", "key": "b"}),
        ("model_version_alias.created", {"name": name, "alias": "champion", "version": "1"}),
        ("model_version_alias.deleted", {"name": name, "alias": "champion"}),
    ]


def test_every_event_of_a_prompt_is_told(client, webhook, receiver, unique):
    events = [
        "prompt.created",
        "prompt_version.created",
        "prompt_version_tag.set",
        "prompt_alias.created",
        "prompt_alias.deleted",
        # Not told of prompts.
        "registered_model.created",
        "model_version.created",
    ]
    webhook(receiver.url, events)
    name = unique("prompt")
    mlflow.genai.register_prompt(name=name, template="Hello {{name}}", commit_message="first", tags={"a": "1"})
    mlflow.genai.set_prompt_alias(name, alias="live", version=1)
    mlflow.genai.delete_prompt_alias(name, alias="live")
    told = receiver.told(name, 4)
    assert [event for event, _ in told] == [
        "prompt.created",
        "prompt_version.created",
        "prompt_alias.created",
        "prompt_alias.deleted",
    ]
    assert told[1][1]["template"] == "Hello {{name}}"
    assert not any(key.startswith(("mlflow.prompt", "_mlflow_prompt")) for _, data in told for key in data.get("tags", {}))
    assert told[2][1] == {"name": name, "alias": "live", "version": "1"}


def test_a_delivery_is_signed_and_tried_again_under_one_id(client, webhook, receiver, unique):
    receiver.statuses = [503, 429]
    webhook(receiver.url, ["registered_model.created"], secret="s3cret")
    name = unique("model")
    client.create_registered_model(name)
    attempts = receiver.of(name, 3)
    assert len({headers["X-MLflow-Delivery-Id"] for headers, _ in attempts}) == 1
    for headers, body in attempts:
        signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.{body.decode()}"
        digest = hmac.new(b"s3cret", signed.encode(), hashlib.sha256).digest()
        assert headers["X-MLflow-Signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert abs(time.time() - int(headers["X-MLflow-Timestamp"])) < 60
        assert headers["Content-Type"] == "application/json"


def test_a_disabled_webhook_is_told_nothing(client, webhook, receiver, unique):
    made = webhook(receiver.url, ["registered_model.created"], status="DISABLED")
    unheard, heard = unique("unheard"), unique("heard")
    client.create_registered_model(unheard)
    client.update_webhook(made.webhook_id, status="ACTIVE")
    client.create_registered_model(heard)
    headers, body = receiver.received.get(timeout=WAIT_SECONDS)
    assert json.loads(body)["data"]["name"] == heard
    assert "X-MLflow-Signature" not in headers
