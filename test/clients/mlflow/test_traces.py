"""Traces: spans of the tracing SDK and of plain OpenTelemetry, their search, tags, assessments and deletion."""

import json
import time
import urllib.request

import mlflow
import pytest
import requests
from expectations import VERSION, refused
from mlflow.entities import SpanType
from packaging.version import Version

pytestmark = pytest.mark.filterwarnings("ignore")
modern = pytest.mark.skipif(VERSION < Version("3.4"), reason="spans travel by themselves since MLflow 3.4")
older = pytest.mark.skipif(VERSION >= Version("3.0"), reason="the API of MLflow 2")


@pytest.fixture(autouse=True)
def synchronous(monkeypatch):
    """Traces are sent before the call that ends them returns."""
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "false")
    mlflow.tracing.reset()


def flush():
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()


def last_trace_id():
    flush()
    if hasattr(mlflow, "get_last_active_trace_id"):
        return mlflow.get_last_active_trace_id()
    return mlflow.get_last_active_trace().info.request_id


@pytest.fixture
def traced(experiment):
    """The id of a trace of three spans."""

    @mlflow.trace(name="answer", span_type=SpanType.AGENT, attributes={"team": "risk"})
    def answer(question):
        with mlflow.start_span(name="retrieve", span_type=SpanType.RETRIEVER) as span:
            span.set_inputs({"query": question})
            span.set_outputs(["doc-1", "doc-2"])
            span.add_event(mlflow.entities.SpanEvent("cache miss", attributes={"key": "k", "size": 3}))
        with mlflow.start_span(name="generate", span_type=SpanType.LLM) as span:
            span.set_attribute("model.temperature", 0.5)
            span.set_attribute("big", 2**62 + 1)
            span.set_outputs("Grüße, 日本")
        return "Grüße, 日本"

    answer("where?")
    return last_trace_id()


def spans_by_name(trace):
    return {span.name: span for span in trace.data.spans}


def test_nested_spans_come_back(traced, experiment):
    trace = mlflow.get_trace(traced)
    assert trace.info.experiment_id == experiment
    assert str(trace.info.status) in ("OK", "TraceStatus.OK")
    assert trace.info.execution_time_ms >= 0
    spans = spans_by_name(trace)
    assert set(spans) == {"answer", "retrieve", "generate"}
    root = spans["answer"]
    assert root.parent_id is None
    assert root.span_type == SpanType.AGENT
    assert root.inputs == {"question": "where?"}
    assert root.outputs == "Grüße, 日本"
    assert root.get_attribute("team") == "risk"
    assert spans["retrieve"].parent_id == root.span_id
    assert spans["retrieve"].outputs == ["doc-1", "doc-2"]
    assert spans["retrieve"].events[0].name == "cache miss"
    assert dict(spans["retrieve"].events[0].attributes) == {"key": "k", "size": 3}
    assert spans["generate"].get_attribute("model.temperature") == 0.5
    assert spans["generate"].get_attribute("big") == 2**62 + 1
    assert root.start_time_ns <= spans["retrieve"].start_time_ns <= spans["generate"].start_time_ns <= root.end_time_ns


def test_a_failure_marks_the_trace(experiment):
    @mlflow.trace
    def broken():
        raise ValueError("no such thing")

    with pytest.raises(ValueError):
        broken()
    trace = mlflow.get_trace(last_trace_id())
    assert "ERROR" in str(trace.info.status)
    [span] = trace.data.spans
    assert span.status.status_code.value == "ERROR"
    assert any(event.name == "exception" for event in span.events)


def test_search_finds_traces(traced, experiment, client):
    traces = client.search_traces(experiment_ids=[experiment])
    assert [trace.info.request_id for trace in traces] == [traced]
    assert len(traces[0].data.spans) == 3
    found = lambda text: len(client.search_traces(experiment_ids=[experiment], filter_string=text))
    assert found("attributes.status = 'OK'") == 1
    assert found("attributes.status = 'ERROR'") == 0
    assert found("attributes.name = 'answer'") == 1
    assert found("tags.`mlflow.traceName` = 'answer'") == 1
    assert found("attributes.timestamp_ms > 1000 AND attributes.execution_time_ms >= 0") == 1
    with pytest.raises(Exception, match="INVALID_PARAMETER_VALUE"):
        found("attributes.nothing = 'x'")


