import { readFileSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageVersion } from '../../app/package-info.ts'
import { SlipwayClient } from '../../client/index.ts'
import { withProcessFolder } from '../../lib/index.ts'
import { isReference } from '../../packaging/index.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags, onePositional } from '../client-options.ts'
import type { Command, CommandContext } from '../command.ts'
import { Refusal } from '../command.ts'
import { cacheFolder } from '../convert/cache-folder.ts'
import type { Conversion, ConversionOrigin } from '../convert/conversion-cache.ts'
import type { ConvertArgs } from '../convert/convert-args.ts'
import { convertFlags, readConvertArgs } from '../convert/convert-args.ts'
import type { Converted } from '../convert/convert-job.ts'
import { convertOrFind } from '../convert/convert-or-find.ts'
import { converterPython } from '../convert/converter-python.ts'
import { fileEndings } from '../convert/flavors.ts'
import type { Kept } from '../convert/keep-result.ts'
import { digestOf, digestsOf, keepResult } from '../convert/keep-result.ts'
import type { ModelSource } from '../convert/model-source.ts'
import { findModel } from '../convert/model-source.ts'
import { registerModel } from '../convert/register-model.ts'
import { reportText } from '../convert/report-text.ts'
import { downloadModel } from '../download-model.ts'
import { formatOf, readRecords } from '../records.ts'
import { uploadedText, uploadModel } from '../upload-model.ts'

const flags = [...convertFlags, ...commonFlags]

/** Converts a trained model to ONNX, and keeps the result only when it answers as the original does. */
export const convert: Command = {
  usage: 'SOURCE [OPTIONS]',
  words: [
    [
      'SOURCE',
      'an MLflow folder, a SavedModel, a file, or models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/latest, models:/NAME/STAGE, models:/m-ID, runs:/RUN/PATH',
    ],
    ['', `files end in ${fileEndings}`],
    ['', 'Pickled models run code when they are loaded. That happens in a child process alone, which has a'],
    ['', 'folder and an environment of its own and limits; it still may use the network and read your files.'],
  ],
  flags,
  examples: [
    'slipway convert ./mlruns/1/models/m-1/artifacts --name churn --output models',
    'slipway convert models:/churn@champion --sample rows.parquet --label churned --deploy',
    "slipway convert net.pt --inputs 'x:FP32[-1,64]' --quantize int8 --output models",
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const given = onePositional(args, 'the model to convert')
    const wanted = readConvertArgs(args)
    return withProcessFolder('convert', (work) => convertInto(context, args, { given, wanted, work }))
  },
}

interface Order {
  readonly given: string
  readonly wanted: ConvertArgs
  /** A folder that goes when the command ends. */
  readonly work: string
}

const convertInto = async (context: CommandContext, args: ClientArgs, order: Order): Promise<number> => {
  const { given, wanted, work } = order
  const say = (text: string): void => {
    if (!args.json) context.err(`${text}\n`)
  }
  const source = await sourceOf(args, order)
  const { environment } = context
  const places = { dataDir: args.text('data-dir'), environment }
  const python = await converterPython(source, {
    ...places,
    given: args.text('python') ?? environment['SLIPWAY_PYTHON'],
    work: join(work, 'environment'),
    say,
  })
  say(`Converting ${given} (${source.flavor})…`)
  const sourceFiles = await digestsOf(source.path)
  const { converted, model, fromCache } = await convertOrFind(await jobOf(source, order), {
    cache: args.isSet('no-cache') ? undefined : cacheFolder(places),
    python,
    environment,
    sourceFiles,
    work,
    timeoutMs: wanted.timeoutMs,
  })
  if (fromCache) say('from cache: the same was converted before; --no-cache converts it anew')
  const name = wanted.name ?? source.name
  const report = await reportOf(source, order, { converted, model, sourceFiles })
  const kept = await keepResult(wanted.output, { name, model, report })
  context.out(
    args.json ? `${JSON.stringify({ ...report, name, ...kept, fromCache })}\n` : reportText(converted, kept.path),
  )
  await publish(context, args, { name, kept, converted, given, say })
  return 0
}

