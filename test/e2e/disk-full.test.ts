import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, inferBody, startTestApp } from '../../src/testing/index.ts'
import { smallDisk } from './small-disk.ts'

const disk = smallDisk(1)

describe('a full disk', () => {
  it.runIf(disk !== undefined)(
    'refuses what must be written with 507, keeps serving, leaves no remains, and recovers',
    async () => {
      const dataDir = disk ?? ''
      const app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) }, flags: ['--data-dir', dataDir] })
      try {
        const deploy = (bytes: number): Promise<Response> =>
          app.fetch('/api/slipway/v1/models/new/versions?file=model.mjs', {
            method: 'POST',
            body: `${addModel(2)}//${'x'.repeat(bytes)}`,
          })
        const refused = await deploy(3 * 1024 * 1024)
        expect(refused.status).toBe(507)
        expect(refused.headers.get('slipway-error')).toBe('storage_full')
        const file = Buffer.from(`${addModel(3)}//${'x'.repeat(3 * 1024 * 1024)}`).toString('base64')
        const load = await app.post('/v2/repository/models/inline/load', {
          parameters: { config: '{"backend":"js"}', 'file:1/model.mjs': file },
        })
        expect(load.status).toBe(507)
        expect((await app.post('/v2/models/m/infer', inferBody([1]))).status).toBe(200)
        expect(readdirSync(join(dataDir, 'models')).filter((name) => name.startsWith('.'))).toEqual([])
        expect((await deploy(1000)).status).toBe(200)
        expect((await app.post('/v2/models/new/infer', inferBody([1]))).status).toBe(200)
      } finally {
        await app.stop()
        execFileSync('umount', [dataDir])
      }
    },
  )
})