@modern
def test_search_looks_into_spans(traced, experiment, client):
    found = lambda text: len(client.search_traces(locations=[experiment], filter_string=text))
    assert found("span.name = 'generate' AND span.type = 'LLM'") == 1
    assert found("span.name = 'generate' AND span.type = 'RETRIEVER'") == 0
    assert found("span.attributes.team = 'risk'") == 1
    assert found("span.attributes.team = 'ris'") == 0
    assert found("span.attributes.team LIKE '%is%'") == 1
    assert found("span.attributes.model.temperature LIKE '%0.5%'") == 1
    assert found("trace.text LIKE '%日本%'") == 1
    assert found("trace.text LIKE '%nowhere%'") == 0


def test_pages_hold_every_trace_once(experiment, client):
    for index in range(5):
        with mlflow.start_span(name=f"span {index}"):
            pass
    flush()
    seen, token = [], None
    while True:
        page = client.search_traces(
            experiment_ids=[experiment], max_results=2, page_token=token, order_by=["timestamp_ms ASC"]
        )
        seen += [trace.data.spans[0].name for trace in page]
        token = page.token
        if not token:
            break
    assert sorted(seen) == [f"span {index}" for index in range(5)]


def test_tags_are_set_and_deleted(traced, client):
    client.set_trace_tag(traced, "reviewed", "yes")
    assert mlflow.get_trace(traced).info.tags["reviewed"] == "yes"
    client.delete_trace_tag(traced, "reviewed")
    assert "reviewed" not in mlflow.get_trace(traced).info.tags
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_trace_tag(traced, "reviewed")


