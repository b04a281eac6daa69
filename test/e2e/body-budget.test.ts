import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

const mebibyte = 1024 * 1024
const gate = join(mkdtempSync(join(tmpdir(), 'slipway-gate-')), 'open')

/** Answers once a file is there, however slow the machine is. */
const gated = jsModel(
  `const { existsSync } = await import('node:fs'); while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 5)); return Array.from(x.data)`,
)

let app: TestApp

beforeAll(async () => {
  // A model is run once when it is loaded.
  writeFileSync(gate, '')
  app = await startTestApp({
    models: {
      'add/1/model.mjs': addModel(1),
      'gated/1/model.mjs': gated,
      'gated/config.pbtxt': 'max_batch_size: 0 dynamic_batching { }',
    },
    flags: [
      '--http.body-bytes-max=2MiB',
      '--http.buffered-bytes-max=16MiB',
      '--serving.deadline.default-ms=50s',
      '--http.request-timeout-ms=50s',
    ],
  })
  rmSync(gate)
})

afterAll(async () => {
  await app.stop()
  rmSync(dirname(gate), { recursive: true })
})

interface Answer {
  readonly status: number
  readonly code: string | null
  readonly retryAfter: string | null
}

const answerOf = async (response: Response): Promise<Answer> => {
  await response.arrayBuffer()
  const { status, headers } = response
  return { status, code: headers.get('slipway-error'), retryAfter: headers.get('retry-after') }
}

/** A request of FP32 rows in binary that takes `bytes`, which a client sends at once. */
const large = async (model: string, bytes: number, path = `/v2/models/${model}/infer`): Promise<Answer> => {
  const input = { name: 'x', datatype: 'FP32', shape: [bytes / 4, 1], parameters: { binary_data_size: bytes } }
  const head = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }))
  const body = Buffer.concat([head, Buffer.alloc(bytes)])
  return answerOf(
    await app.fetch(path, {
      method: 'POST',
      body,
      headers: { 'inference-header-content-length': String(head.length) },
    }),
  )
}

const small = async (): Promise<number> => (await app.post('/v2/models/add/infer', inferBody([1]))).status

interface Upload {
  readonly socket: Socket
  said(): string
}

/** A body of 2 MiB of which half is sent, and the rest never. */
const halfUpload = (): Promise<Upload> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(app.addresses.http).port), '127.0.0.1')
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.write(
      `POST /v2/models/add/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 * mebibyte}\r\n\r\n`,
      'latin1',
    )
    socket.write(Buffer.alloc(mebibyte), () => {
      socket.removeListener('error', reject).on('error', () => {})
      resolve({ socket, said: () => text })
    })
  })

const refused = { status: 429, code: 'server_busy', retryAfter: '1' }

/** Takes all that large bodies may have; answers how many could begin. */
const fill = async (): Promise<Upload[]> => {
  const uploads = await Promise.all(Array.from({ length: 20 }, halfUpload))
  await eventually('those beyond the budget are refused', () =>
    uploads.filter((upload) => upload.said() !== '').length >= 6 ? true : undefined,
  )
  return uploads
}

const empty = (): Promise<true> =>
  eventually('large bodies pass', async () => ((await large('add', mebibyte)).status === 200 ? true : undefined))

describe('bodies that together would take more memory than there may be', () => {
  it('of slow clients are refused in the shape of the protocol, while small ones are answered', async () => {
    const uploads = await fill()
    const answers = uploads.map((upload) => upload.said()).filter((text) => text !== '')
    for (const text of answers) {
      expect(text).toMatch(/^HTTP\/1\.1 429 /)
      expect(text).toMatch(/^retry-after: 1\r$/im)
      expect(text).toContain(
        '{"error":"the server holds as much as it may of bodies of requests (http.bufferedBytesMax)"}',
      )
    }
    // 14 of 16 MiB are for bodies above 64 KiB; what each client had under way when it was refused is free again.
    expect(answers.length).toBe(6)
    expect(await large('add', mebibyte)).toEqual(refused)
    expect(await small()).toBe(200)
    for (const { socket } of uploads) socket.destroy()
    await empty()
  })

  it('leave nothing taken once they were answered, refused, damaged or given up', async () => {
    for (let round = 0; round < 3; round++) {
      const uploads = await fill()
      expect(uploads.filter((upload) => upload.said() !== '').length, `round ${round}`).toBe(6)
      for (const { socket } of uploads) socket.destroy()
      await empty()
      expect((await large('nope', mebibyte)).status).toBe(404)
      expect((await app.post('/v2/models/add/infer', 'x'.repeat(mebibyte))).status).toBe(400)
      expect((await app.post('/v2/models/add/infer', 'x'.repeat(3 * mebibyte))).status).toBe(413)
    }
  })

  it('count as what they are decompressed to', async () => {
    const uploads = await fill()
    const body = gzipSync(JSON.stringify({ ...inferBody([1]), id: 'x'.repeat(900_000) }))
    const compressed = async (): Promise<Answer> =>
      answerOf(
        await app.fetch('/v2/models/add/infer', { method: 'POST', body, headers: { 'content-encoding': 'gzip' } }),
      )
    expect(body.length).toBeLessThan(64 * 1024)
    expect(await compressed()).toEqual(refused)
    for (const { socket } of uploads) socket.destroy()
    await empty()
    expect((await compressed()).status).toBe(200)
  })

  it('wait for a slow model as far as there is memory, and are answered', async () => {
    let settled = 0
    const requests = Array.from({ length: 20 }, async () => {
      const answer = await large('gated', mebibyte)
      settled += 1
      return answer
    })
    await eventually('those beyond the budget are refused', () => (settled >= 7 ? true : undefined))
    expect(await small()).toBe(200)
    writeFileSync(gate, '')
    const answers = await Promise.all(requests)
    // 13: each holds a little more than a mebibyte.
    expect(answers.filter(({ status }) => status === 200).length).toBe(13)
    for (const answer of answers) if (answer.status !== 200) expect(answer).toEqual(refused)
    await empty()
  })
})
