import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, inferBody } from '../../src/testing/index.ts'
import { mayHaveSmallDisk, smallDisk } from './small-disk.ts'
import { spawnServer } from './spawn-server.ts'

const api = '/api/2.0/mlflow'
const artifact = '/api/2.0/mlflow-artifacts/artifacts/0/models/m'

describe.runIf(mayHaveSmallDisk)('a registry on a full disk', () => {
  it('answers writes with 507, reads and predicts on, and recovers', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-disk-'))
    mkdirSync(join(root, 'models/m/1'), { recursive: true })
    mkdirSync(join(root, 'data'))
    writeFileSync(join(root, 'models/m/1/model.mjs'), addModel(1))
    const disk = smallDisk(join(root, 'data'), 3)
    const flags = ['--model-repository', join(root, 'models')]
    const server = await spawnServer(join(root, 'data'), { flags, within: disk.within })
    try {
      const created = await server.post(`${api}/runs/create`, { experiment_id: '0', start_time: 1 })
      const { run } = (await created.json()) as { run: { info: { run_id: string } } }
      const runId = run.info.run_id
      const put = (name: string, bytes: number): Promise<Response> =>
        server.fetch(`${artifact}/${name}`, { method: 'PUT', body: Buffer.alloc(bytes, name) })
      const tooLarge = await put('large', 8 * 1024 * 1024)
      expect(tooLarge.status).toBe(507)
      expect(await tooLarge.json()).toMatchObject({ error_code: 'RESOURCE_EXHAUSTED' })
      expect(readdirSync(join(disk.seenOf(server), 'artifacts', 'incoming'))).toEqual([])
      // What is left is taken by files, until the database has no space either.
      let filled = 0
      for (let bytes = 512 * 1024; bytes >= 4096; bytes /= 2)
        while ((await put(`fill-${filled}`, bytes)).status === 200) filled++
      const writes = async (): Promise<number> => {
        for (let count = 0; count < 400; count++) {
          const tag = { run_id: runId, key: `tag ${count}`, value: 'x'.repeat(4000) }
          const reply = await server.post(`${api}/runs/set-tag`, tag)
          if (reply.status !== 200) {
            expect(reply.headers.get('slipway-error')).toBe('storage_full')
            return reply.status
          }
        }
        return 200
      }
      expect(await writes()).toBe(507)
      expect((await server.fetch(`${api}/runs/get?run_id=${runId}`)).status).toBe(200)
      expect((await server.post('/v2/models/m/infer', inferBody([1]))).status).toBe(200)
      disk.resize(server, 16)
      expect(await writes()).toBe(200)
      expect((await put('after', 1000)).status).toBe(200)
      expect(await server.stop()).toBe(0)
    } finally {
      await server.kill()
      rmSync(root, { recursive: true, force: true })
    }
  })
})
