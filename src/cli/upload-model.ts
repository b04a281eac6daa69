import { createReadStream, statSync } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import type { ModelView } from '../api/index.ts'
import { gatherVisible, PackagingError, tar } from '../packaging/index.ts'
import type { TarEntry } from '../packaging/index.ts'
import { apiRoot } from '../protocol/index.ts'
import type { ClientArgs } from './client-options.ts'
import type { CommandContext } from './command.ts'
import { Refusal } from './command.ts'
import { bytesText } from './format.ts'

/** Sends a model file as the next version of a model; `file` is its name on the server, which says its kind. */
export const uploadModel = async (
  context: CommandContext,
  args: ClientArgs,
  { name, path, file }: { readonly name: string; readonly path: string; readonly file: string },
): Promise<ModelView> => {
  const shown = progress(context, sizeOf(path), context.terminal && !args.json)
  return send(args, { name, file, body: createReadStream(path).pipe(shown) })
}

/** Sends a folder, with all in it that isn't hidden, as the next version of a model. */
export const uploadFolder = async (
  context: CommandContext,
  args: ClientArgs,
  { name, path }: { readonly name: string; readonly path: string },
): Promise<ModelView> => {
  const leftOut = (hidden: string): void => {
    if (!args.json) context.err(`${hidden} is hidden and stays behind\n`)
  }
  const entries = await entriesOf(path, leftOut)
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const shown = progress(context, bytes, context.terminal && !args.json)
  const archive = Readable.from(tar(entries), { objectMode: false })
  archive.on('error', (error) => shown.destroy(error))
  return send(args, { name, file: 'model.tar', body: archive.pipe(shown) })
}

const send = (
  args: ClientArgs,
  { name, file, body }: { readonly name: string; readonly file: string; readonly body: Readable },
): Promise<ModelView> =>
  args.client.json<ModelView>({
    method: 'POST',
    path: `${apiRoot}/models/${encodeURIComponent(name)}/versions?file=${file}`,
    body,
    contentType: 'application/octet-stream',
  })

const entriesOf = async (
  folder: string,
  leftOut: (path: string) => void,
): Promise<Extract<TarEntry, { kind: 'file' }>[]> => {
  try {
    const files = await gatherVisible(folder, leftOut)
    return files.map(({ path, source }) => ({
      path,
      kind: 'file',
      bytes: sizeOf(source),
      content: () => createReadStream(source),
    }))
  } catch (error) {
    if (error instanceof PackagingError) throw new Refusal(error.message)
    throw error
  }
}

/** `fraud version 2 is ready (loaded in 187 ms)`. */
export const uploadedText = (name: string, model: ModelView): string => {
  const newest = model.versions.findLast((version) => version.state === 'ready')
  return `${name} version ${newest?.version ?? ''} is ready (loaded in ${newest?.loadMs ?? 0} ms)\n`
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
