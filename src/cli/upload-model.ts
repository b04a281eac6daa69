import { createReadStream, statSync } from 'node:fs'
import { Transform } from 'node:stream'
import type { ModelView } from '../api/index.ts'
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
  const size = sizeOf(path)
  return args.client.json<ModelView>({
    method: 'POST',
    path: `${apiRoot}/models/${encodeURIComponent(name)}/versions?file=${file}`,
    body: createReadStream(path).pipe(progress(context, size, context.terminal && !args.json)),
    contentType: 'application/octet-stream',
  })
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
