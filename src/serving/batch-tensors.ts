import type { ScatteredTensor, TensorPayload } from '../host/index.ts'
import { encodeStrings, splitRows } from '../tensor/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { InferAnswer, InferTask } from './infer-task.ts'
import { isBesideOutputs, nullsAmong, predictionsJson } from './predictions.ts'

/** The host's outputs can't be divided among the requests of the batch. */
export class UndividableBatch extends Error {
  override name = 'UndividableBatch'
}

/** Rows of a request, and a key that requests share exactly when they may run together; without one it runs alone. */
export const batchShape = (
  task: InferTask,
  joinsRows: boolean,
): { readonly rows: number; readonly key: string | undefined } => {
  const first = task.inputs[0]
  // A body that the model reads itself: how many rows it has is not known here.
  if (first?.name.startsWith('\0') === true) return { rows: 1, key: undefined }
  if (!joinsRows || first === undefined) return { rows: 1, key: '' }
  let key = ''
  for (const input of inNameOrder(task.inputs)) {
    // Why the length: clients choose the names that some models take, also ones that look like several inputs.
    key += `${input.name.length}:${input.name},${input.datatype}`
    for (let i = 1; i < input.shape.length; i++) key += `,${input.shape[i]}`
    key += ';'
  }
  if (task.parameters) key += task.parameters
  return { rows: Math.max(1, first.shape[0] ?? 1), key }
}

/** Callers name inputs in any order, which keeps no two of them apart. */
const inNameOrder = (inputs: readonly Tensor[]): readonly Tensor[] =>
  inputs.length === 1 ? inputs : inputs.toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** Lays the requests' rows behind one another, without copying. */
export const batchInputs = (
  tasks: readonly InferTask[],
): { readonly tensors: readonly ScatteredTensor[]; readonly wanted: readonly string[] } => {
  const [first] = tasks
  if (first === undefined) return { tensors: [], wanted: [] }
  const tensors = first.inputs.map((input, at): ScatteredTensor => {
    const pieces: Uint8Array[] = []
    let rows = 0
    for (const task of tasks) {
      // Why: nearly always it is in the same place, and to look for each of very many takes long.
      const beside = task.inputs[at]
      const part = beside?.name === input.name ? beside : task.inputs.find(({ name }) => name === input.name)
      if (part === undefined) continue
      pieces.push(part.data)
      rows += part.shape[0] ?? 1
    }
    const shape = tasks.length === 1 ? input.shape : [rows, ...input.shape.slice(1)]
    return { name: input.name, datatype: input.datatype, shape, pieces }
  })
  if (first.parameters) tensors.push(parametersTensor(first.parameters))
  return { tensors, wanted: commonOutputs(tasks) }
}

/** The last input of a run with parameters; no client can send an input of this name. */
const parametersTensor = (json: string): ScatteredTensor => ({
  name: '\0parameters',
  datatype: 'BYTES',
  shape: [],
  pieces: [encodeStrings([json])],
})

/** Requests that want different outputs share a run that computes all. */
const commonOutputs = (tasks: readonly InferTask[]): readonly string[] => {
  const wanted = tasks[0]?.wanted ?? []
  return tasks.every((task) => sameNames(task.wanted, wanted)) ? wanted : []
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, index) => name === b[index]))

/** What a request gets of a run. */
export type BatchAnswer = Pick<InferAnswer, 'outputs' | 'predictions'>

/** Divides a run's outputs among its requests by their rows, each getting the outputs it asked for in its order. */
export const batchAnswers = (
  { tensors, wanted: layout }: Pick<TensorPayload, 'tensors' | 'wanted'>,
  tasks: readonly InferTask[],
): readonly BatchAnswer[] => {
  const [only, other] = tasks
  if (only !== undefined && other === undefined) return [answerOf(tensors, layout, only)]
  const counts = tasks.map((task) => task.inputs[0]?.shape[0] ?? 1)
  const rows = counts.reduce((sum, count) => sum + count, 0)
  const parts = tensors.map((output) => {
    if (output.shape[0] !== rows) {
      throw new UndividableBatch(
        `output '${output.name}' has the shape [${output.shape.join(',')}] for a batch of ${rows} rows, so its rows can't be told apart`,
      )
    }
    return splitRows(output, counts)
  })
  return tasks.map((task, index) =>
    answerOf(
      parts.flatMap((split) => split[index] ?? []),
      layout,
      task,
    ),
  )
}

const answerOf = (tensors: readonly Tensor[], layout: readonly string[], task: InferTask): BatchAnswer => {
  const [form, ...names] = layout
  if (form === undefined) return { outputs: wantedOutputs(tensors, task) }
  const json = tensors.find(({ name }) => name === predictionsJson)
  const nulls = nullsAmong(tensors)
  const outputs = tensors.filter((tensor) => !isBesideOutputs(tensor))
  return { outputs: wantedOutputs(outputs, task), predictions: { form, names, json, nulls } }
}

const wantedOutputs = (outputs: readonly Tensor[], task: InferTask): readonly Tensor[] =>
  task.wanted.length === 0
    ? outputs
    : task.wanted.flatMap((name) => outputs.find((output) => output.name === name) ?? [])
