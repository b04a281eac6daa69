"""MLServer runtime that answers with an ONNX model: one session, as MLServer's guide to custom runtimes shows."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        # As Slipway sets it: waiting threads must not spin on the cores that the server needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            self.settings.parameters.uri, options, providers=["CPUExecutionProvider"]
        )
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        values = NumpyCodec.decode_input(tensor)
        outputs = self._session.run(None, {tensor.name: values})
        names = [output.name for output in self._session.get_outputs()]
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                NumpyCodec.encode_output(name, value)
                for name, value in zip(names, outputs)
            ],
        )
