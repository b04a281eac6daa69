import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, inferBody } from '../../src/testing/index.ts'
import { mayHaveSmallDisk, smallDisk } from './small-disk.ts'
import { spawnServer } from './spawn-server.ts'

describe.runIf(mayHaveSmallDisk)('a full disk', () => {
  it('refuses what must be written with 507, keeps serving, leaves no remains, and recovers', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-disk-'))
    mkdirSync(join(root, 'models/m/1'), { recursive: true })
    mkdirSync(join(root, 'data'))
    writeFileSync(join(root, 'models/m/1/model.mjs'), addModel(1))
    const disk = smallDisk(join(root, 'data'), 1)
    const flags = ['--model-repository', join(root, 'models')]
    const server = await spawnServer(join(root, 'data'), { flags, within: disk.within })
    try {
      const deploy = (bytes: number): Promise<Response> =>
        server.post('/api/slipway/v1/models/new/versions?file=model.mjs', `${addModel(2)}//${'x'.repeat(bytes)}`)
      const refused = await deploy(3 * 1024 * 1024)
      expect(refused.status).toBe(507)
      expect(refused.headers.get('slipway-error')).toBe('storage_full')
      const file = Buffer.from(`${addModel(3)}//${'x'.repeat(3 * 1024 * 1024)}`).toString('base64')
      const load = await server.post('/v2/repository/models/inline/load', {
        parameters: { config: '{"backend":"js"}', 'file:1/model.mjs': file },
      })
      expect(load.status).toBe(507)
      expect((await server.post('/v2/models/m/infer', inferBody([1]))).status).toBe(200)
      expect(readdirSync(join(disk.seenOf(server), 'models')).filter((name) => name.startsWith('.'))).toEqual([])
      expect((await deploy(1000)).status).toBe(200)
      expect((await server.post('/v2/models/new/infer', inferBody([1]))).status).toBe(200)
      expect(await server.stop()).toBe(0)
    } finally {
      await server.kill()
      rmSync(root, { recursive: true, force: true })
    }
  })
})
