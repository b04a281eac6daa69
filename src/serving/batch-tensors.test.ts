import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Cancellation } from '../lib/index.ts'
import { decodeStrings, encodeStrings } from '../tensor/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { batchAnswers, batchInputs, batchShape, UndividableBatch } from './batch-tensors.ts'
import type { InferTask } from './infer-task.ts'
import { nullProblem } from './predictions.ts'

const task = (inputs: readonly Tensor[], wanted: readonly string[] = []): InferTask => ({
  inputs,
  wanted,
  priority: 0,
  queueTimeoutMs: 0,
  deadlineMs: Infinity,
  cancellation: new Cancellation(),
})
const bytes = (name: string, shape: readonly number[], data: Uint8Array): Tensor => ({
  name,
  datatype: 'UINT8',
  shape,
  data,
})
const strings = (name: string, texts: readonly string[]): Tensor => ({
  name,
  datatype: 'BYTES',
  shape: [texts.length],
  data: encodeStrings(texts),
})

/** What a model that answers with its inputs would do. */
const echo = (tasks: readonly InferTask[]): Tensor[] =>
  batchInputs(tasks).tensors.map(({ pieces, ...rest }) => ({ ...rest, data: new Uint8Array(Buffer.concat(pieces)) }))

const outputsOf = (tensors: readonly Tensor[], tasks: readonly InferTask[]): (readonly Tensor[])[] =>
  batchAnswers({ tensors, wanted: [] }, tasks).map(({ outputs }) => outputs)

const tasks = fc
  .array(
    fc
      .integer({ min: 1, max: 4 })
      .chain((rows) =>
        fc.tuple(
          fc.uint8Array({ minLength: 3 * rows, maxLength: 3 * rows }),
          fc.array(fc.string({ maxLength: 5 }), { minLength: rows, maxLength: rows }),
          fc.boolean(),
        ),
      ),
    { minLength: 1, maxLength: 6 },
  )
  .map((list) =>
    list.map(([data, texts, turned]) => {
      const inputs = [bytes('x', [texts.length, 3], data), strings('s', texts)]
      return task(turned ? inputs.toReversed() : inputs)
    }),
  )

