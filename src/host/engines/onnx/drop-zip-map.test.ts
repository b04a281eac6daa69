import { describe, expect, it } from 'vitest'
import { ProtobufReader, ProtobufWriter } from '../../../lib/index.ts'
import { buildOnnx } from '../../../testing/onnx-builder.ts'
import { zipMapModel } from '../../../testing/onnx-models.ts'
import { dropZipMap } from './drop-zip-map.ts'

/** The model with every output's name written twice: another one first, then its own. */
const withNamesTwice = (model: Uint8Array): Uint8Array => {
  const graphOf = (bytes: Uint8Array): Uint8Array =>
    rewritten(bytes, 12, (value) => Buffer.concat([new ProtobufWriter().string(1, 'another').finish(), value]))
  return rewritten(model, 7, graphOf)
}

const rewritten = (message: Uint8Array, field: number, rewrite: (bytes: Uint8Array) => Uint8Array): Uint8Array => {
  const reader = new ProtobufReader(message)
  const writer = new ProtobufWriter()
  while (reader.next()) {
    const start = reader.position
    if (reader.field === field) {
      writer.bytes(field, rewrite(reader.bytes()))
      continue
    }
    reader.skip()
    writer.raw(reader.field, reader.wireType, message.subarray(start, reader.position))
  }
  return writer.finish()
}

describe('dropZipMap', () => {
  it('names the classes of an output', () => {
    expect(dropZipMap(buildOnnx(zipMapModel('int64'))).classes).toEqual({ output_probability: ['10', '20', '30'] })
    expect(dropZipMap(buildOnnx(zipMapModel('string'))).classes).toEqual({
      output_probability: ['low', 'middle', 'high'],
    })
  })

  it('takes the last name of an output that has two, as the runtime does', () => {
    const { classes } = dropZipMap(withNamesTwice(buildOnnx(zipMapModel('int64'))))
    expect(Object.keys(classes)).toEqual(['output_probability'])
  })

  it('leaves an operator of that name in another domain as it is', () => {
    const model = zipMapModel('int64')
    const nodes = model.nodes.map((node) => (node.op === 'ZipMap' ? { ...node, domain: 'own' } : node))
    expect(dropZipMap(buildOnnx({ ...model, nodes })).classes).toEqual({})
  })
})