@modern
@pytest.mark.parametrize("key", ["mlflow.artifactLocation", "mlflow.trace.spansLocation"])
def test_tags_of_the_server_stay(traced, tracking_uri, key):
    # The client doesn't even ask.
    body = json.dumps({"key": key, "value": "mlflow-artifacts:/0/elsewhere"})
    reply = requests.patch(
        f"{tracking_uri}/api/2.0/mlflow/traces/{traced}/tags", body, headers={"content-type": "application/json"}
    )
    assert (reply.status_code, reply.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert mlflow.get_trace(traced).info.tags[key] != "mlflow-artifacts:/0/elsewhere"


def test_traces_are_deleted(experiment, client):
    for _ in range(3):
        with mlflow.start_span(name="short"):
            pass
    flush()
    ids = [trace.info.request_id for trace in client.search_traces(experiment_ids=[experiment])]
    assert len(ids) == 3
    name = "trace_ids" if VERSION >= Version("3.0") else "request_ids"
    assert client.delete_traces(experiment, **{name: ids[:1]}) == 1
    assert client.delete_traces(experiment, max_timestamp_millis=int(time.time() * 1000) + 1000, max_traces=1) == 1
    assert client.delete_traces(experiment, max_timestamp_millis=int(time.time() * 1000) + 1000) == 1
    assert client.search_traces(experiment_ids=[experiment]) == []


def test_a_trace_belongs_to_its_run(experiment, client):
    with mlflow.start_run() as active:
        with mlflow.start_span(name="within"):
            pass
    flush()
    found = client.search_traces(experiment_ids=[experiment], run_id=active.info.run_id)
    assert [trace.data.spans[0].name for trace in found] == ["within"]


@modern
def test_traces_are_linked_to_a_run(traced, experiment, client):
    run = client.create_run(experiment).info.run_id
    client.link_traces_to_run([traced], run)
    assert len(client.search_traces(locations=[experiment], run_id=run)) == 1


@modern
def test_previews_and_session(experiment):
    @mlflow.trace
    def chat(messages):
        mlflow.update_current_trace(
            metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada"}, client_request_id="r-7"
        )
        return "done"

    chat({"a": 1})
    trace = mlflow.get_trace(last_trace_id())
    assert json.loads(trace.info.request_preview) == {"messages": {"a": 1}}
    assert "done" in trace.info.response_preview
    assert trace.info.client_request_id == "r-7"
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s-1"
    assert len(mlflow.search_traces(filter_string="metadata.`mlflow.trace.session` = 's-1'", return_type="list")) == 1


@modern
def test_token_usage_is_summed(experiment):
    with mlflow.start_span(name="root"):
        for index in range(2):
            with mlflow.start_span(name=f"call {index}", span_type=SpanType.LLM) as span:
                span.set_attribute(
                    "mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
                )
    usage = mlflow.get_trace(last_trace_id()).info.token_usage
    assert usage["input_tokens"] == 20
    assert usage["total_tokens"] == 30


@modern
def test_feedback_and_expectations(traced, experiment, client):
    source = mlflow.entities.AssessmentSource(source_type="HUMAN", source_id="ada")
    feedback = mlflow.log_feedback(
        trace_id=traced, name="score", value=0.75, source=source, rationale="good", metadata={"round": "1"}
    )
    expectation = mlflow.log_expectation(
        trace_id=traced, name="wanted", value={"answer": ["a", "b"], "n": 1}, source=source
    )
    got = mlflow.get_assessment(traced, feedback.assessment_id)
    assert (got.name, got.value, got.rationale, got.metadata) == ("score", 0.75, "good", {"round": "1"})
    assert (got.source.source_type, got.source.source_id) == ("HUMAN", "ada")
    assert mlflow.get_assessment(traced, expectation.assessment_id).value == {"answer": ["a", "b"], "n": 1}
    assert {a.name for a in mlflow.get_trace(traced).info.assessments} == {"score", "wanted"}

    found = lambda text: len(client.search_traces(locations=[experiment], filter_string=text))
    assert found("feedback.score > 0.5") == 1
    assert found("feedback.score > 0.8") == 0
    assert found("feedback.score = '0.75'") == 1
    assert found("feedback.other IS NULL") == 1
    assert found("expectation.wanted IS NOT NULL") == 1

    changed = mlflow.update_assessment(
        trace_id=traced,
        assessment_id=feedback.assessment_id,
        assessment=mlflow.entities.Feedback(name="score", value="low", rationale="worse", metadata={"more": "2"}),
    )
    assert (changed.value, changed.rationale) == ("low", "worse")
    assert changed.metadata == {"round": "1", "more": "2"}
    assert found("feedback.score = 'low'") == 1

    override = mlflow.override_feedback(
        trace_id=traced, assessment_id=feedback.assessment_id, value="high", source=source
    )
    assert found("feedback.score = 'low'") == 0
    assert mlflow.get_assessment(traced, feedback.assessment_id).valid is False
    mlflow.delete_assessment(traced, override.assessment_id)
    assert mlflow.get_assessment(traced, feedback.assessment_id).valid is True
    mlflow.delete_assessment(traced, feedback.assessment_id)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        mlflow.get_assessment(traced, feedback.assessment_id)


@modern
def test_feedback_with_an_error(traced):
    logged = mlflow.log_feedback(trace_id=traced, name="judged", error=RuntimeError("no quota"))
    got = mlflow.get_assessment(traced, logged.assessment_id)
    assert got.value is None
    assert got.error_code == "RuntimeError"
    assert got.error_message == "no quota"


@modern
def test_plain_opentelemetry(experiment, client, tracking_uri):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(
        endpoint=f"{tracking_uri}/v1/traces",
        headers={"x-mlflow-experiment-id": experiment},
        compression=Compression.Gzip,
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("checkout") as root:
        root.set_attribute("session.id", "s-9")
        root.set_attribute("input.value", "hello")
        with tracer.start_as_current_span("charge") as child:
            child.set_attribute("amounts", [1, 2])
            child.set_attribute("gen_ai.operation.name", "chat")
            child.set_attribute("gen_ai.usage.input_tokens", 7)
            child.set_attribute("gen_ai.usage.output_tokens", 3)
            child.add_event("declined", {"code": 51})
    provider.shutdown()
    trace_id = f"tr-{root.get_span_context().trace_id:032x}"
    trace = mlflow.get_trace(trace_id)
    assert "OK" in str(trace.info.state)
    assert trace.info.tags["service.name"] == "shop"
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s-9"
    assert trace.info.token_usage["total_tokens"] == 10
    spans = spans_by_name(trace)
    assert spans["checkout"].inputs == "hello"
    assert spans["charge"].get_attribute("amounts") == [1, 2]
    assert spans["charge"].span_type == "CHAT_MODEL"
    assert len(client.search_traces(locations=[experiment], filter_string="trace.name = 'checkout'")) == 1


@modern
def test_the_file_of_a_trace(traced, tracking_uri):
    for version in ("2.0", "3.0"):
        url = f"{tracking_uri}/ajax-api/{version}/mlflow/get-trace-artifact?request_id={traced}"
        with urllib.request.urlopen(url) as reply:
            assert "attachment" in reply.headers["content-disposition"]
            data = mlflow.entities.TraceData.from_dict(json.load(reply))
        assert {span.name for span in data.spans} == {"answer", "retrieve", "generate"}


@older
def test_the_file_of_an_older_trace(traced, tracking_uri):
    url = f"{tracking_uri}/ajax-api/2.0/mlflow/get-trace-artifact?request_id={traced}"
    with urllib.request.urlopen(url) as reply:
        assert len(json.load(reply)["spans"]) == 3