describe('a batch', () => {
  it('divides what is null by rows, beside the outputs', () => {
    const marks = { ...bytes('n\0null', [3, 1], Uint8Array.of(0, 0, 1)), datatype: 'BOOL' as const }
    const tensors = [bytes('n', [3, 1], Uint8Array.of(5, 6, 0)), strings('\0predictions', ['5', '6', 'null']), marks]
    const asked = [task([bytes('x', [2, 1], new Uint8Array(2))]), task([bytes('x', [1, 1], new Uint8Array(1))])]
    const answers = batchAnswers({ tensors, wanted: ['json'] }, asked)
    expect(answers.map(({ outputs }) => outputs.map(({ name }) => name))).toEqual([['n'], ['n']])
    expect(answers.map(({ predictions }) => nullProblem(predictions?.nulls ?? []))).toEqual([
      undefined,
      "output 'n' is null at position 0, which its datatype can't say",
    ])
  })

  it('gives every request its own rows back, BYTES included, in whatever order its inputs came', () => {
    fc.assert(
      fc.property(tasks, (list) => {
        const byName = (tensors: readonly Tensor[]): Tensor[] =>
          tensors
            .toSorted((a, b) => a.name.localeCompare(b.name))
            .map((one) => ({ ...one, data: new Uint8Array(one.data) }))
        expect(outputsOf(echo(list), list).map(byName)).toEqual(list.map((one) => byName(one.inputs)))
      }),
    )
  })

  it('is sent without copying a byte', () => {
    const list = [task([bytes('x', [1], Uint8Array.of(1))]), task([bytes('x', [2], Uint8Array.of(2, 3))])]
    const [tensor] = batchInputs(list).tensors
    expect(tensor?.shape).toEqual([3])
    expect(tensor?.pieces.every((piece, index) => piece === list[index]?.inputs[0]?.data)).toBe(true)
  })

  it('of one request keeps its shape and its outputs as they are', () => {
    const scalar = task([bytes('x', [], Uint8Array.of(1))])
    expect(batchInputs([scalar]).tensors[0]?.shape).toEqual([])
    const output = bytes('y', [], Uint8Array.of(2))
    expect(outputsOf([output], [scalar])[0]?.[0]).toBe(output)
    expect(batchInputs([])).toEqual({ tensors: [], wanted: [] })
  })

  it('computes all outputs when requests want different ones, and answers each with its own in its order', () => {
    const x = bytes('x', [1], Uint8Array.of(1))
    const list = [task([x], ['b', 'a']), task([x], ['a']), task([x])]
    expect(batchInputs(list).wanted).toEqual([])
    expect(batchInputs([task([x], ['a']), task([x], ['a'])]).wanted).toEqual(['a'])
    const outputs = [bytes('a', [3], Uint8Array.of(1, 2, 3)), bytes('b', [3], Uint8Array.of(4, 5, 6))]
    const answers = outputsOf(outputs, list).map((tensors) => tensors.map((one) => [one.name, ...one.data]))
    expect(answers).toEqual([
      [
        ['b', 4],
        ['a', 1],
      ],
      [['a', 2]],
      [
        ['a', 3],
        ['b', 6],
      ],
    ])
  })

  it('gives every request its own rows of what was written as JSON, apart from its outputs', () => {
    const x = bytes('x', [1], Uint8Array.of(1))
    const tensors = [bytes('y', [2], Uint8Array.of(1, 2)), strings('\0predictions', ['{"a":1}', '[2]'])]
    const answers = batchAnswers({ tensors, wanted: ['json'] }, [task([x]), task([x])])
    expect(answers.map(({ outputs }) => outputs.map((one) => [one.name, ...one.data]))).toEqual([
      [['y', 1]],
      [['y', 2]],
    ])
    expect(answers.map(({ predictions }) => predictions?.json && decodeStrings(predictions.json))).toEqual([
      ['{"a":1}'],
      ['[2]'],
    ])
    const [named] = batchAnswers({ tensors: [], wanted: ['records', 'a', 'b'] }, [task([x])])
    expect(named).toEqual({
      outputs: [],
      predictions: { form: 'records', names: ['a', 'b'], json: undefined, nulls: [] },
    })
  })

  it('whose outputs have another number of rows can not be divided', () => {
    const list = [task([bytes('x', [1], Uint8Array.of(1))]), task([bytes('x', [1], Uint8Array.of(2))])]
    for (const shape of [[1], [], [4]])
      expect(() => outputsOf([bytes('y', shape, new Uint8Array(shape[0] ?? 1))], list)).toThrow(UndividableBatch)
  })
})

describe('batchShape', () => {
  const shaped = (...shapes: readonly number[][]): InferTask =>
    task(shapes.map((shape, index) => bytes(`x${index}`, shape, new Uint8Array())))

  it('lets requests share a run exactly when their rows have the same shapes', () => {
    const key = (one: InferTask): string | undefined => batchShape(one, true).key
    expect(key(shaped([1, 2], [1]))).toBe(key(shaped([5, 2], [5])))
    expect(key(shaped([1, 2]))).not.toBe(key(shaped([1, 3])))
    expect(key(shaped([1, 2, 3]))).not.toBe(key(shaped([1, 23])))
    expect(key(shaped([1, 2]))).not.toBe(key(shaped([1, 2], [1])))
    expect(key(task([bytes('\0json', [9], new Uint8Array(9))]))).toBeUndefined()
    const two = [bytes('a', [1], new Uint8Array(1)), bytes('b', [1], new Uint8Array(1))]
    expect(key(task(two))).not.toBe(key(task([bytes('a,UINT8;b', [1], new Uint8Array(1))])))
    expect(key(task(two))).not.toBe(key(task([bytes('a,UINT8;1:b', [1], new Uint8Array(1))])))
  })

  it('counts rows by the first dimension, and one for a model that does not join rows', () => {
    expect(batchShape(shaped([5, 2]), true).rows).toBe(5)
    expect(batchShape(shaped([0, 2]), true).rows).toBe(1)
    expect(batchShape(shaped([5, 2]), false)).toEqual({ rows: 1, key: '' })
    expect(batchShape(task([]), true)).toEqual({ rows: 1, key: '' })
  })
})
