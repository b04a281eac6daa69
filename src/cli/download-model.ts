import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SlipwayClient } from '../client/index.ts'
import { asking } from './action-command.ts'
import { Refusal } from './command.ts'
import type { ServerClient } from './server-client.ts'

/** A folder of a model has tens of files; these bounds keep a wrong reference from filling the disk. */
const boundsDefault = { entriesMax: 10_000, depthMax: 20, bytesMax: 32 * 1024 ** 3 }

/** Downloads the model that a reference names into a folder; gives the reference with the version that it names. Throws Refusal. */
export const downloadModel = (
  { url, key }: Pick<ServerClient, 'url' | 'key'>,
  reference: string,
  folder: string,
  bounds = boundsDefault,
): Promise<string> =>
  asking(url, async () => {
    const client = new SlipwayClient({ url: url.href, ...(key === undefined ? {} : { key }) })
    const { uri, names } = await client.locateModel(reference)
    let left = bounds.bytesMax
    const counted = (): Transform =>
      new Transform({
        transform(chunk: Uint8Array, _, done) {
          left -= chunk.length
          if (left < 0) done(new Refusal(`${reference} has more than ${bounds.bytesMax} bytes`, 'too_large'))
          else done(null, chunk)
        },
      })
    let isEmpty = true
    for await (const path of client.filesBelow(uri, bounds)) {
      isEmpty = false
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true })
      const body = Readable.from(await client.readFile(uri, path))
      await pipeline(body, counted(), createWriteStream(target, { flags: 'wx' }))
    }
    if (isEmpty) throw new Refusal(`${reference} has no files at ${url.origin}`, 'not_found')
    return names
  })
