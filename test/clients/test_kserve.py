"""The unmodified KServe SDK over REST and gRPC, and gRPC's own health checking and reflection."""

import asyncio

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


def request_of(model, array):
    tensor = InferInput("x", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=False)
    return InferRequest(model_name=model, infer_inputs=[tensor])


def test_rest(http_address):
    async def run():
        base = f"http://{http_address}"
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        assert await client.is_server_live(base)
        assert await client.is_server_ready(base)
        assert await client.is_model_ready(base, "identity_FP32")
        sent = np.array([[1.5, -2.0]], dtype=np.float32)
        result = await client.infer(base, request_of("identity_FP32", sent), model_name="identity_FP32")
        np.testing.assert_array_equal(result.outputs[0].as_numpy(), sent)
        binary = InferInput("x", [1, 2], "FP32")
        binary.set_data_from_numpy(sent, binary_data=True)
        request = InferRequest(model_name="identity_FP32", infer_inputs=[binary])
        result = await client.infer(base, request, model_name="identity_FP32")
        np.testing.assert_array_equal(result.outputs[0].as_numpy(), sent)

    asyncio.run(run())


def test_grpc(grpc_address):
    async def run():
        client = InferenceGRPCClient(grpc_address)
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("identity_FP32")
        sent = np.array([[1.5, -2.0]], dtype=np.float32)
        result = await client.infer(request_of("identity_FP32", sent))
        np.testing.assert_array_equal(result.outputs[0].as_numpy(), sent)

    asyncio.run(run())


def test_grpc_health_and_reflection(grpc_address):
    with grpc.insecure_channel(grpc_address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ["", "inference.GRPCInferenceService"]:
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        try:
            health.Check(health_pb2.HealthCheckRequest(service="nope"))
            raise AssertionError("an unknown service is not found")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
        assert "inference.GRPCInferenceService" in services
