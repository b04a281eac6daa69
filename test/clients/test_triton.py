"""The unmodified tritonclient over HTTP and gRPC. Both have the same surface, so the same tests run on both."""

import asyncio
import queue

import ml_dtypes
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from tritonclient.utils import InferenceServerException

from conftest import NUMPY, values_of


@pytest.fixture(params=["http", "grpc"])
def transport(request, http_address, grpc_address):
    if request.param == "http":
        with triton_http.InferenceServerClient(http_address, concurrency=8) as client:
            yield triton_http, client
    else:
        with triton_grpc.InferenceServerClient(grpc_address) as client:
            yield triton_grpc, client


def tensor(module, name, array, datatype):
    made = module.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def test_liveness_and_readiness(transport):
    _, client = transport
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("fraud")
    assert client.is_model_ready("fraud", "2")
    for model, version in [("fraud", "9"), ("nope", "")]:
        assert not client.is_model_ready(model, version)


def test_metadata_and_config(transport):
    module, client = transport
    as_json = {"as_json": True} if module is triton_grpc else {}
    server = client.get_server_metadata(**as_json)
    assert server["name"] == "slipway" and "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("simple", **as_json)
    assert [spec["name"] for spec in model["inputs"]] == ["INPUT0", "INPUT1"]
    assert [str(size) for size in model["inputs"][0]["shape"]] == ["-1", "16"]
    config = client.get_model_config("simple", **as_json)
    config = config.get("config", config)
    assert config["max_batch_size"] == 64
    assert config["input"][0]["data_type"] == "TYPE_INT32"
    with pytest.raises(InferenceServerException, match="Request for unknown model"):
        client.get_model_metadata("wrong_model_name")


def test_predictions_are_those_of_the_training_library(transport, reference):
    module, client = transport
    version, features, probabilities = reference
    result = client.infer("fraud", [tensor(module, "features", features, "FP32")], model_version=version)
    np.testing.assert_allclose(result.as_numpy("probabilities"), probabilities, atol=1e-6)


def test_sum_and_difference_with_requested_outputs(transport):
    module, client = transport
    a = np.arange(32, dtype=np.int32).reshape(2, 16)
    b = np.ones((2, 16), dtype=np.int32)
    inputs = [tensor(module, "INPUT0", a, "INT32"), tensor(module, "INPUT1", b, "INT32")]
    result = client.infer("simple", inputs, outputs=[module.InferRequestedOutput("OUTPUT1")], request_id="my-id")
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), a - b)
    assert result.as_numpy("OUTPUT0") is None
    response = result.get_response()
    assert (response["id"] if isinstance(response, dict) else response.id) == "my-id"


@pytest.mark.parametrize("datatype", NUMPY)
def test_every_type_comes_back_bit_by_bit(transport, datatype):
    module, client = transport
    sent = values_of(datatype)
    result = client.infer(f"identity_{datatype}", [tensor(module, "x", sent, datatype)])
    assert result.as_numpy("x").tobytes() == sent.tobytes()


def test_bfloat16(transport):
    module, client = transport
    sent = np.array([[1.0, -2.5, 3.140625, 0.0]], dtype=ml_dtypes.bfloat16)
    result = client.infer("identity_BF16", [tensor(module, "x", sent, "BF16")])
    np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_bytes_with_anything_in_them(transport):
    module, client = transport
    sent = np.array([[b"", b"plain", "ümläut ☂".encode()], [b"\x00nul\x00", b"\xff\xfe", b"x" * 5000]], dtype=np.object_)
    result = client.infer("identity_BYTES", [tensor(module, "x", sent, "BYTES")])
    assert result.as_numpy("x").tolist() == sent.tolist()


@pytest.mark.parametrize("shape", [(0, 4), (1, 1_000_000)])
def test_empty_and_large(transport, shape):
    module, client = transport
    sent = np.random.default_rng(1).random(shape, dtype=np.float32)
    result = client.infer("identity_FP32", [tensor(module, "x", sent, "FP32")])
    received = result.as_numpy("x")
    assert received is None if shape[0] == 0 and received is None else received.tobytes() == sent.tobytes()


def test_classification(transport):
    module, client = transport
    sent = np.array([[0.1, 0.7, 0.2]], dtype=np.float32)
    outputs = [module.InferRequestedOutput("x", class_count=2)]
    result = client.infer("identity_FP32", [tensor(module, "x", sent, "FP32")], outputs=outputs)
    assert result.as_numpy("x").tolist() == [[b"0.700000:1", b"0.200000:2"]]


def test_parameters_and_statistics(transport):
    module, client = transport
    sent = np.zeros((1, 4), dtype=np.float32)
    client.infer("identity_FP32", [tensor(module, "x", sent, "FP32")], priority=1, timeout=5_000_000, parameters={"mine": "x"})
    as_json = {"as_json": True} if module is triton_grpc else {}
    stats = client.get_inference_statistics("identity_FP32", **as_json)["model_stats"][0]
    assert int(stats["inference_stats"]["success"]["count"]) >= 1
    assert int(stats["inference_stats"]["compute_infer"]["count"]) == int(stats["inference_stats"]["queue"]["count"])


