import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, inferBody, startTestApp } from '../../src/testing/index.ts'
import { smallDisk } from './small-disk.ts'

const disk = smallDisk(3)
const api = '/api/2.0/mlflow'
const artifact = '/api/2.0/mlflow-artifacts/artifacts/0/models/m'

describe('a registry on a full disk', () => {
  it.runIf(disk !== undefined)('answers writes with 507, reads and predicts on, and recovers', async () => {
    const dataDir = disk ?? ''
    const app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) }, flags: ['--data-dir', dataDir] })
    try {
      const created = await app.post(`${api}/runs/create`, { experiment_id: '0', start_time: 1 })
      const { run } = (await created.json()) as { run: { info: { run_id: string } } }
      const runId = run.info.run_id
      const put = (name: string, bytes: number): Promise<Response> =>
        app.fetch(`${artifact}/${name}`, { method: 'PUT', body: Buffer.alloc(bytes, name) })
      const tooLarge = await put('large', 8 * 1024 * 1024)
      expect(tooLarge.status).toBe(507)
      expect(await tooLarge.json()).toMatchObject({ error_code: 'RESOURCE_EXHAUSTED' })
      expect(readdirSync(join(dataDir, 'artifacts', 'incoming'))).toEqual([])
      // What is left is taken by files, until the database has no space either.
      let filled = 0
      for (let bytes = 512 * 1024; bytes >= 4096; bytes /= 2)
        while ((await put(`fill-${filled}`, bytes)).status === 200) filled++
      const writes = async (): Promise<number> => {
        for (let count = 0; count < 400; count++) {
          const tag = { run_id: runId, key: `tag ${count}`, value: 'x'.repeat(4000) }
          const reply = await app.post(`${api}/runs/set-tag`, tag)
          if (reply.status !== 200) {
            expect(reply.headers.get('slipway-error')).toBe('storage_full')
            return reply.status
          }
        }
        return 200
      }
      expect(await writes()).toBe(507)
      expect((await app.fetch(`${api}/runs/get?run_id=${runId}`)).status).toBe(200)
      expect((await app.post('/v2/models/m/infer', inferBody([1]))).status).toBe(200)
      execFileSync('mount', ['-o', 'remount,size=16m', dataDir])
      expect(await writes()).toBe(200)
      expect((await put('after', 1000)).status).toBe(200)
    } finally {
      await app.stop()
      execFileSync('umount', [dataDir])
    }
  })
})
