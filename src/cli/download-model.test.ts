import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { downloadModel } from './download-model.ts'

/** Answers with a model whose folder is what its name says. */
const answer = (url: URL): unknown => {
  const folder = url.searchParams.get('path') ?? ''
  if (url.pathname.endsWith('get-download-uri'))
    return { artifact_uri: `mlflow-artifacts:/${url.searchParams.get('name') ?? ''}` }
  if (folder.startsWith('deep')) return { files: [{ path: 'more', is_dir: true }] }
  if (folder.startsWith('wide'))
    return { files: Array.from({ length: 30 }, (_, index) => ({ path: `${index}`, is_dir: index % 2 === 0 })) }
  if (folder === 'outside') return { files: [{ path: '../up', is_dir: false }] }
  if (folder === 'twice') return { files: Array(2).fill({ path: 'a', is_dir: false }) }
  if (folder === 'plain' || folder === 'large') return { files: ['a', 'b'].map((path) => ({ path, is_dir: false })) }
  return {}
}

let server: Server
let url: URL
let root: string
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'slipway-download-'))
  server = createServer((request, response) => {
    const asked = new URL(request.url ?? '', 'http://x')
    const file = /artifacts\/(plain|large|twice)\//.exec(asked.pathname)?.[1]
    if (file === undefined) response.end(JSON.stringify(answer(asked)))
    else response.end(Buffer.alloc(file === 'large' ? 600 : 10, 'x'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  rmSync(root, { recursive: true })
})

const bounds = { entriesMax: 20, depthMax: 5, bytesMax: 1000 }
const download = (name: string): Promise<string> =>
  downloadModel({ url, key: undefined }, `models:/${name}/1`, join(root, name), bounds)

describe('the download of a model', () => {
  it('brings its files', async () => {
    expect(await download('plain')).toBe('models:/plain/1')
    expect(['a', 'b'].map((name) => readFileSync(join(root, 'plain', name), 'utf8'))).toEqual(
      Array(2).fill('x'.repeat(10)),
    )
  })

  it.each([
    ['deep', /more than 5 folders deep/],
    ['wide', /more than 20 files/],
    ['large', /more than 1000 bytes/],
    ['outside', /a file named '..\/up'/],
    ['twice', /EEXIST/],
    ['empty', /models:\/empty\/1 has no files/],
  ])('ends at one that is %s', async (name, reason) => {
    await expect(download(name)).rejects.toThrow(reason)
    expect(existsSync(join(root, 'up'))).toBe(false)
    if (name === 'large') expect(statSync(join(root, name, 'b')).size).toBeLessThanOrEqual(400)
  })
})
