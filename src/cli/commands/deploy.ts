import { statSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { EndpointView } from '../../protocol/index.ts'
import { apiRoot } from '../../protocol/index.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags, onePositional } from '../client-options.ts'
import type { Command, CommandContext, Flag } from '../command.ts'
import { UsageError } from '../command.ts'
import { isWholeModel, modelInFolder } from '../model-folder.ts'
import { printable } from '../printable.ts'
import { showingLoads } from '../show-loading.ts'
import { requireServed } from '../whether-served.ts'
import { uploadedText, uploadFolder, uploadModel } from '../upload-model.ts'

const flags: readonly Flag[] = [
  { name: 'name', value: 'NAME', doc: 'the model or endpoint; a new name makes a new one' },
  { name: 'no-wait', doc: "with a reference: don't wait until it is loaded" },
  ...commonFlags,
]

/** Adds a model file to a server as the next version of a model, or makes an endpoint of a model that is registered. */
export const deploy: Command = {
  usage: 'FILE | FOLDER | REFERENCE --name NAME',
  words: [
    ['FILE', 'a model file: .onnx, .ts, .mjs, .js or .py'],
    [
      'FOLDER',
      'one that MLflow saved, or with a model.py; or NAME/VERSION/model.onnx, as slipway convert makes it, for which --name may be left out',
    ],
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
    'slipway deploy ./mlflow-model --name churn',
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const path = onePositional(args, 'the model file or reference')
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    const isWhole = isFolder && isWholeModel(path)
    const found = isFolder && !isWhole ? modelInFolder(path) : { path, name: undefined }
    const name = args.text('name') ?? found.name
    if (name === undefined) throw new UsageError('--name is missing')
    if (/^(models|runs):\//.test(path)) return deployReference(context, args, { name, reference: path })
    const model = isWhole
      ? await uploadFolder(context, args, { name, path })
      : await uploadModel(context, args, { name, path: found.path, file: deployedName(found.path) })
    context.out(printable(args.json ? `${JSON.stringify(model)}\n` : uploadedText(name, model)))
    return 0
  },
}

const deployReference = async (
  context: CommandContext,
  args: ClientArgs,
  { name, reference }: { readonly name: string; readonly reference: string },
): Promise<number> => {
  const wait = !args.isSet('no-wait')
  const put = async (): Promise<EndpointView> => {
    const made = await args.client.json<EndpointView>({
      method: 'PUT',
      path: `${apiRoot}/endpoints/${encodeURIComponent(name)}`,
      body: JSON.stringify({ reference, wait }),
    })
    const version = String(made.version ?? 1)
    // Why: one that follows it already is left as it is, whether it serves or not.
    if (wait)
      await requireServed(args.client, [name], {
        version,
        done: `${name} follows ${made.reference}, version ${version}`,
      })
    return made
  }
  const endpoint = await (args.json ? put() : showingLoads(args.client, [name], { work: put, err: context.err }))
  const text = wait
    ? `serves version ${endpoint.version ?? 1}`
    : `will serve version ${endpoint.version ?? 1} once it is loaded`
  context.out(
    printable(args.json ? `${JSON.stringify(endpoint)}\n` : `${name} follows ${endpoint.reference} and ${text}\n`),
  )
  return 0
}

/** Name of the file on the server, which says its kind. */
const deployedName = (path: string): string => {
  if (path.endsWith('.echo.json')) return 'model.echo.json'
  const extension = extname(path)
  if (['.onnx', '.ts', '.mjs', '.js', '.py'].includes(extension)) return `model${extension}`
  const reference = /^[^/]+(@[^/]+|\/\d+)$/.test(path) ? `; of the registry it would be models:/${path}` : ''
  throw new UsageError(`'${basename(path)}' is not a model file; they end in .onnx, .ts, .mjs, .js or .py${reference}`)
}
