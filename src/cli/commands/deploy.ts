import { createReadStream, statSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { Transform } from 'node:stream'
import type { ModelView } from '../../api/index.ts'
import type { EndpointView } from '../../protocol/index.ts'
import { apiRoot } from '../../protocol/index.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags, onePositional } from '../client-options.ts'
import type { Command, CommandContext, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { bytesText } from '../format.ts'

const flags: readonly Flag[] = [
  { name: 'name', value: 'NAME', doc: 'the model or endpoint; a new name makes a new one' },
  { name: 'no-wait', doc: "with a reference: don't wait until it is loaded" },
  ...commonFlags,
]

/** Adds a model file to a server as the next version of a model, or makes an endpoint of a model that is registered. */
export const deploy: Command = {
  usage: 'FILE | REFERENCE --name NAME',
  words: [
    ['FILE', 'a model file: .onnx, .ts, .mjs or .js'],
    [
      'REFERENCE',
      'a registered model: models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/latest, models:/NAME/STAGE or runs:/RUN/PATH',
    ],
  ],
  flags,
  examples: [
    'slipway deploy ./model.onnx --name fraud',
    'slipway deploy models:/fraud@champion --name fraud',
    'slipway deploy ./rules.ts --name rules',
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const path = onePositional(args, 'the model file or reference')
    const name = args.text('name')
    if (name === undefined) throw new UsageError('--name is missing')
    if (/^(models|runs):\//.test(path)) return deployReference(context, args, { name, reference: path })
    const file = deployedName(path)
    const size = sizeOf(path)
    const model = await args.client.json<ModelView>({
      method: 'POST',
      path: `${apiRoot}/models/${encodeURIComponent(name)}/versions?file=${file}`,
      body: createReadStream(path).pipe(progress(context, size, context.terminal && !args.json)),
      contentType: 'application/octet-stream',
    })
    const newest = model.versions.findLast((version) => version.state === 'ready')
    context.out(
      args.json
        ? `${JSON.stringify(model)}\n`
        : `${name} version ${newest?.version ?? ''} is ready (loaded in ${newest?.loadMs ?? 0} ms)\n`,
    )
    return 0
  },
}

const deployReference = async (
  context: CommandContext,
  args: ClientArgs,
  { name, reference }: { readonly name: string; readonly reference: string },
): Promise<number> => {
  const wait = !args.isSet('no-wait')
  const endpoint = await args.client.json<EndpointView>({
    method: 'PUT',
    path: `${apiRoot}/endpoints/${encodeURIComponent(name)}`,
    body: JSON.stringify({ reference, wait }),
  })
  const text = wait
    ? `serves version ${endpoint.version ?? 1}`
    : `will serve version ${endpoint.version ?? 1} once it is loaded`
  context.out(args.json ? `${JSON.stringify(endpoint)}\n` : `${name} follows ${endpoint.reference} and ${text}\n`)
  return 0
}

/** Name of the file on the server, which says its kind. */
const deployedName = (path: string): string => {
  if (path.endsWith('.echo.json')) return 'model.echo.json'
  const extension = extname(path)
  if (['.onnx', '.ts', '.mjs', '.js'].includes(extension)) return `model${extension}`
  throw new UsageError(`'${basename(path)}' is not a model file; they end in .onnx, .ts, .mjs or .js`)
}

const sizeOf = (path: string): number => {
  try {
    return statSync(path).size
  } catch {
    throw new Refusal(`there is no file '${path}'`)
  }
}

/** Shows how much was sent. */
const progress = (context: CommandContext, size: number, shown: boolean): Transform => {
  let sent = 0
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      sent += chunk.length
      if (shown) context.err(`\r${bytesText(sent)} of ${bytesText(size)} sent`)
      done(null, chunk)
    },
    flush(done) {
      if (shown) context.err('\r\u001b[K')
      done()
    },
  })
}
