"""Turns a trained model into ONNX and proves the two equal. Run as `python -m slipway_convert JOB.json`."""
