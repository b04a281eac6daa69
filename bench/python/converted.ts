import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from '../load/run-tool.ts'
import type { WrkRequest } from '../load/wrk.ts'
import { sampleValues } from '../infer-request.ts'
import { mlflowPython } from '../peers/mlserver-mlflow.ts'
import type { Scenario, ScenarioContext } from '../scenario.ts'
import type { ServedModel } from '../served-model.ts'
import { startSlipway } from '../start-slipway.ts'
import { median, numberText, ratio, roundsText } from '../summary.ts'
import type { Figure } from '../summary.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { measured, model, program, request } from './beside-mlserver.ts'

const slipwayProgram = fileURLToPath(new URL('../../bin/slipway.mjs', import.meta.url))
const converted = 'converted'

interface Metadata {
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[]
}

/** One row for whatever inputs the converted model has. */
const rowFor = async (server: ServedModel): Promise<WrkRequest> => {
  const response = await fetch(`${server.http}/v2/models/${converted}`)
  const { inputs } = (await response.json()) as Metadata
  const body = {
    inputs: inputs.map(({ name, datatype, shape }) => {
      const sizes = shape.map((size) => Math.max(1, size))
      const count = sizes.reduce((product, size) => product * size, 1)
      return { name, datatype, shape: sizes, data: [...sampleValues(count)] }
    }),
  }
  return {
    url: `${server.http}/v2/models/${converted}/infer`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  }
}

const run = async (context: ScenarioContext): Promise<Figure[]> => {
  await using folder = await temporaryFolder()
  const python = await mlflowPython()
  const saved = join(folder.path, model, '1')
  await runTool(python, ['-W', 'ignore', program, saved])
  const flags = ['--output', folder.path, '--name', converted, '--python', python]
  await runTool(process.execPath, [slipwayProgram, 'convert', saved, ...flags])
  await using slipway = await startSlipway({
    repository: folder.path,
    models: [model, converted],
    flags: [`--python=${python}`],
  })
  const seconds = context.quick ? 1 : 5
  const original: number[] = []
  const onnx: number[] = []
  const row = await rowFor(slipway)
  for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
    const load = { clients: 32, seconds }
    original.push((await measured(slipway, request(slipway, 1, 'json'), load)).perSecond)
    onnx.push((await measured(slipway, row, load)).perSecond)
    context.log(`round ${round}: Python ${numberText(original.at(-1) ?? 0)}/s, ONNX ${numberText(onnx.at(-1) ?? 0)}/s`)
  }
  const figure = (id: string, text: string, rounds: readonly number[]): Figure => ({
    id: `converted.${id}`,
    text,
    unit: 'requests/s',
    value: median(rounds),
    note: roundsText(rounds),
  })
  return [
    figure('python', 'the Python model, 32 clients', original),
    figure('onnx', 'converted to ONNX, 32 clients', onnx),
    {
      id: 'converted.ratio',
      text: 'ONNX : Python',
      unit: 'times',
      value: ratio(median(onnx), median(original)),
      note: 'converted by slipway convert, which proved them equal',
    },
  ]
}

export const convertedOnnx: Scenario = {
  name: 'converted',
  doc: 'the same pipeline as a Python model and converted to ONNX',
  run,
}