def test_errors_name_what_is_wrong(transport):
    module, client = transport
    wrong = np.zeros((1, 3), dtype=np.float32)
    with pytest.raises(InferenceServerException, match=r"expected shape \[-1,14\], got \[1,3\]"):
        client.infer("fraud", [tensor(module, "features", wrong, "FP32")])
    with pytest.raises(InferenceServerException, match="Request for unknown model"):
        client.infer("nope", [tensor(module, "x", wrong, "FP32")])
    with pytest.raises(InferenceServerException, match="not supported"):
        client.register_system_shared_memory("region", "/key", 64)
    assert not client.get_system_shared_memory_status() or not client.get_system_shared_memory_status().regions


def test_repository(transport):
    module, client = transport
    as_json = {"as_json": True} if module is triton_grpc else {}

    def index():
        answer = client.get_model_repository_index(**as_json)
        return {(row["name"], row.get("version", "")): row["state"] for row in (answer if isinstance(answer, list) else answer["models"])}

    assert index()[("identity_FP32", "1")] == "READY"
    client.unload_model("identity_UINT8")
    assert not client.is_model_ready("identity_UINT8")
    client.load_model("identity_UINT8", config='{"max_batch_size": 2}')
    config = client.get_model_config("identity_UINT8", **as_json)
    assert config.get("config", config)["max_batch_size"] == 2
    client.load_model("identity_UINT8")
    file = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}]}'
    client.load_model("inline", config='{"backend":"echo"}', files={"file:1/model.echo.json": file})
    sent = np.ones((1, 2), dtype=np.float32)
    np.testing.assert_array_equal(client.infer("inline", [tensor(module, "x", sent, "FP32")]).as_numpy("x"), sent)
    with pytest.raises(InferenceServerException, match="failed to load"):
        client.load_model("missing_model")
    with pytest.raises(InferenceServerException, match="failed to load"):
        client.load_model("inline", config='{"backend":"echo"}', files={"file:../x": file})


def test_asynchronous_calls(transport):
    module, client = transport
    sent = np.ones((1, 4), dtype=np.float32)
    inputs = [tensor(module, "x", sent, "FP32")]
    if module is triton_http:
        results = [pending.get_result() for pending in [client.async_infer("identity_FP32", inputs) for _ in range(20)]]
    else:
        answers = queue.Queue()
        for _ in range(20):
            client.async_infer("identity_FP32", inputs, callback=lambda result, error: answers.put((result, error)))
        results = [answers.get(timeout=10)[0] for _ in range(20)]
    for result in results:
        np.testing.assert_array_equal(result.as_numpy("x"), sent)


def test_http_json_mixed_and_compressed(http_address):
    with triton_http.InferenceServerClient(http_address) as client:
        a = np.arange(16, dtype=np.int32).reshape(1, 16)
        first, second = (triton_http.InferInput(name, [1, 16], "INT32") for name in ["INPUT0", "INPUT1"])
        first.set_data_from_numpy(a, binary_data=True)
        second.set_data_from_numpy(a, binary_data=False)
        outputs = [triton_http.InferRequestedOutput("OUTPUT0", binary_data=False), triton_http.InferRequestedOutput("OUTPUT1", binary_data=True)]
        for request_encoding in [None, "gzip", "deflate"]:
            for response_encoding in [None, "gzip", "deflate"]:
                result = client.infer(
                    "simple",
                    [first, second],
                    outputs=outputs,
                    request_compression_algorithm=request_encoding,
                    response_compression_algorithm=response_encoding,
                    query_params={"test_1": 1},
                )
                np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), a + a)
                np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), a - a)


def test_grpc_stream_survives_an_error(grpc_address):
    with triton_grpc.InferenceServerClient(grpc_address) as client:
        answers = queue.Queue()
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for i in range(10):
            sent = np.full((1, 4), i, dtype=np.float32)
            model = "nope" if i == 5 else "identity_FP32"
            client.async_stream_infer(model, [tensor(triton_grpc, "x", sent, "FP32")], request_id=str(i))
        for i in range(10):
            result, error = answers.get(timeout=10)
            if i == 5:
                assert "Request for unknown model" in str(error)
            else:
                assert error is None and result.as_numpy("x")[0][0] == i and result.get_response().id == str(i)
                assert result.get_response().parameters["triton_final_response"].bool_param
        client.stop_stream()


def test_grpc_timeout_and_compression(grpc_address):
    with triton_grpc.InferenceServerClient(grpc_address) as client:
        sent = tensor(triton_grpc, "x", np.ones((1, 4), dtype=np.float32), "FP32")
        with pytest.raises(InferenceServerException, match="(?i)deadline"):
            client.infer("slow", [sent], client_timeout=0.05)
        for algorithm in ["gzip", "deflate"]:
            client.infer("identity_FP32", [sent], compression_algorithm=algorithm)


def test_aio(http_address, grpc_address):
    async def run():
        sent = np.ones((1, 4), dtype=np.float32)
        for module, address, base in [(triton_http_aio, http_address, triton_http), (triton_grpc_aio, grpc_address, triton_grpc)]:
            async with module.InferenceServerClient(address) as client:
                assert await client.is_server_ready()
                results = await asyncio.gather(*[client.infer("identity_FP32", [tensor(base, "x", sent, "FP32")]) for _ in range(10)])
                for result in results:
                    np.testing.assert_array_equal(result.as_numpy("x"), sent)

    asyncio.run(run())
