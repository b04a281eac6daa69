import { describe, expect, it } from 'vitest'
import { converterRequirements } from './flavors.ts'
import { readMlmodel } from './mlmodel.ts'

const text = `
flavors:
  python_function: { loader_module: mlflow.sklearn, model_path: model.pkl }
  sklearn: { pickled_model: model.pkl, serialization_format: cloudpickle }
saved_input_example_info: { artifact_path: input_example.json, type: dataframe }
signature:
  inputs: '[{"type": "double", "name": "amount", "required": true}]'
`

describe('an MLmodel file', () => {
  it('tells the flavor, its facts, the signature and the example', () => {
    expect(readMlmodel(text, undefined)).toEqual({
      flavor: 'sklearn',
      facts: { pickled_model: 'model.pkl', serialization_format: 'cloudpickle' },
      signature: [{ type: 'double', name: 'amount', required: true }],
      example: 'input_example.json',
    })
  })

  it('may call TensorFlow keras', () => {
    expect(readMlmodel('flavors: { keras: { data: data } }', undefined)).toMatchObject({ flavor: 'tensorflow' })
  })

  it.each([
    [text, 'xgboost', 'the model has no flavor xgboost, it has sklearn'],
    ['flavors: { python_function: {} }', undefined, 'the model has only python_function; sklearn, xgboost'],
    ['flavors: { spark: {}, python_function: {} }', undefined, 'the model has spark;'],
    ['flavors: { onnx: { data: model.onnx } }', undefined, 'it is one already; slipway deploy takes its model.onnx'],
    ['flavors: [', undefined, "the MLmodel file can't be read: it is not YAML"],
    ['just text', undefined, "the MLmodel file can't be read: it is not a map of fields"],
    ['['.repeat(30_000), undefined, 'more than 20000 words and signs'],
    [
      "flavors: { sklearn: {} }\nsignature: { inputs: '[{' }",
      undefined,
      'the signature in the MLmodel file is not JSON',
    ],
  ] as const)('%s with the flavor %s is refused', (given, wanted, reason) => {
    expect(() => readMlmodel(given, wanted)).toThrow(reason)
  })
})

describe('the requirements of a conversion', () => {
  it("are the model's own without MLflow, and the converter's", () => {
    const own = ['mlflow==3.17.2', 'scikit-learn==1.9.1', 'xgboost==3.2.0']
    const lines = converterRequirements('sklearn', own)
    expect(lines).toEqual(expect.arrayContaining(['scikit-learn==1.9.1', 'xgboost==3.2.0', 'onnx', 'onnxruntime']))
    expect(lines.join()).not.toContain('mlflow')
    expect(lines.join()).toMatch(/skl2onnx.*onnxmltools/)
  })

  it('are the library itself for a bare file', () => {
    expect(converterRequirements('catboost', undefined)).toEqual(['catboost', 'pandas', 'onnx', 'onnxruntime'])
  })
})