const sourceOf = async (args: ClientArgs, { given, wanted, work }: Order): Promise<ModelSource> => {
  if (!isReference(given)) return findModel(given, wanted.flavor)
  const folder = join(work, 'source')
  await mkdir(folder)
  await downloadModel(args.client, given, folder)
  const name = /^models:\/+([^/@]+)/.exec(given)?.[1] ?? given.split('/').at(-1) ?? 'model'
  return { ...findModel(folder, wanted.flavor), name: name.replaceAll(/[^A-Za-z0-9._-]+/g, '-') }
}

/** A sample is read whole; this is enough for any that is compared row by row. */
const sampleBytesMax = 256 * 1024 ** 2
const sampleRowsMax = 100_000

const sampleOf = async ({ wanted, work }: Order): Promise<string | null> => {
  const { sample } = wanted
  if (sample === undefined) return null
  const facts = statSync(sample, { throwIfNoEntry: false })
  if (facts === undefined) throw new Refusal(`there is no sample '${sample}'`, 'not_found')
  if (facts.size > sampleBytesMax)
    throw new Refusal(
      `the sample has ${facts.size} bytes, the limit is ${sampleBytesMax}; take fewer rows`,
      'wrong_sample',
    )
  const format = formatOf(sample)
  if (format === undefined) throw new Refusal(`the sample '${sample}' is none of .csv, .parquet, .json`, 'wrong_sample')
  const rows = (await readRecords(readFileSync(sample), format)).slice(0, sampleRowsMax)
  if (rows.length === 0) throw new Refusal(`the sample '${sample}' has no rows`, 'wrong_sample')
  const path = join(work, 'sample.json')
  await writeFile(
    path,
    JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
  )
  return path
}

const jobOf = async (source: ModelSource, order: Order): Promise<Parameters<typeof convertOrFind>[0]> => {
  const { wanted } = order
  return {
    source: source.path,
    flavor: source.flavor,
    facts: source.facts,
    signature: source.signature ?? null,
    example: source.example ?? null,
    sample: await sampleOf(order),
    label: wanted.label ?? null,
    inputs: wanted.inputs ?? null,
    rows: wanted.rows,
    seed: wanted.seed,
    tolerance: wanted.tolerance,
    agreement: wanted.agreement,
    opset: wanted.opset ?? null,
    quantize: wanted.quantize ?? null,
    limits: { memoryBytes: wanted.memoryBytes, fileBytes: wanted.memoryBytes },
  }
}

/** What conversion.json says: enough to tell later what was converted, how, and how well. */
const reportOf = async (
  source: ModelSource,
  { given, wanted }: Order,
  { converted, model, sourceFiles }: Conversion & Pick<ConversionOrigin, 'sourceFiles'>,
): Promise<Readonly<Record<string, unknown>>> => ({
  source: given,
  flavor: source.flavor,
  sourceFiles,
  modelSha256: await digestOf(model),
  slipway: packageVersion,
  tolerance: wanted.tolerance,
  seed: wanted.seed,
  ...converted,
})

interface Published {
  readonly name: string
  readonly kept: Kept
  readonly converted: Converted
  readonly given: string
  say(text: string): void
}

const publish = async (context: CommandContext, args: ClientArgs, published: Published): Promise<void> => {
  const { name, kept, converted, given, say } = published
  if (args.isSet('deploy')) {
    const model = await uploadModel(context, args, { name, path: kept.path, file: 'model.onnx' })
    say(uploadedText(name, model).trimEnd())
  }
  const registered = args.text('register')
  if (registered !== undefined) {
    const { url, key } = args.client
    const api = new SlipwayClient({ url: url.href, ...(key === undefined ? {} : { key }) })
    const version = await registerModel(api, { name: registered, path: kept.path, converted, source: given })
    say(`${registered} version ${version} is registered`)
  }
}
