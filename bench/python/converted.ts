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

/** Rows for whatever inputs the converted model has. */
const rowsFor = async (server: ServedModel, rows: number): Promise<WrkRequest> => {
  const response = await fetch(`${server.http}/v2/models/${converted}`)
  const { inputs } = (await response.json()) as Metadata
  const body = {
    inputs: inputs.map(({ name, datatype, shape }) => {
      const sizes = shape.map((size, index) => (index === 0 ? rows : Math.max(1, size)))
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

const compare = async (server: ServedModel, rows: number, context: ScenarioContext): Promise<Figure[]> => {
  const load = { clients: 32, seconds: context.quick ? 1 : 5 }
  const original: number[] = []
  const onnx: number[] = []
  const asked = await rowsFor(server, rows)
  for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
    original.push((await measured(server, request(server, rows, 'json'), load)).perSecond)
    onnx.push((await measured(server, asked, load)).perSecond)
    const [python, converted] = [original.at(-1) ?? 0, onnx.at(-1) ?? 0].map(numberText)
    context.log(`round ${round}, rows ${rows}: Python ${python}/s, ONNX ${converted}/s`)
  }
  const what = rows === 1 ? 'one row a request' : `${rows} rows a request`
  const figure = (id: string, text: string, rounds: readonly number[]): Figure => ({
    id: `converted.${id}.${rows}`,
    text: `${text}, ${what}, 32 clients`,
    unit: 'requests/s',
    value: median(rounds),
    note: roundsText(rounds),
  })
  return [
    figure('python', 'the Python model', original),
    figure('onnx', 'converted to ONNX', onnx),
    {
      id: `converted.ratio.${rows}`,
      text: `ONNX : Python, ${what}`,
      unit: 'times',
      value: ratio(median(onnx), median(original)),
      note: 'converted by slipway convert, which proved them equal',
    },
  ]
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
  const figures: Figure[] = []
  for (const rows of [1, 64]) figures.push(...(await compare(slipway, rows, context)))
  return figures
}

export const convertedOnnx: Scenario = {
  name: 'converted',
  doc: 'the same pipeline as a Python model and converted to ONNX',
  run,
}
